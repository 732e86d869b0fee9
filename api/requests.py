"""Requests: each has an id, which its response and its log lines carry."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""Of the request that is being answered; empty outside of one."""

FAILURE: ContextVar[Exception | None] = ContextVar("failure", default=None)
"""What the request failed of, once that has been logged."""

HEADER = "X-Request-ID"

_SOUND = re.compile(r"[A-Za-z0-9._:-]{1,100}")


class RequestId:
    """Gives each request an id: the one it came with, if that can be logged, or a new one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        name = scope["request_id"] = given if _SOUND.fullmatch(given) else uuid.uuid4().hex

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = name
            await send(message)

        # Not reset: the context is the request's own, and its errors are logged outside of here.
        REQUEST_ID.set(name)
        await self._app(scope, receive, named)
