"""Jobs as their files and processes, without a service around them."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from api.jobs import Job, JobStore
from api.settings import Settings
from index import Embedder, build_snapshot
from tests.api.conftest import wait_for
from tests.conftest import CHUNKING
from tests.documents import document

NOW = "2025-01-01T00:00:00.000+00:00"


@pytest.fixture
def settings(tmp_path: Path, model_path: str) -> Settings:
    settings = Settings(home=tmp_path / "home", embedding_model=model_path)
    settings.jobs.mkdir(parents=True)
    return settings


@pytest.fixture
def jobs(settings: Settings) -> Iterator[JobStore]:
    store = JobStore(settings)
    yield store
    store.stop()


def job_of(name: str) -> bytes:
    return Job(id=name, kind="update", created_at=NOW).model_dump_json().encode()


def left_behind(settings: Settings, name: str, **fields: object) -> str:
    """A job whose process has ended before its time."""
    job = Job.model_validate({"id": name, "kind": "update", "created_at": NOW, **fields})
    JobStore(settings).write(job)
    (settings.jobs / f"{name}.alive").touch()
    return name


def read(jobs: JobStore, job_id: str) -> Job:
    job = jobs.get(job_id)
    assert job is not None
    return job


def ended(jobs: JobStore, job_id: str) -> Job:
    wait_for(lambda: not read(jobs, job_id).is_open)
    return read(jobs, job_id)


def test_all_who_look_at_once_see_that_the_process_is_gone(
    settings: Settings, jobs: JobStore
) -> None:
    name = left_behind(settings, "gone", status="running")
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda _: read(jobs, name).status, range(2000)))
    assert set(seen) == {"failed"}
    with (settings.jobs / f"{name}.alive").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert read(jobs, name).status == "running"


def test_waiting_jobs_are_joined_and_cancelled(
    settings: Settings, jobs: JobStore, embedder: Embedder
) -> None:
    build_snapshot([document("a", "Un texte.")], embedder, settings.store, CHUNKING)
    with settings.store.lock():
        first = jobs.submit("update")
        assert jobs.submit("update").id == first.id
        rebuild = jobs.submit("rebuild")
        assert rebuild.id != first.id
        jobs.cancel(first.id)
        second = jobs.submit("update")
        assert second.id != first.id
        assert [job.id for job in jobs.all()] == [second.id, rebuild.id, first.id]
        assert {read(jobs, job.id).status for job in (rebuild, second)} == {"queued"}
        assert ended(jobs, first.id).status == "cancelled"
        assert read(jobs, first.id).started_at is None
        jobs.cancel(rebuild.id)
        assert ended(jobs, rebuild.id).status == "cancelled"
        settings.uploads.receive({"b.txt": ["Un autre texte, reçu.".encode()]})
        assert jobs.submit("update").id == second.id
    done = ended(jobs, second.id)
    assert (done.status, done.changed, done.failures) == ("done", True, ())
    assert done.index_version == settings.store.current_version()
    assert [d.path for d in settings.store.load().manifest.documents] == ["b.txt"]


def test_a_job_left_behind_is_started_again_by_one(settings: Settings, jobs: JobStore) -> None:
    queued = left_behind(settings, "queued")
    running = left_behind(settings, "running", status="running", attempts=1)
    cancelled = left_behind(settings, "cancelled", status="running")
    jobs.cancel(cancelled)
    hopeless = left_behind(settings, "hopeless", status="running", attempts=3)
    stores = [JobStore(settings) for _ in range(4)]
    with settings.store.lock():
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(JobStore.resume, stores))
        assert (read(jobs, queued).status, read(jobs, queued).attempts) == ("queued", 1)
        assert (read(jobs, running).status, read(jobs, running).attempts) == ("queued", 2)
        assert read(jobs, cancelled).status == "cancelled"
        assert read(jobs, hopeless).status == "failed"
        assert "3 times" in (read(jobs, hopeless).error or "")
        for store in stores:
            store.stop()
        assert {read(jobs, name).status for name in (queued, running)} == {"failed"}
        assert [read(jobs, name).attempts for name in (queued, running)] == [0, 1]
        jobs.resume()
        assert (read(jobs, queued).status, read(jobs, queued).attempts) == ("queued", 1)


@pytest.mark.parametrize(
    ("when_told", "fails", "left"),
    [
        ("signal.SIG_DFL", False, 0),
        ("lambda number, frame: sys.exit(128 + number)", False, 0),
        ("signal.SIG_IGN", False, 0),
        ("signal.SIG_DFL", True, 1),
    ],
)
def test_only_a_process_that_fails_costs_an_attempt(
    settings: Settings,
    jobs: JobStore,
    monkeypatch: pytest.MonkeyPatch,
    when_told: str,
    fails: bool,
    left: int,
) -> None:
    """However it takes it that the service ends; what it fails of comes before that."""
    program = f"import signal, sys, time; signal.signal(15, {when_told}); print(); time.sleep(60)"
    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def stand_in(command: object, **options: Any) -> subprocess.Popen[bytes]:
        python = [sys.executable, "-uc", program]
        started.append(start(python, stdout=subprocess.PIPE, **options))
        return started[-1]

    monkeypatch.setattr("api.jobs._PATIENCE", 1)
    monkeypatch.setattr(subprocess, "Popen", stand_in)
    job = jobs.submit("update")
    (process,) = started
    assert process.stdout is not None
    with process.stdout as output:
        # From then on it does as it should when it is told to end.
        output.readline()
        if fails:
            process.kill()
            process.wait()
        jobs.stop()
    assert process.returncode is not None
    assert read(jobs, job.id).attempts == left


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"[]", b'{"id": "odd", "kind": "sing", "created_at": ""}', job_of("another")],
)
def test_what_is_no_job_is_named_once_and_left_out(
    settings: Settings, jobs: JobStore, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    odd = settings.jobs / "odd.json"
    odd.write_bytes(content)
    done = left_behind(settings, "done", status="done")
    jobs.resume()
    for _ in range(2):
        assert jobs.get("odd") is None
        assert [job.id for job in jobs.all()] == [done]
    with settings.store.lock():
        assert jobs.submit("update").id in [job.id for job in jobs.all()]
    (record,) = (record for record in caplog.records if record.name == "api.jobs")
    assert str(odd) in record.message
    assert record.levelname == "WARNING"
    assert odd.read_bytes() == content
    assert jobs.get("another") is None


def test_a_status_is_on_the_disk_before_it_is_seen(
    jobs: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    replace = os.replace

    def noted(old: Path, new: Path) -> None:
        steps.append("replace")
        replace(old, new)

    monkeypatch.setattr(os, "replace", noted)
    monkeypatch.setattr("api.jobs.sync", lambda path: steps.append(f"sync {path.name}"))
    job = Job(id="one", kind="update", created_at=NOW)
    jobs.write(job, durable=False)
    assert steps == ["replace"]
    jobs.write(job)
    assert steps[1:] == [f"sync one.{os.getpid()}", "replace", "sync jobs"]


def test_old_jobs_are_let_go(settings: Settings, jobs: JobStore) -> None:
    names = [left_behind(settings, f"{i:03}", status="done") for i in range(130)]
    (settings.jobs / "000.4711").touch()
    with settings.store.lock():
        new = jobs.submit("update")
        assert [job.id for job in jobs.all()] == [new.id, *names[:29:-1]]
        assert list(settings.jobs.glob("000.*")) == []


@pytest.mark.parametrize("name", ["", "../x", "a/b", "LOCK", "x.json", "é", "a\x00b", "a" * 300])
def test_there_is_no_job_of_a_strange_name(jobs: JobStore, name: str) -> None:
    assert jobs.get(name) is None
