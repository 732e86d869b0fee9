"""Metrics for Prometheus, and the log line of each request."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access import Monitor
from api.jobs import JobStore
from api.logs import FIELDS
from api.serving import Serving
from api.tracing import STAGES, Tracing
from qa import Answer, Retrieved, Said, SearchResult, Timings

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40)
_METHODS = frozenset("GET HEAD POST PUT PATCH DELETE OPTIONS".split())
_OTHER = "other"

_REQUESTS = logging.getLogger("api.requests")

router = APIRouter()


class Metrics:
    """What one application counts; several in a process do not mix.

    Where workers share a folder (see `shared_by_workers`), each counts there, and any of them tells
    of all.
    """

    def __init__(self, serving: Serving, jobs: JobStore) -> None:
        """`serving`, `jobs`: whose state is told when somebody looks."""
        own = CollectorRegistry()
        self._requests = Counter(
            "campus_qa_requests",
            "Requests, by path template.",
            ("route", "method", "status"),
            registry=own,
        )
        self._seconds = Histogram(
            "campus_qa_request_seconds",
            "How long requests took, to the end of their response.",
            ("route",),
            buckets=_SECONDS,
            registry=own,
        )
        self._stages = Histogram(
            "campus_qa_stage_seconds",
            "How long each stage of answers and searches took.",
            ("stage",),
            buckets=_SECONDS,
            registry=own,
        )
        self._answers = Counter(
            "campus_qa_answers",
            "Answers; a fallback is one that the LLM was to word and did not.",
            ("mode", "outcome"),
            registry=own,
        )
        self.in_flight = Gauge(
            "campus_qa_in_flight_requests",
            "Requests that are being answered, this one among them.",
            multiprocess_mode="livesum",
            registry=own,
        )
        self._folder = os.environ.get(_FOLDER)
        self._shown = own
        if self._folder:
            self._shown = CollectorRegistry()
            MultiProcessCollector(self._shown, self._folder)  # type: ignore[no-untyped-call]
        self._shown.register(_State(serving, jobs))

    def observe_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request; `route` is a path template, never a path."""
        self._requests.labels(route, method, status).inc()
        self._seconds.labels(route).observe(seconds)

    def observe_answer(self, answer: Answer) -> None:
        outcome = "answered"
        if not answer.answered:
            outcome = "refused"
        elif answer.fallback:
            outcome = "fallback"
        self._answers.labels(answer.mode, outcome).inc()
        self.observe_timings(answer.timings_ms)

    def observe_timings(self, timings: Timings) -> None:
        """Count the stages that there were."""
        for stage in STAGES:
            if milliseconds := getattr(timings, stage):
                self._stages.labels(stage).observe(milliseconds / 1000)

    def render(self) -> bytes:
        """All of it, in Prometheus' text format."""
        if self._folder:
            _forget_the_dead(Path(self._folder))
        return generate_latest(self._shown)


class _State(Collector):
    """What is so at the moment, whichever worker is asked."""

    def __init__(self, serving: Serving, jobs: JobStore) -> None:
        self._serving = serving
        self._jobs = jobs

    def collect(self) -> Iterator[Metric]:
        if answerer := self._serving.answerer:
            manifest = answerer.snapshot.manifest
            built = datetime.fromisoformat(manifest.created_at)
            age = (datetime.now(UTC) - built).total_seconds()
            yield InfoMetricFamily(
                "campus_qa_index", "The index that is served.", {"version": manifest.version}
            )
            yield GaugeMetricFamily(
                "campus_qa_index_age_seconds", "How long ago it was built.", age
            )
            yield GaugeMetricFamily(
                "campus_qa_index_passages", "Passages in it.", manifest.counts.passages
            )
        jobs = GaugeMetricFamily(
            "campus_qa_jobs", "Jobs that are not finished.", labels=("status",)
        )
        statuses = [job.status for job in self._jobs.all()]
        for status in ("queued", "running"):
            jobs.add_metric((status,), statuses.count(status))
        yield jobs


class Observer:
    """Measures each request to the end of its response, and writes a line about it to the log.

    A route that answers or searches leaves the result in `request.state.result`: its timings, and
    how it came out, are told too. Nothing else of a request is: no path, no header, nothing of its
    body.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, tracing: Tracing) -> None:
        self._app = app
        self._metrics = metrics
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        started = time.perf_counter()
        # What fails before it has a status is answered with this one, outside of here.
        status = 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self._metrics.in_flight.track_inprogress():
            try:
                await self._app(scope, receive, noted)
            finally:
                self._tell(scope, status, time.perf_counter() - started)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        # Of labels, and so of what a client sends, there must not be ever more.
        route = getattr(scope.get("route"), "path", None) or _OTHER
        method = scope["method"] if scope["method"] in _METHODS else _OTHER
        fields: dict[str, object] = {
            "method": method,
            "route": route,
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
        }
        result: Answer | SearchResult | None = scope["state"].get("result")
        if isinstance(result, Answer):
            fields |= {"answered": result.answered, "mode": result.mode}
            self._metrics.observe_answer(result)
        elif result is not None:
            self._metrics.observe_timings(result.timings_ms)
        if result is not None:
            fields["index_version"] = result.index_version
            self._tracing.record(result.timings_ms, seconds)
        self._metrics.observe_request(route, method, status, seconds)
        _REQUESTS.info("request", extra={FIELDS: fields})


def observed(
    request: Request, events: Iterator[Retrieved | Said | Answer]
) -> Iterator[Retrieved | Said | Answer]:
    """The same events; the answer among them is left for the observer of the request."""
    for event in events:
        if isinstance(event, Answer):
            request.state.result = event
        yield event


@router.get(
    "/metrics", tags=["operations"], dependencies=[Monitor], response_class=PlainTextResponse
)
def get_metrics(request: Request) -> Response:
    """Metrics in Prometheus' text format, of all workers together."""
    metrics: Metrics = request.app.state.metrics
    return Response(metrics.render(), media_type=CONTENT_TYPE_LATEST)


@contextmanager
def shared_by_workers(home: Path) -> Iterator[None]:
    """Have workers that are started meanwhile count together, in a folder that is new each time.

    Prometheus' client reads its name from the environment, once, when it is first imported.
    """
    cache = home.resolve() / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="metrics-", dir=cache) as folder:
        os.environ[_FOLDER] = folder
        yield


def _forget_the_dead(folder: Path) -> None:
    """Of a worker that was killed, take its counts, but not the requests it was answering."""
    for path in folder.glob("gauge_live*_*.db"):
        process = int(path.stem.rpartition("_")[2])
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            # Another worker may do the same at this moment.
            with suppress(FileNotFoundError):
                mark_process_dead(process, str(folder))  # type: ignore[no-untyped-call]
