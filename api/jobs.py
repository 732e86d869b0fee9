"""Jobs: work on the index that goes on in the background, in a process of its own.

A job is a file below `jobs/`, so that every worker of the service sees it. The process that runs it
holds a lock for as long as it lives: a job that says it is running while nobody holds its lock has
lost its process.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError

from api.settings import Settings
from corpus import sync

Kind = Literal["update", "rebuild"]
Status = Literal["queued", "running", "done", "failed", "cancelled"]

_LOGGER = logging.getLogger(__name__)
_ID = re.compile(r"[0-9A-Za-z-]{1,100}")
_KEPT = 100
_MOST_ATTEMPTS = 3
_PATIENCE = 10
_ENDED_IN_ORDER = (-signal.SIGTERM, 128 + signal.SIGTERM)
"""Statuses of a process that was told to end: before it listened to that, and after."""

_LOST = "The process that ran it has ended; it is started again when the service starts."


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class Amount(_Model):
    """How many are done, and of how many; `total` is null while that is not known."""

    done: int = 0
    total: int | None = None


class Embedded(_Model):
    """How many passages and sentences had to go through the model; others were known."""

    passages: int
    sentences: int


class FailedPart(_Model):
    """A file, or a part of one, that could not be read, and why."""

    path: str
    reason: str


class Job(_Model):
    """Work on the index.

    Attributes:
        kind: `update` embeds what is new or changed, `rebuild` everything.
        status: `done` too if some files could not be read: `failures` names them.
        stage: What it is doing now.
        seconds_left: Estimated from the passages embedded so far.
        embedded: What went through the model; null until it is done.
        changed: Whether there is a new index version; null until it is done.
        index_version: The version that is current now that it is done; null if no document is left.
        error: Why it failed.
    """

    id: str
    kind: Kind
    status: Status = "queued"
    created_at: str
    started_at: str | None = None
    finished_at: str | None = None
    stage: str | None = None
    documents: Amount = Amount()
    passages: Amount = Amount()
    seconds_left: float | None = None
    embedded: Embedded | None = None
    changed: bool | None = None
    index_version: str | None = None
    failures: tuple[FailedPart, ...] = ()
    error: str | None = None
    attempts: int = 0

    @property
    def is_open(self) -> bool:
        return self.status in ("queued", "running")


class JobStore:
    """The jobs of a service, whichever of its processes started them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = settings.jobs
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._unreadable: set[str] = set()

    def submit(self, kind: Kind) -> Job:
        """Start a job; an update joins one that has not begun to read yet."""
        with self._lock():
            if kind == "update":
                for job in self.all():
                    if (
                        job.kind == kind
                        and job.status == "queued"
                        and not self.is_cancelled(job.id)
                    ):
                        return job
            now = datetime.now(UTC)
            job = Job(
                id=f"{now:%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex[:8]}",
                kind=kind,
                created_at=timestamp(),
            )
            self._start(job)
            self._prune()
        return job

    def get(self, job_id: str) -> Job | None:
        """The job as it is now; None if there is none of this id."""
        job = self._read(job_id)
        if job is not None and job.is_open and not self._is_alive(job_id):
            # It may have finished between the two looks.
            job = self._read(job_id)
            if job is not None and job.is_open:
                return job.model_copy(update={"status": "failed", "error": _LOST})
        return job

    def all(self) -> list[Job]:
        """All jobs that are kept, newest first."""
        ids = sorted((path.stem for path in self._folder.glob("*.json")), reverse=True)
        return [job for job in map(self.get, ids) if job is not None]

    def cancel(self, job_id: str) -> None:
        """Ask a job to stop; it does so at its next step, and the index stays as it is."""
        self._marker(job_id).touch()

    def resume(self) -> None:
        """Start the jobs again whose process ended before its time, so that nothing is lost."""
        if not self._folder.is_dir():
            return
        with self._lock():
            for path in sorted(self._folder.glob("*.json")):
                job = self._read(path.stem)
                if job is None or not job.is_open or self._is_alive(job.id):
                    continue
                ended = {"finished_at": timestamp(), "stage": None, "seconds_left": None}
                if self.is_cancelled(job.id):
                    self.write(job.model_copy(update={**ended, "status": "cancelled"}))
                elif job.attempts < _MOST_ATTEMPTS:
                    self._start(job)
                else:
                    error = f"The process that ran it ended {job.attempts} times."
                    ended |= {"status": "failed", "error": error}
                    self.write(job.model_copy(update=ended))

    def stop(self) -> None:
        """End the processes started here; their jobs go on at the next start, with as many attempts
        left as before: it is not for them that they ended.
        """
        processes, self._processes = self._processes, {}
        for process in processes.values():
            process.terminate()
        in_order = []
        for job_id, process in processes.items():
            try:
                ended = process.wait(_PATIENCE) in _ENDED_IN_ORDER
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                ended = True
            if ended:
                in_order.append(job_id)
        if not in_order:
            return
        with self._lock():
            for job in filter(None, map(self._read, in_order)):
                if job.is_open and not self._is_alive(job.id):
                    self.write(job.model_copy(update={"attempts": job.attempts - 1}))

    def write(self, job: Job, *, durable: bool = True) -> None:
        """Write down how a job is; if `durable`, wait until that would survive a power cut."""
        path = self._path(job.id)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_text(job.model_dump_json(indent=2), encoding="utf-8")
        if durable:
            sync(temporary)
        os.replace(temporary, path)
        if durable:
            sync(self._folder)

    def begin(self, job_id: str) -> Job | None:
        """Mark a job as begun, so that no other joins it; None if it has been cancelled."""
        with self._lock():
            job = self.get(job_id)
            if job is None or self.is_cancelled(job_id):
                return None
            job = job.model_copy(update={"status": "running", "started_at": timestamp()})
            self.write(job)
        return job

    def is_cancelled(self, job_id: str) -> bool:
        return self._marker(job_id).exists()

    def _start(self, job: Job) -> None:
        """Start the process of a job; it inherits the job's lock, held from before it exists."""
        self.write(job.model_copy(update={"status": "queued", "attempts": job.attempts + 1}))
        # A job listens to nobody.
        unneeded = {"api_key", "cors_origins"}
        given = self._settings.model_dump(mode="json", exclude=unneeded, exclude_none=True)
        environment = {f"CAMPUS_QA_{name.upper()}": str(value) for name, value in given.items()}
        with self._alive(job.id).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            process = subprocess.Popen(  # noqa: S603 (our own program)
                [sys.executable, "-m", "api.run_job", job.id],
                env={**os.environ, **environment},
                pass_fds=[lock.fileno()],
                stdin=subprocess.DEVNULL,
            )
        # Only here, under the lock: those that have ended are let go of.
        running = {name: known for name, known in self._processes.items() if known.poll() is None}
        self._processes = {**running, job.id: process}

    def _read(self, job_id: str) -> Job | None:
        """A job as its file has it; None without one, or if it cannot be read: the service starts
        all the same, and the other jobs go on.
        """
        if not _ID.fullmatch(job_id):
            return None
        try:
            job = Job.model_validate_json(self._path(job_id).read_bytes())
            if job.id == job_id:
                return job
        except FileNotFoundError:
            return None
        except (OSError, ValidationError):
            pass
        if job_id not in self._unreadable:
            self._unreadable.add(job_id)
            _LOGGER.warning("%s cannot be read as a job; it is left out", self._path(job_id))
        return None

    def _is_alive(self, job_id: str) -> bool:
        try:
            with self._alive(job_id).open("r") as lock:
                # Shared: several may look at the same time.
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        return False

    def _prune(self) -> None:
        finished = [job for job in self.all() if not job.is_open]
        for job in finished[_KEPT:]:
            # With what a process that was killed had not finished writing.
            for path in self._folder.glob(f"{job.id}.*"):
                path.unlink(missing_ok=True)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / "LOCK"):
            yield

    def _path(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.json"

    def _alive(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.alive"

    def _marker(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.cancel"


def timestamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
