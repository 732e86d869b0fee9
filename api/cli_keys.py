"""The commands that make and revoke keys: `campus-qa keys ...`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.terminal import JsonFlag, print_json, read_settings, say

if TYPE_CHECKING:
    from api.keys import Key, Scope

app = typer.Typer(no_args_is_help=True, help="Make and revoke keys for the HTTP service.")

_LONGEST_NAME = 100
_CLOSED = {
    "ask": "From now on, asking over HTTP needs a key.",
    "write": "From now on, writing over HTTP needs a key, from this machine too.",
}


def _check_name(name: str) -> str:
    if not name.strip() or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise typer.BadParameter(f"1 to {_LONGEST_NAME} printable characters")
    return name.strip()


@app.command("create", epilog="Example: campus-qa keys create website --scope ask --expires 90")
def keys_create(
    name: Annotated[
        str, typer.Argument(callback=_check_name, help="Whom or what it is for, to know it by.")
    ],
    scopes: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            metavar="ask|write",
            help="What it lets do (may be repeated); who may write may ask too. By default, ask.",
            show_default=False,
        ),
    ] = None,
    expires: Annotated[
        int | None,
        typer.Option(min=1, max=36500, metavar="DAYS", help="After how many days it expires."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a key, and print it, this one time: it is not kept, only what recognises it.

    The first key for asking closes asking to all who have none, the first one for writing closes
    writing. A running service knows the key at once.
    """
    store = read_settings().keys
    wanted = _scopes(scopes)
    with _clear_errors():
        closing = [scope for scope in wanted if not store.needed_for(scope)]
        key, text = store.create(name, wanted, timedelta(days=expires) if expires else None)
    if as_json:
        print_json({**_describe(key), "key": text})
    else:
        typer.echo(text)
        say(f"This is the key {key.id}: it is not shown again. Its hash is in {store.path}.")
    for scope in dict.fromkeys(closing):
        say(_CLOSED[scope])


@app.command("list", epilog="Example: campus-qa keys list --json")
def keys_list(as_json: JsonFlag = False) -> None:
    """List the keys, oldest first: what they let do, and until when."""
    store = read_settings().keys
    with _clear_errors():
        keys = store.all()
    if as_json:
        print_json([_describe(key) for key in keys])
        return
    if not keys:
        typer.echo("There are no keys.")
    for key in keys:
        until = f"expires {key.expires_at:%Y-%m-%d %H:%M}" if key.expires_at else "does not expire"
        typer.echo(
            f"{key.id}  {key.name}  ({', '.join(key.scopes)})  "
            f"created {key.created_at:%Y-%m-%d %H:%M}, {'EXPIRED' if key.expired else until}"
        )


@app.command("revoke", epilog="Example: campus-qa keys revoke website")
def keys_revoke(
    key: Annotated[str, typer.Argument(metavar="ID_OR_NAME", help="As `keys list` names it.")],
    may_open: Annotated[
        bool,
        typer.Option("--open", help="Also the last key for asking: asking is then open to all."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Revoke a key: from now on it lets do nothing, and a running service knows it at once."""
    with _clear_errors():
        revoked = read_settings().keys.revoke(key, may_open=may_open)
    if as_json:
        print_json(_describe(revoked))
    else:
        typer.echo(f"The key {revoked.id} ({revoked.name}) is revoked.")


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Turn what goes wrong with the keys into one clear line and exit status 1."""
    from api.keys import KeyStoreError

    try:
        yield
    except (KeyStoreError, OSError) as error:
        say(f"error: {error}")
        raise typer.Exit(1) from error


def _scopes(given: list[str] | None) -> list[Scope]:
    from api.keys import Scope

    try:
        return [Scope(name) for name in given or [Scope.ASK]]
    except ValueError as error:
        raise typer.BadParameter("choose from ask and write", param_hint="--scope") from error


def _describe(key: Key) -> dict[str, Any]:
    return {**key.model_dump(mode="json", exclude={"sha256"}), "expired": key.expired}
