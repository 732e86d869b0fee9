"""The HTTP service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import PlainTextResponse, Response
from fastapi.routing import APIRouter
from fastapi_swagger import patch_fastapi
from starlette.exceptions import HTTPException

from api.access import describe_access
from api.http_index import router as index_router
from api.jobs import JobStore
from api.limits import BodyLimit
from api.problems import (
    FieldError,
    Problem,
    add_problem_handlers,
    describe_problems,
    problem,
)
from api.schemas import (
    AskRequest,
    DocumentDetails,
    DocumentInfo,
    DocumentList,
    Gap,
    Heading,
    Health,
    Readiness,
    SearchRequest,
)
from api.serving import Serving
from api.settings import Settings
from corpus import Document, plain_heading
from index import DocumentEntry
from qa import Answer, Answerer, SearchResult, Turn

_DESCRIPTION = """\
Answers questions about the indexed documents, with citations that are exact slices of them, and
says so when the documents do not answer.

Offsets (`start`, `end`) count Unicode code points of the document's text. Errors are problem
details (RFC 9457)."""

Responses = dict[int | str, dict[str, Any]]
_NO_INDEX: Responses = {503: {"model": Problem}}
_NOT_FOUND: Responses = {404: {"model": Problem}, **_NO_INDEX}
_INVALID: Responses = {
    **{status: {"model": Problem} for status in (400, 413, 415, 422)},
    **_NO_INDEX,
}

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
    """
    settings = settings or Settings()
    serving = Serving(settings)
    jobs = JobStore(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        jobs.resume()
        serving.start()
        yield
        serving.stop()
        jobs.stop()

    app = FastAPI(
        title="Campus QA",
        version=version("campus-qa"),
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        lifespan=lifespan,
    )
    app.state.settings = settings
    app.state.serving = serving
    app.state.jobs = jobs
    app.include_router(router)
    app.include_router(index_router)
    app.add_middleware(BodyLimit)
    add_problem_handlers(app)
    # Swagger UI from the package, not from a CDN: /docs works without a network.
    patch_fastapi(app, swagger_ui_parameters={"tryItOutEnabled": True})
    build_schema = app.openapi
    app.openapi = lambda: describe_access(describe_problems(build_schema()))  # type: ignore[method-assign]
    return app


def _answerer(request: Request) -> Answerer:
    answerer: Answerer | None = request.app.state.serving.answerer
    if answerer is None:
        raise HTTPException(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "There is no index to answer from: upload documents (POST /documents) or run "
            "`campus-qa index build`. If there is one, the log says why it cannot be used.",
        )
    return answerer


def _document(document_id: str, answerer: Annotated[Answerer, Depends(_answerer)]) -> Document:
    document = answerer.snapshot.documents.get(document_id)
    if document is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no document {document_id!r}.")
    return document


Ready = Annotated[Answerer, Depends(_answerer)]
Known = Annotated[Document, Depends(_document)]


@router.post("/ask", tags=["questions"], responses=_INVALID)
def ask(body: AskRequest, answerer: Ready, request: Request) -> Answer:
    """Answer a question from the documents, with citations, or say that they do not answer."""
    top_k = body.top_k or request.app.state.settings.top_k
    history = [Turn(question=turn.question, answer=turn.answer) for turn in body.history]
    return answerer.ask(body.question, top_k, body.filters, history, body.mode)


@router.post("/search", tags=["questions"], responses=_INVALID)
def search(body: SearchRequest, answerer: Ready, request: Request) -> SearchResult:
    """Find passages, best first."""
    top_k = body.top_k or request.app.state.settings.top_k
    return answerer.search(body.query, top_k, body.mode, body.filters)


@router.get("/documents", tags=["documents"], responses=_NO_INDEX)
def list_documents(answerer: Ready) -> DocumentList:
    """List what is indexed."""
    snapshot = answerer.snapshot
    return DocumentList(
        documents=sorted(
            (
                DocumentInfo.model_validate(_describe(snapshot.documents[entry.id], entry))
                for entry in snapshot.manifest.documents
            ),
            key=lambda document: document.id,
        ),
        index_version=snapshot.version,
    )


@router.get("/documents/{document_id}", tags=["documents"], responses=_NOT_FOUND)
def get_document(document: Known, answerer: Ready) -> DocumentDetails:
    """Describe one document: its headings too, and what of it could not be read."""
    entries = answerer.snapshot.manifest.documents
    entry = next(entry for entry in entries if entry.id == document.id)
    return DocumentDetails(
        **_describe(document, entry),
        headings=[
            Heading(
                text=plain_heading(document.text[block.start : block.end]),
                level=block.level,
                start=block.start,
                page=document.page_at(block.start),
            )
            for block in document.blocks
            if block.level is not None
        ],
        gaps=[Gap(where=where, reason=reason) for where, reason in document.gaps],
    )


@router.get(
    "/documents/{document_id}/text",
    tags=["documents"],
    response_class=PlainTextResponse,
    responses={**_NOT_FOUND, 422: {"model": Problem}},
)
def get_text(
    document: Known,
    start: Annotated[int, Query(ge=0, description="first code point")] = 0,
    end: Annotated[int | None, Query(ge=0, description="one past the last")] = None,
) -> Response:
    """The exact text of a document, or a slice of it: what a citation quotes stands at its
    `start` and `end`.
    """
    length = len(document.text)
    stop = length if end is None else end
    if not start <= stop <= length:
        detail = f"There is no slice from {start} to {stop}: the text has {length} characters."
        field = "start" if start > length else "end"
        return problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, detail, [FieldError(field=field, message=detail)]
        )
    return PlainTextResponse(document.text[start:stop])


@router.get("/healthz", tags=["operations"])
def health() -> Health:
    """Whether the process is alive."""
    return Health()


@router.get("/readyz", tags=["operations"], responses=_NO_INDEX)
def readiness(answerer: Ready) -> Readiness:
    """Whether questions can be answered; 503 until then."""
    return Readiness(index_version=answerer.snapshot.version)


def _describe(document: Document, entry: DocumentEntry) -> dict[str, Any]:
    return {
        "id": document.id,
        "title": document.title,
        "path": document.path,
        "source": document.source,
        "language": document.language,
        "characters": entry.characters,
        "pages": len(document.pages) or None,
        "passages": entry.passages,
        "sha256": entry.sha256,
        "metadata": document.metadata,
    }
