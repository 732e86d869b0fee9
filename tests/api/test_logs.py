from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.responses import StreamingResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from api.http import create_app
from api.logs import FIELDS, configure_logs
from api.requests import REQUEST_ID
from api.settings import Settings
from api.tracing import Tracing, TracingError
from tests.api.conftest import Environment, Server, serve, wait_for
from tests.api.test_metrics import scrape

QUESTION = "Combien de personnes travaillent à PariSanté Campus ?"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
DEAD_WORKER = """
from prometheus_client import Gauge
help = "Requests that are being answered, this one among them."
Gauge("campus_qa_in_flight_requests", help, multiprocess_mode="livesum").inc()
"""


class Collector(ThreadingHTTPServer):
    """Takes traces as a collector does."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.spans: list[Any] = []
        self.services: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Receiver(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200 if self.path == "/v1/traces" else 404)
        self.end_headers()
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = {a.key: a.value.string_value for a in resource.resource.attributes}
            self.server.services.add(names["service.name"])
            for scope in resource.scope_spans:
                self.server.spans.extend(scope.spans)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_workers_log_and_count_together(
    environment: Environment, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # Without an index no model is loaded, and each worker starts soon.
    settings = {"CAMPUS_QA_HOME": str(tmp_path), "CAMPUS_QA_LOG_FORMAT": "json"}
    server = Server({**environment, **settings}, "--workers", "2")
    try:
        (folder,) = (tmp_path / "cache").glob("metrics-*")
        asked = _ask_until_both_have_answered(str(server.client.base_url).rstrip("/"), folder)
        _leave_a_dead_worker(folder)
        for _ in range(8):
            with httpx.Client(base_url=server.client.base_url, timeout=60) as client:
                found = scrape(client)
            labels = {"route": "/readyz", "method": "GET", "status": "503"}
            assert found.value("requests_total", **labels) == asked
            assert found.value("request_seconds_count", route="/readyz") == asked
            assert found.value("in_flight_requests") == 1
    finally:
        server.stop()
    assert not folder.exists()
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    ready = [line["request_id"] for line in lines if line.get("route") == "/readyz"]
    assert len(set(ready)) == len(ready) == asked
    # What the HTTP server says itself, and no second line for each request.
    assert {line["logger"] for line in lines} == {"api.requests", "api.serving", "uvicorn.error"}


def _ask_until_both_have_answered(url: str, folder: Path) -> int:
    """How many requests it took."""
    asked = 0

    def ask(_: int) -> int:
        return httpx.get(f"{url}/readyz").status_code

    def both() -> bool:
        nonlocal asked
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(ask, range(16))) == {503}
        asked += 16
        return len(list(folder.glob("counter_*.db"))) == 2

    wait_for(both)
    return asked


def _leave_a_dead_worker(folder: Path) -> None:
    """One that was killed while it answered a request."""
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    subprocess.run([sys.executable, "-c", DEAD_WORKER], env=environment, check=True)
    assert len(list(folder.glob("gauge_livesum_*.db"))) == 3


@pytest.mark.usefixtures("logs_as_before")
@pytest.mark.parametrize("stream", [False, True])
def test_a_question_is_traced_and_logged_without_its_words(
    stream: bool,
    home: Path,
    model_path: str,
    collector: Collector,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    settings = Settings(home=home, embedding_model=model_path, reranker="none", log_format="json")
    app = create_app(settings)

    async def ask() -> httpx.Response:
        headers = {
            "X-Request-ID": "asked-1",
            "X-API-Key": "correct horse battery",
            "traceparent": f"00-{TRACE}-{PARENT}-01",
        }
        body = {"question": QUESTION, "stream": stream}
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            return await client.post("/ask", json=body, headers=headers)

    configure_logs(settings)
    response = asyncio.run(ask())
    text = capsys.readouterr().err
    for secret in ("personnes", "battery", TRACE):
        assert secret not in text
    line = json.loads(text)
    assert line.pop("time").endswith("+00:00")
    # Of a stream, the last event is the whole answer.
    answer = json.loads(response.text.rpartition("data: ")[2])
    assert line.pop("milliseconds") >= answer["timings_ms"]["total"]
    assert line == {
        "level": "info",
        "logger": "api.requests",
        "message": "request",
        "request_id": "asked-1",
        "method": "POST",
        "route": "/ask",
        "status": 200,
        "answered": answer["answered"],
        "mode": "extractive",
        "index_version": answer["index_version"],
    }
    assert collector.services == {"campus-qa"}
    (request,) = [span for span in collector.spans if span.name == "POST /ask"]
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
    stages = [span for span in collector.spans if span.parent_span_id == request.span_id]
    stages.sort(key=lambda span: span.start_time_unix_nano)
    assert [span.name for span in stages] == ["embed", "retrieve", "read"]
    for before, after in pairwise(stages):
        assert before.end_time_unix_nano == after.start_time_unix_nano
    assert "personnes" not in str(collector.spans)


@pytest.fixture
def logs_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], level = before
    root.setLevel(level)
    logging.captureWarnings(False)
    for name in ("api", "corpus", "evals", "index", "qa", "uvicorn"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    logging.getLogger("uvicorn.error").filters.clear()


@pytest.mark.usefixtures("logs_as_before")
def test_a_record_is_one_line_and_says_which_request_it_belongs_to(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs(Settings())
    logger = logging.getLogger("api.some")
    token = REQUEST_ID.set("r-1")
    logger.info("a.txt\nnot a record\x1b[2J", extra={FIELDS: {"status": 200, "mode": "é"}})
    REQUEST_ID.reset(token)
    logger.debug("not shown")
    logging.getLogger("some.package").info("not shown either")
    logging.getLogger("some.package").warning("heard")
    first, second = capsys.readouterr().err.splitlines()
    assert first.split(" ", 1)[1] == (
        r"INFO    api.some [r-1] a.txt\nnot a record\x1b[2J status=200 mode=é"
    )
    assert second.endswith("WARNING some.package heard")


@pytest.mark.usefixtures("logs_as_before")
def test_the_level_is_not_for_libraries_which_would_log_questions(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs(Settings(log_level="debug", log_format="json"))
    logging.getLogger("qa.some").debug("shown")
    logging.getLogger("httpcore").debug("a whole request")
    assert json.loads(capsys.readouterr().err)["message"] == "shown"
    configure_logs(Settings(log_level="error"))
    logging.getLogger("httpcore").warning("less than an error")
    logging.getLogger("api.some").warning("less than an error")
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("logs_as_before")
def test_a_failure_is_logged_once_with_its_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(home=tmp_path, log_format="json")
    app = create_app(settings)

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("as it was meant to")

    @app.get("/broken-off")
    def break_off() -> StreamingResponse:
        def stream() -> Iterator[str]:
            yield "begun"
            raise RuntimeError("as it was meant to")

        return StreamingResponse(stream())

    configure_logs(settings)
    with serve(app) as url:
        response = httpx.get(f"{url}/broken", headers={"X-Request-ID": "r-2"})
        assert (response.status_code, response.headers["x-request-id"]) == (500, "r-2")
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(f"{url}/broken-off", headers={"X-Request-ID": "r-3"})
    logging.getLogger("uvicorn.error").error("another", exc_info=RuntimeError("of the server"))
    *logged, other = map(json.loads, capsys.readouterr().err.splitlines())
    assert "of the server" in other["exception"]
    for name, route, status in (("r-2", "/broken", 500), ("r-3", "/broken-off", 200)):
        told, failed = (line for line in logged if line.get("request_id") == name)
        assert (told["route"], told["status"]) == (route, status)
        assert (failed["level"], failed["logger"]) == ("error", "api.problems")
        assert "RuntimeError: as it was meant to" in failed["exception"]


def test_traces_need_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(TracingError, match=r"pip install 'campus-qa\[otel\]'"):
        Tracing(Settings())
