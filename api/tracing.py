"""Traces, over OpenTelemetry's protocol (OTLP/HTTP), where somebody collects them.

FastAPI makes the span of a request, below the caller's (`traceparent`); the stages of an answer are
added here.
"""

from __future__ import annotations

import os
import time
from importlib.metadata import version
from typing import TYPE_CHECKING

from fastapi.telemetry import TelemetryConfig

from api.settings import Settings
from qa import Timings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

STAGES = ("embed", "retrieve", "rerank", "read", "generate")
"""The stages of an answer, in the order in which they come."""


class TracingError(Exception):
    """Traces are asked for and cannot be made; the message says what to do."""


class Tracing:
    """Sends spans to the configured endpoint; without one, does nothing."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is sent yet.

        Raises:
            TracingError: An endpoint is configured, but the packages are not installed.
        """
        endpoint = settings.otlp_endpoint
        self._provider = _provider(endpoint) if endpoint else None

    @property
    def telemetry(self) -> TelemetryConfig:
        """What FastAPI is to be told: spans for requests, and nothing else."""
        return {
            "tracer_provider": self._provider,
            "tracing": self._provider is not None,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        }

    def record(self, timings: Timings, seconds: float) -> None:
        """Add the stages of an answer to the span of its request.

        They stand one after another from the request's beginning on; what they were between, such
        as waiting for a thread, is not in the answer's timings.

        Args:
            timings: Of the answer.
            seconds: Since the request began.
        """
        if self._provider is None:
            return
        tracer = self._provider.get_tracer("campus-qa")
        began = time.time_ns() - int(seconds * 1e9)
        for stage in STAGES:
            ended = began + int(getattr(timings, stage) * 1e6)
            if ended > began:
                tracer.start_span(stage, start_time=began).end(ended)
            began = ended

    def stop(self) -> None:
        """Send what is left."""
        if self._provider is not None:
            self._provider.shutdown()


def _provider(endpoint: str) -> TracerProvider:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise TracingError(
            "traces are to be sent (CAMPUS_QA_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT is "
            "set), but the packages for it are not installed: pip install 'campus-qa[otel]'"
        ) from error
    name = os.environ.get("OTEL_SERVICE_NAME", "campus-qa")
    resource = {"service.name": name, "service.version": version("campus-qa")}
    provider = TracerProvider(resource=Resource.create(resource))
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
