"""The routes that read documents."""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import PlainTextResponse, Response

from api import listing
from api.dependencies import KnownDocument, Ready, problems
from api.etags import add_etag
from api.problems import FieldError, problem
from api.schemas import DocumentDetails, DocumentList, Gap, Heading
from corpus import plain_heading

_UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "It is as it was when the `ETag` of `If-None-Match` was given."}
}
_NOT_FOUND = {**_UNCHANGED, **problems(404, 503)}

router = APIRouter(prefix="/documents", tags=["documents"])


@router.get("", responses={**_UNCHANGED, **problems(503)})
def list_documents(answerer: Ready, request: Request, response: Response) -> DocumentList:
    """List what is indexed."""
    snapshot = answerer.snapshot
    add_etag(request, response, snapshot.version)
    return DocumentList(
        documents=listing.list_documents(snapshot),
        index_version=snapshot.version,
    )


@router.get("/{document_id}", responses=_NOT_FOUND)
def get_document(
    document: KnownDocument, answerer: Ready, request: Request, response: Response
) -> DocumentDetails:
    """Describe one document: its headings too, and what of it could not be read."""
    add_etag(request, response, answerer.snapshot.version)
    entries = answerer.snapshot.manifest.documents
    entry = next(entry for entry in entries if entry.id == document.id)
    return DocumentDetails(
        **listing.describe_document(document, entry).model_dump(),
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
    "/{document_id}/text",
    response_class=PlainTextResponse,
    responses={**_NOT_FOUND, **problems(422)},
)
def get_text(
    document: KnownDocument,
    request: Request,
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
        errors = [FieldError(field=field, message=detail)]
        return problem(request.scope, HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors)
    response = PlainTextResponse(document.text[start:stop])
    add_etag(request, response, hashlib.sha256(response.body).hexdigest()[:32])
    return response
