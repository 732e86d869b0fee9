"""What an update costs against a full build, and what memory a build takes.

    python -m evals.bench_index update            # one of 2,000 documents changed
    python -m evals.bench_index memory            # peak memory of 1,000 to 100,000 passages

Documents are made up, short, and all different; the model, the files and the index are real. To
measure memory, the model is cut down to its first layer: what a build holds does not depend on the
depth of the model, but its hours do.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress as Bars
from rich.table import Table

from corpus import find_files, read_files, unknown
from index import (
    Build,
    Chunking,
    Embedder,
    Previous,
    SnapshotStore,
    build_snapshot,
    embedding_model,
)

_WORDS = """
campus santé numérique données patient hôpital chercheur institut programme partenaire formation
projet innovation laboratoire médecin logiciel essai mesure résultat équipe réseau budget appel
""".split()
_SENTENCES_A_FILE = 100


def main() -> None:
    parser = argparse.ArgumentParser(
        description="What an update costs, and what memory a build takes."
    )
    parser.add_argument("--home", type=Path, default=Path("var"), help="default: var")
    parser.add_argument("--model", default=os.environ.get("CAMPUS_QA_EMBEDDING_MODEL"))
    commands = parser.add_subparsers(dest="command", required=True)
    update = commands.add_parser("update", help="one changed document against a full build")
    update.add_argument("--documents", type=int, default=2000, help="default: 2000")
    update.add_argument("--rounds", type=int, default=3, help="updates, for the median (3)")
    memory = commands.add_parser("memory", help="peak memory by number of passages")
    memory.add_argument(
        "--passages", type=int, nargs="+", default=[1000, 10_000, 100_000], help="sizes"
    )
    child = commands.add_parser("build-once")
    child.add_argument("passages", type=int)
    arguments = parser.parse_args()
    model = embedding_model(arguments.model, arguments.home / "models")
    if arguments.command == "update":
        _update(model, arguments.documents, arguments.rounds)
    elif arguments.command == "memory":
        _memory(model, arguments.passages)
    else:
        _build_once(model, arguments.passages)


def _update(model: str, count: int, rounds: int) -> None:
    embedder = Embedder.load(model)
    with tempfile.TemporaryDirectory() as home:
        folder, store = Path(home, "documents"), SnapshotStore(Path(home, "index"))
        folder.mkdir()
        generator = random.Random(1)
        for number in range(count):
            _write_note(folder, number, generator)
        seconds, full = _build(folder, store, embedder, Chunking(max_tokens=256), reuse=False)
        table = Table(title=f"One of {count} documents changed, against a full build")
        for column in ("", "seconds", "passages embedded", "sentences embedded", "time ratio"):
            table.add_column(column, justify="left" if not column else "right")
        table.add_row("full build", f"{seconds:.1f}", *_embedded(full), "1.0000")
        ratios = []
        for number in range(rounds):
            _write_note(folder, number, generator)
            took, update = _build(folder, store, embedder, Chunking(max_tokens=256), reuse=True)
            ratios.append(took / seconds)
            table.add_row("update", f"{took:.2f}", *_embedded(update), f"{ratios[-1]:.4f}")
    Console().print(table)
    median = sorted(ratios)[len(ratios) // 2]
    Console().print(
        f"median ratio: {median:.4f} of the time, "
        f"{update.embedded_passages / full.embedded_passages:.4f} of the passages"
    )


def _embedded(build: Build) -> tuple[str, str]:
    return str(build.embedded_passages), str(build.embedded_sentences)


def _memory(model: str, sizes: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _save_first_layer(model, folder)
        _measure(folder, sizes)


def _save_first_layer(model: str, folder: str) -> None:
    from sentence_transformers import SentenceTransformer

    whole = SentenceTransformer(model, device="cpu")
    bert: Any = getattr(whole[0], "auto_model")  # noqa: B009 (mypy knows no module's attributes)
    bert.encoder.layer = bert.encoder.layer[:1]
    bert.config.num_hidden_layers = 1
    whole.save(folder)


def _measure(model: str, sizes: list[int]) -> None:
    table = Table(title="Peak memory of a build, a process of its own for each size")
    for column in ("passages", "peak MB", "more than without a build", "seconds"):
        table.add_column(column, justify="right")
    base = 0.0
    for size in [0, *sizes]:
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "evals.bench_index", "--model", model, "build-once", str(size)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        peak = float(done.stdout)
        base = base or peak
        took = time.perf_counter() - started
        Console(stderr=True).print(f"{size} passages: {peak:.0f} MB in {took:.0f} s")
        table.add_row(f"{size}", f"{peak:.0f}", f"{peak - base:.0f}", f"{took:.0f}")
    Console().print(table)


def _build_once(model: str, passages: int) -> None:
    """Build so many passages of a sentence each, and print the peak memory in MB."""
    embedder = Embedder.load(model)
    embedder.embed_passages(["mot " * 20] * 16)
    if passages:
        with tempfile.TemporaryDirectory() as home:
            folder, store = Path(home, "documents"), SnapshotStore(Path(home, "index"))
            folder.mkdir()
            generator = random.Random(1)
            for first in range(0, passages, _SENTENCES_A_FILE):
                sentences = _sentences(generator, min(_SENTENCES_A_FILE, passages - first))
                (folder / f"{first:07}.txt").write_text("\n".join(sentences), encoding="utf-8")
            _, built = _build(folder, store, embedder, Chunking(max_tokens=32), reuse=False)
            found = built.manifest.counts.passages
            if found != passages:
                raise SystemExit(f"{found} passages were built, not {passages}")
    print(_peak())


def _peak() -> float:
    """The most memory this process has held, in MB. Not `ru_maxrss`: a child inherits that."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def _sentences(generator: random.Random, count: int) -> Iterator[str]:
    for _ in range(count):
        words = " ".join(generator.choices(_WORDS, k=10))
        yield f"Le {words} de {generator.randrange(10**9)} est là."


def _write_note(folder: Path, number: int, generator: random.Random) -> None:
    sentences = " ".join(_sentences(generator, 4))
    (folder / f"note-{number:05}.md").write_text(
        f"# Note {number}\n\n{sentences}\n", encoding="utf-8"
    )


def _build(
    folder: Path, store: SnapshotStore, embedder: Embedder, chunking: Chunking, *, reuse: bool
) -> tuple[float, Build]:
    started = time.perf_counter()
    with store.lock(), Bars(transient=True, console=Console(stderr=True)) as bars:
        tasks: dict[str, int] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage)
            bars.update(tasks[stage], completed=done, total=total or None)  # type: ignore[arg-type]

        previous = Previous(store.current(), embedder.identity) if reuse else None
        files = find_files([folder])
        documents = read_files(files, previous.document if previous else unknown)
        built = build_snapshot(
            documents, embedder, store, chunking, show, previous=previous, total=len(files)
        )
    return time.perf_counter() - started, built


if __name__ == "__main__":
    main()
