"""The most that the body of a request may hold, and the longest that it may take to come in."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem

MAX_BODY = 2**20
"""In bytes; more than the longest question takes. Uploads have limits of their own."""

BODY_SECONDS = 30
"""For the whole body, so that nobody holds a connection by sending it a byte at a time."""

_DETAIL = f"The body is too large: the most is {MAX_BODY // 2**20} MB."


class BodyLimit:
    """Refuses a body that is too large: before reading it if its length is given, else as soon as
    that much of it has come in; and one that takes too long to come in.
    """

    def __init__(self, app: ASGIApp, seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["method"], scope["path"]) == ("POST", "/documents"):
            await self._app(scope, receive, send)
            return
        if int(Headers(scope=scope).get("content-length", 0)) > MAX_BODY:
            refusal = problem(scope, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _DETAIL)
            await refusal(scope, receive, send)
            return
        length = 0
        # What comes after the body is only that the client has gone, and that may take its time.
        end: float | None = asyncio.get_running_loop().time() + self._seconds

        async def counted() -> Message:
            nonlocal length, end
            try:
                async with asyncio.timeout_at(end):
                    message = await receive()
            except TimeoutError as error:
                detail = f"The body did not come in within {self._seconds:g} s."
                raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, detail) from error
            if not message.get("more_body", False):
                end = None
            length += len(message.get("body", b""))
            if length > MAX_BODY:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _DETAIL)
            return message

        await self._app(scope, counted, send)
