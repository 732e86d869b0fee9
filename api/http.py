"""The HTTP service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import APIRouter, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi_swagger import patch_fastapi

from api import http_documents, http_index, http_openai, http_questions, http_web, metrics
from api.access import Asker, describe_access
from api.dependencies import Ready, problems
from api.jobs import JobStore
from api.limits import BodyLimit
from api.logs import configure_logs
from api.metrics import Metrics, Observer
from api.problems import add_problem_handlers, describe_problems
from api.rate_limit import RateLimit
from api.requests import HEADER, RequestId
from api.schemas import Health, Readiness
from api.serving import Serving
from api.settings import Settings
from api.tracing import Tracing

_DESCRIPTION = """\
Answers questions about the indexed documents, with citations that are exact slices of them, and
says so when the documents do not answer.

Offsets (`start`, `end`) count Unicode code points of the document's text. Errors are problem
details (RFC 9457)."""

router = APIRouter()


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service as an ASGI application; settings come from the environment by default.

    The model and the index are loaded here, before anything is served. Without an index the service
    starts all the same, and answers 503 where one is needed. While it runs it moves to each new
    snapshot by itself, and goes on with the jobs that an earlier one left unfinished.

    Raises:
        SnapshotError: The index was built with another embedding model.
        EmbedderError, EmbeddedModelError, RerankerError, SpanReaderError: A model cannot be
            loaded.
        TracingError: Traces are to be sent, and cannot be made.
    """
    if settings is None:
        # A worker process, which has nobody to do this for it.
        settings = Settings()
        configure_logs(settings)
    tracing = Tracing(settings)
    serving = Serving(settings)
    jobs = JobStore(settings)
    counted = Metrics(serving, jobs)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        jobs.resume()
        serving.start()
        yield
        serving.stop()
        jobs.stop()
        tracing.stop()

    app = FastAPI(
        title="Campus QA",
        version=version("campus-qa"),
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        lifespan=lifespan,
        telemetry=tracing.telemetry,
    )
    app.state.settings = settings
    app.state.serving = serving
    app.state.jobs = jobs
    app.state.metrics = counted
    for part in (http_questions, http_documents, http_openai):
        app.include_router(part.router, dependencies=[Asker])
    app.include_router(http_index.router)
    app.include_router(metrics.router)
    app.include_router(http_web.router)
    app.include_router(router)
    # The last to be added is the first that a request comes to.
    app.add_middleware(BodyLimit)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    if settings.rate_limit:
        # Within CORS, so that a page of another site can read the refusal.
        app.add_middleware(RateLimit, keys=settings.keys, per_minute=settings.rate_limit)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=[HEADER, "ETag", "Location", "RateLimit", "Retry-After"],
        )
    app.add_middleware(Observer, metrics=counted, tracing=tracing)
    app.add_middleware(RequestId)
    add_problem_handlers(app)
    # Swagger UI from the package, not from a CDN: /docs works without a network.
    patch_fastapi(app, swagger_ui_parameters={"tryItOutEnabled": True})
    build_schema = app.openapi
    app.openapi = lambda: describe_access(describe_problems(build_schema()))  # type: ignore[method-assign]
    return app


@router.get("/healthz", tags=["operations"])
async def health() -> Health:
    """Whether the process is alive."""
    return Health()


@router.get("/readyz", tags=["operations"], responses=problems(503))
async def readiness(answerer: Ready) -> Readiness:
    """Whether questions can be answered; 503 until then."""
    return Readiness(index_version=answerer.snapshot.version)
