"""The process that runs one job: `python -m api.run_job ID`, started by `api.jobs`.

It is a process of its own so that reading files from anywhere and embedding them can neither stop
nor slow the service.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence

from api.indexing import run_build
from api.jobs import Amount, Embedded, FailedPart, Job, JobStore, timestamp
from api.logs import configure_logs
from api.settings import Settings
from corpus import CorpusError, Failure
from index import EMBEDDING, EmbeddedModelError, EmbedderError, SnapshotError

_NICENESS = 10
_SECONDS_BETWEEN_WRITES = 0.2


class _CancelledError(Exception):
    """Somebody asked for the job to stop."""


class _Runner:
    """Runs a job and writes down how it goes."""

    def __init__(self, settings: Settings, job: Job) -> None:
        self._settings = settings
        self._jobs = JobStore(settings)
        self._job = job
        self._written = 0.0
        self._embedding_since: float | None = None

    def run(self) -> None:
        try:
            build = run_build(
                self._settings,
                None,
                reuse=self._job.kind == "update",
                progress=self._progress,
                waiting=self._stop_if_cancelled,
                started=self._begin,
                dropped=self._note,
                may_be_empty=True,
            )
        except _CancelledError:
            self._finish(status="cancelled")
        except (
            CorpusError,
            SnapshotError,
            EmbedderError,
            EmbeddedModelError,
            OSError,
        ) as error:
            self._finish(status="failed", error=str(error))
        except Exception as error:
            self._finish(status="failed", error=f"{type(error).__name__}: {error}")
            raise
        else:
            if build is None:
                self._finish(status="done", changed=True)
                return
            self._note(build.failures)
            self._finish(
                status="done",
                changed=build.changed,
                index_version=build.manifest.version,
                embedded=Embedded(
                    passages=build.embedded_passages, sentences=build.embedded_sentences
                ),
            )

    def _begin(self) -> None:
        job = self._jobs.begin(self._job.id)
        if job is None:
            raise _CancelledError
        self._job = job

    def _note(self, failures: Sequence[Failure]) -> None:
        """Add to the failures; an earlier process of this job may have met some of them."""
        parts = [FailedPart(path=failure.path, reason=failure.reason) for failure in failures]
        together = tuple(dict.fromkeys((*self._job.failures, *parts)))
        self._job = self._job.model_copy(update={"failures": together})
        self._jobs.write(self._job)

    def _progress(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        amount = Amount(done=done, total=total or None)
        seconds_left = None
        if stage == EMBEDDING:
            self._embedding_since = self._embedding_since or now
            if done:
                seconds_left = round((now - self._embedding_since) * (total - done) / done, 1)
        changes: dict[str, object] = {
            "stage": stage,
            "passages" if stage == EMBEDDING else "documents": amount,
            "seconds_left": seconds_left,
        }
        begins = stage != self._job.stage
        self._job = self._job.model_copy(update=changes)
        if begins or now - self._written >= _SECONDS_BETWEEN_WRITES:
            self._stop_if_cancelled()
            self._written = now
            self._jobs.write(self._job, durable=begins)

    def _stop_if_cancelled(self) -> None:
        if self._jobs.is_cancelled(self._job.id):
            raise _CancelledError

    def _finish(self, **changes: object) -> None:
        ended = {"finished_at": timestamp(), "stage": None, "seconds_left": None}
        self._jobs.write(self._job.model_copy(update={**ended, **changes}))


def main() -> None:
    os.nice(_NICENESS)
    # Ctrl-C in the service's terminal comes here too; the service ends its jobs itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    settings = Settings()
    configure_logs(settings)
    job = JobStore(settings).get(sys.argv[1])
    if job is None:
        sys.exit(f"there is no job {sys.argv[1]}")
    _Runner(settings, job).run()


if __name__ == "__main__":
    main()
