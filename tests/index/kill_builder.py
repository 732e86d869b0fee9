"""Kill builders at random points, and check that the index is whole each time.

    python -m tests.index.kill_builder --rounds 200

Each builder is a process of its own, forked from one that has loaded the model, and is ended with
SIGKILL somewhere between its first and its last step. After each, the current snapshot must
verify, and be the one before or the one that was being built. Builders that finish first are not
counted.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

from corpus import find_files, read_files, unknown
from index import (
    Chunking,
    Embedder,
    Previous,
    SnapshotStore,
    build_snapshot,
    embedding_model,
    verify,
)

_CHUNKING = Chunking(max_tokens=64)
_SEED = 20211214


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200, help="default: 200")
    parser.add_argument("--home", type=Path, default=Path("var"), help="where the model is")
    arguments = parser.parse_args()
    # A thread pool would not survive the fork.
    torch.set_num_threads(1)
    embedder = Embedder.load(embedding_model(None, arguments.home / "models"))
    with tempfile.TemporaryDirectory() as folder:
        started, published = _run(arguments.rounds, Path(folder), embedder)
    killed = f"{arguments.rounds} of {started} builders killed"
    print(f"{killed}, {published} of them had published; all verified")


def _run(rounds: int, home: Path, embedder: Embedder) -> tuple[int, int]:
    random.seed(_SEED)
    folder, store = home / "documents", SnapshotStore(home / "index", keep=2)
    folder.mkdir()
    for number in range(8):
        _edit(folder, number)
    _build(folder, store, embedder, reuse=False)
    times = []
    for number in range(4):
        _edit(folder, number)
        started = time.perf_counter()
        _wait(_fork(folder, store, embedder, reuse=bool(number % 2)))
        times.append(time.perf_counter() - started)
    limit = 1.1 * statistics.median(times)
    started = killed = published = 0
    while killed < rounds:
        before = store.current_version()
        _edit(folder, random.randrange(8))
        builder = _fork(folder, store, embedder, reuse=random.random() < 0.5)
        time.sleep(random.uniform(0, limit))
        os.kill(builder, signal.SIGKILL)
        was_killed = os.WIFSIGNALED(_wait(builder))
        # How long a builder takes changes with what else the machine does: a third or so is to
        # finish first, so that the last step comes in for its share of the kills.
        limit *= 1.1 if was_killed else 0.8
        started += 1
        killed += was_killed
        published += was_killed and store.current_version() != before
        problems = verify(store.current())
        assert problems == [], problems
        assert before in store.versions()
        print(f"\r{killed} of {rounds}", end="", file=sys.stderr)
    print(file=sys.stderr)
    _build(folder, store, embedder, reuse=True)
    other = SnapshotStore(home / "other")
    _build(folder, other, embedder, reuse=False)
    assert store.load().manifest.files == other.load().manifest.files
    left = sorted(path.name for path in store.root.iterdir())
    assert left == ["CURRENT", "LOCK", "snapshots"], left
    assert len(store.versions()) == 2
    return started, published


def _edit(folder: Path, number: int) -> None:
    figure = random.randrange(10**6)
    (folder / f"note-{number}.md").write_text(
        f"# Note {number}\n\nLe bureau {number} compte {figure} livres. On y lit le journal.\n",
        encoding="utf-8",
    )


def _build(folder: Path, store: SnapshotStore, embedder: Embedder, *, reuse: bool) -> None:
    with store.lock():
        previous = Previous(store.current(), embedder.identity) if reuse else None
        files = find_files([folder])
        documents = read_files(files, previous.document if previous else unknown)
        build_snapshot(documents, embedder, store, _CHUNKING, previous=previous)


def _fork(folder: Path, store: SnapshotStore, embedder: Embedder, *, reuse: bool) -> int:
    child = os.fork()
    if child == 0:
        try:
            _build(folder, store, embedder, reuse=reuse)
        finally:
            # Past the clean-up of the parent's things, which are not this process's.
            os._exit(0)
    return child


def _wait(child: int) -> int:
    return os.waitpid(child, 0)[1]


if __name__ == "__main__":
    main()
