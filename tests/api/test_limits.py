"""The limits of a body, on a real connection that sends it slowly."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from api import http_index, http_questions
from api.limits import BodyLimit
from api.problems import add_problem_handlers
from tests.api.conftest import serve

HEAD = (
    b"POST /v1/slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n"
    b"content-length: 9\r\n\r\n"
)


async def slowly(request: Request) -> AsyncIterator[str]:
    """Takes longer than a body may, and looks whether anybody is still there to read it."""
    yield "begun, "
    await asyncio.sleep(1)
    if not await request.is_disconnected():
        yield "done"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    app = FastAPI()
    app.add_middleware(BodyLimit, seconds=0.5)
    add_problem_handlers(app)

    @app.post("/v1/slow")
    def answer(body: dict[str, int], request: Request) -> StreamingResponse:
        return StreamingResponse(slowly(request))

    with serve(app) as url:
        yield httpx.URL(url).port or 0


def exchange(port: int, body: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(HEAD + body)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_body_that_does_not_come_in_time_is_a_problem(port: int) -> None:
    answer = exchange(port, b'{"a":')
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in answer
    assert b'"error":{"message":"The body did not come in within 0.5 s."' in answer


def test_an_answer_may_take_longer_than_a_body(port: int) -> None:
    answer = exchange(port, b'{"a": 1 }')
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"done" in answer


def test_the_openapi_document_says_where_a_body_may_come_too_late() -> None:
    app = FastAPI()
    for part in (http_questions, http_index):
        app.include_router(part.router)
    told = {
        path
        for path, methods in app.openapi()["paths"].items()
        for operation in methods.values()
        if "408" in operation["responses"]
    }
    assert told == {"/ask", "/search", "/index/rebuild", "/index/rollback"}
