"""Listening on a port, as all of the servers do."""

from __future__ import annotations

import socket
from typing import Any

import uvicorn

_KEEP_ALIVE = 75
"""Seconds that an idle connection stays open: longer than clients keep it (httpx: 5 s, as long as
uvicorn by default), so that none is closed just as a client sends on it."""

_SHUTDOWN = 15
"""Seconds that requests have to end once the service is told to stop. One that stalls must not keep
it for ever; systemd and compose give it 30 s in all, and its jobs need some of them."""


def require_free(host: str, port: int) -> None:
    """Raises OSError, which says what to do, if the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise OSError(
                f"cannot listen on {host}:{port} ({error.strerror}): choose another with --port"
            ) from error


def listen(service: Any, host: str, port: int, workers: int = 1) -> None:
    """Serve until it is told to stop; requests that are being answered then have a while to end.

    Args:
        service: An ASGI application; for several workers, the name of a function that makes one.
        host: Address to listen on.
        port: Port to listen on.
        workers: Processes that share the port.
    """
    uvicorn.run(
        service,
        factory=isinstance(service, str),
        host=host,
        port=port,
        workers=workers,
        # Whoever can send a header could otherwise choose the address that a request comes from.
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_SHUTDOWN,
        # A worker that loads its models is busy for longer than the five seconds of the default.
        timeout_worker_healthcheck=60,
        # The service writes its own.
        access_log=False,
        log_config=None,
    )
