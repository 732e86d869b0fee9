"""The command that offers the documents to LLM agents: `campus-qa mcp`."""

from __future__ import annotations

from typing import Annotated

import typer

from api.terminal import clear_errors, read_settings


def mcp(
    http: Annotated[
        bool, typer.Option("--http", help="Listen on a port, at /mcp, instead of standard input.")
    ] = False,
    host: Annotated[str, typer.Option(help="Address to listen on, with --http.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on, with --http.")
    ] = 8001,
) -> None:
    """Offer the documents to LLM agents as tools (Model Context Protocol).

    The client starts this command and talks to it over standard input and output, or connects to
    it if it listens (--http). There it wants a key as soon as there is one for asking (`campus-qa
    keys`). Logs go to standard error.
    """
    import signal

    from api.listening import listen, require_free
    from api.logs import configure_logs
    from api.mcp_server import create_server, create_service

    settings = read_settings()
    configure_logs(settings)
    if http:
        with clear_errors():
            require_free(host, port)
        listen(create_service(settings, host), host, port)
    else:
        # Ctrl-C ends it at once; a handler would wait for a line on standard input.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        create_server(settings).run("stdio")
