"""The command that checks an installation: `campus-qa doctor`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from api.doctor import diagnose
from api.terminal import JsonFlag, clear_errors, print_json

_STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red"}


def doctor(
    host: Annotated[str, typer.Option(help="Address that `serve` is to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port there.")] = 8000,
    as_json: JsonFlag = False,
) -> None:
    """Check the installation, the index and the models, and say what to do about what is wrong.

    It loads the models and asks one question, which takes some seconds. The exit status is 1 if
    anything failed.
    """
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    checks = []
    with clear_errors():
        for check in diagnose(host, port):
            checks.append(check)
            if as_json:
                continue
            parts = [(f"{check.state:9}", _STYLES[check.state]), (f"{check.name:17}", "bold")]
            advice = f"\n{'':9}{'':17}-> {check.advice}" if check.advice else ""
            console.print(Text.assemble(*parts, check.found, advice), soft_wrap=True)
    ok = all(check.state != "failed" for check in checks)
    if as_json:
        print_json({"ok": ok, "checks": [asdict(check) for check in checks]})
    if not ok:
        raise typer.Exit(1)
