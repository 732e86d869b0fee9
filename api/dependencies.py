"""What the routes are given: the answerer, a document, a job.

What does not block is `async`: a thread would have to be free for it, and slow questions may have
all of them.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from api.jobs import Job, JobStore
from api.problems import Problem
from api.settings import Settings
from corpus import Document
from qa import Answerer

Responses = dict[int | str, dict[str, Any]]


def problems(*statuses: int) -> Responses:
    """These statuses, as a route declares that it may answer with them."""
    return {status: {"model": Problem} for status in statuses}


async def _answerer(request: Request) -> Answerer:
    answerer: Answerer | None = request.app.state.serving.answerer
    if answerer is None:
        raise HTTPException(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "There is no index to answer from: upload documents (POST /documents) or run "
            "`campus-qa index build`. If there is one, the log says why it cannot be used.",
        )
    return answerer


async def _document(
    document_id: str, answerer: Annotated[Answerer, Depends(_answerer)]
) -> Document:
    document = answerer.snapshot.documents.get(document_id)
    if document is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no document {document_id!r}.")
    return document


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _jobs(request: Request) -> JobStore:
    jobs: JobStore = request.app.state.jobs
    return jobs


def _job(job_id: str, jobs: Annotated[JobStore, Depends(_jobs)]) -> Job:
    job = jobs.get(job_id)
    if job is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no job {job_id!r}.")
    return job


Ready = Annotated[Answerer, Depends(_answerer)]
KnownDocument = Annotated[Document, Depends(_document)]
Configured = Annotated[Settings, Depends(_settings)]
Jobs = Annotated[JobStore, Depends(_jobs)]
KnownJob = Annotated[Job, Depends(_job)]
