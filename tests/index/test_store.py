from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from index import Embedder, SnapshotError, SnapshotStore, build_snapshot, verify
from tests.conftest import CHUNKING, ROOT
from tests.documents import document


def build(store: SnapshotStore, embedder: Embedder, text: str) -> str:
    with store.lock():
        built = build_snapshot([document("a", text)], embedder, store, CHUNKING)
    return built.manifest.version


@pytest.fixture
def store(tmp_path: Path, embedder: Embedder) -> SnapshotStore:
    store = SnapshotStore(tmp_path / "index", keep=3)
    for text in ("Un.", "Deux.", "Trois."):
        build(store, embedder, text)
    return store


def test_rollback_goes_to_the_version_before_or_to_the_one_named(store: SnapshotStore) -> None:
    first, second, third = store.versions()
    assert store.rollback().version == second == store.current_version()
    assert store.load().documents["a"].text == "Deux."
    assert store.rollback().version == first
    with pytest.raises(SnapshotError, match="no version before"):
        store.rollback()
    assert store.rollback(third).version == third == store.current_version()
    assert store.versions() == [first, second, third]


def test_versions_of_another_format_are_not_listed(store: SnapshotStore) -> None:
    first, *others = store.versions()
    manifest = store.directory(first) / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format_version": 1}))
    assert [m.version for m in store.manifests()] == others


def test_an_unknown_version_is_named_with_those_there_are(store: SnapshotStore) -> None:
    with pytest.raises(SnapshotError, match=store.versions()[0]):
        store.rollback("20200101T000000000000-00000000")
    with pytest.raises(SnapshotError, match="no version"):
        store.directory("../../etc")


def test_after_a_rollback_the_next_build_is_current(
    store: SnapshotStore, embedder: Embedder
) -> None:
    first = store.versions()[0]
    store.rollback(first)
    version = build(store, embedder, "Quatre.")
    assert store.current_version() == version
    assert len(store.versions()) == 3


def test_what_a_killed_builder_left_does_not_push_out_the_version_before(
    tmp_path: Path, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SnapshotStore(tmp_path / "index", keep=2)
    build(store, embedder, "Un.")
    before = build(store, embedder, "Deux.")

    def die(version: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store, "_point_to", die)
        with pytest.raises(KeyboardInterrupt):
            build(store, embedder, "Trois.")
    assert store.current_version() == before
    current = build(store, embedder, "Quatre.")
    assert store.versions() == [before, current]


def test_a_second_builder_waits(tmp_path: Path) -> None:
    store, events = SnapshotStore(tmp_path), []
    waiting = threading.Event()

    def second() -> None:
        with SnapshotStore(tmp_path).lock(waiting.set):
            events.append("second")

    with store.lock():
        thread = threading.Thread(target=second)
        thread.start()
        assert waiting.wait(10)
        events.append("first")
    thread.join(10)
    assert events == ["first", "second"]


def test_the_lock_of_a_dead_process_is_free_and_its_scratch_is_removed(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from index import SnapshotStore\n"
        "store = SnapshotStore(Path(sys.argv[1]))\n"
        "with store.lock(), store.staging() as directory:\n"
        "    (directory / 'half').write_text('x'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=False)
    assert len(list(tmp_path.glob("building-*"))) == 1
    with SnapshotStore(tmp_path).lock(pytest.fail):
        assert list(tmp_path.glob("building-*")) == []


def test_builders_killed_at_random_points_leave_a_whole_index(model_path: str) -> None:
    """Thirty here; `python -m tests.index.kill_builder` kills two hundred."""
    home = Path(model_path).parent.parent
    done = subprocess.run(
        [sys.executable, "-m", "tests.index.kill_builder", "--rounds", "30", "--home", home],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "all verified" in done.stdout


def test_a_snapshot_read_while_it_is_replaced_is_whole(
    store: SnapshotStore, embedder: Embedder
) -> None:
    stop = threading.Event()

    def read() -> set[str]:
        seen = set()
        while not stop.is_set():
            snapshot = store.load()
            assert snapshot.passages[0].text == snapshot.documents["a"].text
            seen.add(snapshot.passages[0].text)
        return seen

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read)
        try:
            for i in range(12):
                build(store, embedder, f"Texte {i}.")
        finally:
            stop.set()
        assert len(reader.result()) > 1
    assert verify(store.current()) == []
