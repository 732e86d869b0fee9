"""The outermost room: HTTP requests, command lines, tool calls and Python in, calls of the other
rooms out.

`CampusQA` is for Python programs. Nothing here is for other rooms: `api.http:create_app` is the
ASGI application, `api.cli` the command, `api.mcp_server` the MCP server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from api.campus import CampusQA

__all__ = ["CampusQA"]


def __getattr__(name: str) -> Any:
    # Not before it is asked for: it brings the models' libraries, and `campus-qa --help` answers
    # at once.
    if name == "CampusQA":
        from api.campus import CampusQA

        return CampusQA
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
