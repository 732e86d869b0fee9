"""The HTTP service."""

from __future__ import annotations

import logging
from http import HTTPStatus
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import PlainTextResponse, Response
from fastapi.routing import APIRouter
from fastapi_swagger import patch_fastapi
from starlette.exceptions import HTTPException

from api.problems import (
    FieldError,
    Problem,
    add_problem_handlers,
    describe_problems,
    problem,
)
from api.schemas import (
    AskRequest,
    DocumentInfo,
    DocumentList,
    Health,
    Readiness,
    SearchRequest,
)
from api.settings import Settings
from corpus import Document
from index import DocumentEntry, Embedder, SnapshotError
from qa import Answer, Answerer, SearchResult

_LOGGER = logging.getLogger(__name__)
_DESCRIPTION = """\
Answers questions about the indexed documents, with citations that are exact slices of them, and
says so when the documents do not answer.

Offsets (`start`, `end`) count Unicode code points of the document's text. Errors are problem
details (RFC 9457)."""

Responses = dict[int | str, dict[str, Any]]
_NO_INDEX: Responses = {503: {"model": Problem}}
_NOT_FOUND: Responses = {404: {"model": Problem}, **_NO_INDEX}
_INVALID: Responses = {
    **{status: {"model": Problem} for status in (400, 415, 422)},
    **_NO_INDEX,
}

router = APIRouter()


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service as an ASGI application; settings come from the environment by default.

    The model and the index are loaded here, before anything is served. Without an index the service
    starts all the same, and answers 503 where one is needed.

    Raises:
        SnapshotError: The index was built with another embedding model.
        EmbedderError, EmbeddedModelError: The embedding model cannot be loaded.
    """
    app = FastAPI(
        title="Campus QA",
        version=version("campus-qa"),
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    app.state.settings = settings or Settings()
    app.state.answerer = _load_answerer(app.state.settings)
    app.include_router(router)
    add_problem_handlers(app)
    # Swagger UI from the package, not from a CDN: /docs works without a network.
    patch_fastapi(app, swagger_ui_parameters={"tryItOutEnabled": True})
    build_schema = app.openapi
    app.openapi = lambda: describe_problems(build_schema())  # type: ignore[method-assign]
    return app


def _load_answerer(settings: Settings) -> Answerer | None:
    """What answers; None if there is no index."""
    try:
        snapshot = settings.store.load()
    except SnapshotError as error:
        _LOGGER.warning("%s", error)
        return None
    embedder = Embedder.load(settings.resolve_embedding_model())
    return Answerer(snapshot, embedder, settings.min_confidence)


def _answerer(request: Request) -> Answerer:
    answerer: Answerer | None = request.app.state.answerer
    if answerer is None:
        raise HTTPException(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "No index can be used (the log says why): run `campus-qa index build` and start again.",
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
    """Answer a question with sentences of the documents, each with its citation."""
    return answerer.ask(body.question, body.top_k or request.app.state.settings.top_k)


@router.post("/search", tags=["questions"], responses=_INVALID)
def search(body: SearchRequest, answerer: Ready, request: Request) -> SearchResult:
    """Find passages, best first."""
    top_k = body.top_k or request.app.state.settings.top_k
    return answerer.search(body.query, top_k, body.mode)


@router.get("/documents", tags=["documents"], responses=_NO_INDEX)
def list_documents(answerer: Ready) -> DocumentList:
    """List what is indexed."""
    snapshot = answerer.snapshot
    return DocumentList(
        documents=[_describe(snapshot.documents[e.id], e) for e in snapshot.manifest.documents],
        index_version=snapshot.version,
    )


@router.get("/documents/{document_id}", tags=["documents"], responses=_NOT_FOUND)
def get_document(document: Known, answerer: Ready) -> DocumentInfo:
    """Describe one document."""
    entries = answerer.snapshot.manifest.documents
    return _describe(document, next(entry for entry in entries if entry.id == document.id))


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


def _describe(document: Document, entry: DocumentEntry) -> DocumentInfo:
    return DocumentInfo(
        id=document.id,
        title=document.title,
        source=document.source,
        language=document.language,
        characters=entry.characters,
        passages=entry.passages,
        sha256=entry.sha256,
        metadata=document.metadata,
    )
