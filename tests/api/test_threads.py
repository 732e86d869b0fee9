"""What must be answered while slow questions have all threads."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace

import anyio.to_thread
import httpx
import pytest
from fastapi import FastAPI

from api import http
from api.dependencies import Configured, Jobs, KnownDocument


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/documents/d"])
def test_what_does_not_block_waits_for_no_thread(path: str) -> None:
    app = FastAPI()
    app.include_router(http.router)
    documents = {"d": SimpleNamespace(id="d")}
    snapshot = SimpleNamespace(version="1", documents=documents)
    app.state.serving = SimpleNamespace(answerer=SimpleNamespace(snapshot=snapshot))
    app.state.settings = app.state.jobs = None
    begun, free = threading.Event(), threading.Event()

    @app.get("/slow")
    def answer_slowly() -> None:
        begun.set()
        free.wait(30)

    @app.get("/documents/{document_id}")
    async def get(document: KnownDocument, settings: Configured, jobs: Jobs) -> str:
        return document.id

    async def look() -> httpx.Response:
        anyio.to_thread.current_default_thread_limiter().total_tokens = 1
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            slow = asyncio.create_task(client.get("/slow"))
            try:
                while not begun.is_set():
                    await asyncio.sleep(0.01)
                async with asyncio.timeout(5):
                    return await client.get(path)
            finally:
                free.set()
                await slow

    assert asyncio.run(look()).status_code == 200
