"""Uploads that break off, as the server tells it to an application."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from starlette.types import Message

from api.multipart import read_uploads
from api.problems import add_problem_handlers
from api.settings import Settings


def test_an_upload_that_the_client_breaks_off_is_no_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = FastAPI()
    add_problem_handlers(app)

    @app.post("/documents")
    async def receive(request: Request) -> None:
        await read_uploads(request, Settings(home=tmp_path))

    begun = b'--x\r\ncontent-disposition: form-data; name="f"; filename="a.txt"\r\n\r\nUn'
    messages: list[Message] = [
        {"type": "http.request", "body": begun, "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def next_message() -> Message:
        return messages.pop(0)

    async def note(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/documents",
        "query_string": b"",
        "headers": [(b"content-type", b"multipart/form-data; boundary=x")],
    }
    asyncio.run(app(scope, next_message, note))
    assert sent[0]["status"] == 400
    assert b"The body broke off." in sent[1]["body"]
    assert caplog.records == []
