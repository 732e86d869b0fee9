"""The routes that change what is indexed, and the jobs that do it."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from api.access import Asker, Writer
from api.dependencies import Configured, Jobs, KnownDocument, KnownJob, problems
from api.jobs import Job
from api.multipart import chunks, read_uploads, uploaded_files
from api.schemas import IndexInfo, IndexVersion, JobList, RebuildRequest, RollbackRequest
from corpus import FORMATS
from index import SnapshotError, SnapshotStore, read_manifest

_WRITING = problems(401, 403)
_FILES = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "format": "binary"},
                            "description": f"documents: {', '.join(FORMATS)}",
                        }
                    },
                }
            }
        },
    }
}

router = APIRouter()


@router.post(
    "/documents",
    tags=["documents"],
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[Writer],
    responses={**_WRITING, **problems(400, 413, 415, 422)},
    openapi_extra=_FILES,
)
async def add_documents(
    request: Request, response: Response, settings: Configured, jobs: Jobs
) -> Job:
    """Add documents, or replace those of the same file names, and index them in the background.

    All files of a request are taken, or none. A file that turns out not to be readable is named in
    the job's `failures`, and what it would have replaced stays.
    """
    form = await read_uploads(request, settings)
    try:
        files = {file.filename or "": chunks(file) for file in uploaded_files(form)}
        await run_in_threadpool(settings.uploads.receive, files)
    finally:
        await form.close()
    return _accepted(await run_in_threadpool(jobs.submit, "update"), response)


@router.delete(
    "/documents/{document_id}",
    tags=["documents"],
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[Writer],
    responses={**_WRITING, **problems(404, 503)},
)
def remove_document(
    document: KnownDocument, response: Response, settings: Configured, jobs: Jobs
) -> Job:
    """Remove a document, and index what is left in the background.

    It stays removed, also when the index is rebuilt, until it is uploaded again or the command
    `campus-qa index build` is run.
    """
    settings.uploads.remove(document)
    return _accepted(jobs.submit("update"), response)


@router.post(
    "/index/rebuild",
    tags=["index"],
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[Writer],
    responses={**_WRITING, **problems(400, 408, 413, 415, 422)},
)
def rebuild(response: Response, jobs: Jobs, body: RebuildRequest | None = None) -> Job:
    """Read all documents again and index them in the background; the service goes on meanwhile."""
    return _accepted(jobs.submit("update" if body and body.reuse else "rebuild"), response)


@router.get("/jobs", tags=["jobs"], dependencies=[Asker])
def list_jobs(jobs: Jobs) -> JobList:
    """List the jobs, newest first."""
    return JobList(jobs=jobs.all())


@router.get("/jobs/{job_id}", tags=["jobs"], dependencies=[Asker], responses=problems(404))
def get_job(job: KnownJob) -> Job:
    """How a job goes: what it is doing, how far it is, and what it could not read."""
    return job


@router.post(
    "/jobs/{job_id}/cancel",
    tags=["jobs"],
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[Writer],
    responses={**_WRITING, **problems(404, 409)},
)
def cancel_job(job: KnownJob, jobs: Jobs) -> Job:
    """Ask a job to stop. The index stays as it is; what was uploaded goes in with the next job."""
    if not job.is_open:
        raise HTTPException(HTTPStatus.CONFLICT, f"The job is {job.status} already.")
    jobs.cancel(job.id)
    return job


@router.get("/index", tags=["index"], dependencies=[Asker], responses=problems(503))
def get_index(settings: Configured) -> IndexInfo:
    """Describe the current index and list the versions on disk."""
    try:
        return _describe(settings.store)
    except SnapshotError as error:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error


@router.post(
    "/index/rollback",
    tags=["index"],
    dependencies=[Writer],
    responses={**_WRITING, **problems(400, 404, 408, 409, 413, 415, 422)},
)
def rollback(
    request: Request, settings: Configured, body: RollbackRequest | None = None
) -> IndexInfo:
    """Make another version of the index the current one; documents stay as they are.

    404 if there is no such version; 409 if it cannot be served, or while the index is being built.
    """
    version = body.version if body else None
    if version is not None and version not in settings.store.versions():
        raise HTTPException(
            HTTPStatus.NOT_FOUND, f"There is no version {version!r}; GET /index lists them."
        )
    try:
        request.app.state.serving.rollback(version, _refuse_to_wait)
        return _describe(settings.store)
    except SnapshotError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from error


def _refuse_to_wait() -> None:
    raise HTTPException(
        HTTPStatus.CONFLICT, "The index is being built: cancel the job, or wait for it to end."
    )


def _accepted(job: Job, response: Response) -> Job:
    response.headers["Location"] = f"/jobs/{job.id}"
    return job


def _describe(store: SnapshotStore) -> IndexInfo:
    current = read_manifest(store.current())
    return IndexInfo(
        version=current.version,
        created_at=current.created_at,
        model=current.model,
        chunking=current.chunking,
        counts=current.counts,
        sources=list(current.sources),
        versions=[
            IndexVersion(
                version=manifest.version,
                current=manifest.version == current.version,
                created_at=manifest.created_at,
                documents=manifest.counts.documents,
                passages=manifest.counts.passages,
            )
            for manifest in store.manifests()
        ],
    )
