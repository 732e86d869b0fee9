"""The most that the body of a request may hold."""

from __future__ import annotations

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem

MAX_BODY = 2**20
"""In bytes; more than the longest question takes. Uploads have limits of their own."""

_DETAIL = f"The body is too large: the most is {MAX_BODY // 2**20} MB."


class BodyLimit:
    """Refuses a body that is too large: before reading it if its length is given, else as soon as
    that much of it has come in.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["method"], scope["path"]) == ("POST", "/documents"):
            await self._app(scope, receive, send)
            return
        if int(Headers(scope=scope).get("content-length", 0)) > MAX_BODY:
            refusal = problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _DETAIL)
            await refusal(scope, receive, send)
            return
        length = 0

        async def counted() -> Message:
            nonlocal length
            message = await receive()
            length += len(message.get("body", b""))
            if length > MAX_BODY:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _DETAIL)
            return message

        await self._app(scope, counted, send)
