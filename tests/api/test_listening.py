"""The end of a service that is told to stop: a process of its own, without models."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.api.conftest import wait_for

SERVICE = """
import asyncio, sys
from api import listening

async def service(scope, receive, send):
    if scope["type"] != "http":
        return
    if scope["path"] == "/upload":
        while (await receive()).get("more_body"):
            pass
    if scope["path"] == "/slow":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun, ", "more_body": True})
        await asyncio.sleep(1)
        await send({"type": "http.response.body", "body": b"done"})

assert 0 < listening._SHUTDOWN + 10 < 30
listening._SHUTDOWN = 3
listening.listen(service, "127.0.0.1", int(sys.argv[1]))
"""


@pytest.fixture
def service() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen([sys.executable, "-c", SERVICE, str(port)]) as process:
        try:
            wait_for(lambda: answers(port), 30)
            yield process, port
        finally:
            process.kill()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def send(port: int, head: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(head + b" HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n")
    return connection


def test_what_is_being_answered_is_answered_and_what_stalls_is_not_waited_for(
    service: tuple[subprocess.Popen[bytes], int],
) -> None:
    process, port = service
    with send(port, b"POST /upload"), send(port, b"POST /slow") as slow:
        answer = slow.recv(65536)
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        while part := slow.recv(65536):
            answer += part
        assert b"done" in answer
        assert process.wait(timeout=30) in {0, -signal.SIGTERM}
        assert time.monotonic() - started < 15
