"""The limits of a body, on a real connection that sends it slowly."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from api.limits import BodyLimit
from api.problems import add_problem_handlers

HEAD = (
    b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n"
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

    @app.post("/")
    def answer(body: dict[str, int], request: Request) -> StreamingResponse:
        return StreamingResponse(slowly(request))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join()


def exchange(port: int, body: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(HEAD + body)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_body_that_does_not_come_in_time_is_a_problem(port: int) -> None:
    answer = exchange(port, b'{"a":')
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in answer
    assert b"within 0.5 s" in answer


def test_an_answer_may_take_longer_than_a_body(port: int) -> None:
    answer = exchange(port, b'{"a": 1 }')
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"done" in answer
