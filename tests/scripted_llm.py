"""An OpenAI-compatible server that says what a test has it say, well or badly."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = str | Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers each request with the next reply; the last one is for all that follow."""

    server: ScriptedLLM

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        self.server.requests.append(json.loads(self.rfile.read(length)))
        number = min(len(self.server.requests), len(self.server.replies)) - 1
        reply = self.server.replies[number]
        try:
            if callable(reply):
                reply(self)
            else:
                self.stream(reply)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def begin(self, status: int = 200, kind: str = "text/event-stream") -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.end_headers()

    def piece(self, text: str | None, **delta: Any) -> None:
        """One event of a stream; None ends it."""
        finish = None if text is not None else "stop"
        choice = {"index": 0, "delta": {"content": text or ""} | delta, "finish_reason": finish}
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "scripted"}
        self.write(f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n")

    def write(self, text: str) -> None:
        self.wfile.write(text.encode())
        self.wfile.flush()

    def stream(self, text: str) -> None:
        self.begin()
        for first in range(0, len(text), 7):
            self.piece(text[first : first + 7])
        self.piece(None)
        self.write("data: [DONE]\n\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


class ScriptedLLM(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, replies: list[Reply]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies = replies
        self.requests: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


@contextmanager
def scripted_llm(*replies: Reply) -> Iterator[ScriptedLLM]:
    server = ScriptedLLM(list(replies))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def fails(status: int) -> Reply:
    def reply(handler: Handler) -> None:
        handler.begin(status, "application/json")
        handler.write('{"error": {"message": "no"}}')

    return reply


def says_raw(text: str, kind: str = "text/event-stream") -> Reply:
    def reply(handler: Handler) -> None:
        handler.begin(kind=kind)
        handler.write(text)

    return reply


def breaks_off(text: str) -> Reply:
    """In mid-stream, without a last event."""

    def reply(handler: Handler) -> None:
        handler.begin()
        handler.piece(text)

    return reply


def hangs(handler: Handler) -> None:
    time.sleep(60)


def drips(handler: Handler) -> None:
    """A space now and then: no single wait is long."""
    handler.begin()
    for _ in range(600):
        handler.piece(" ")
        time.sleep(0.1)


def never_ends(handler: Handler) -> None:
    handler.begin()
    while True:
        handler.piece("et encore ")
