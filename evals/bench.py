"""Latency, side by side: `python -m evals.bench` (or `make bench`).

Every round times each operation once, on the same question, so that what else the machine does
weighs on all of them alike. What counts are the ratios to one bare query embedding.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from llama_index.core.schema import QueryBundle
from rich.console import Console
from rich.table import Table

from evals.question_set import load_question_set
from index import Embedder, SnapshotStore, embedding_model
from qa import Answerer, load_reranker
from qa.llama import PassageRetriever

_QUESTIONS = Path(__file__).parent / "interview.jsonl"


def main() -> None:
    """Time the operations on the index below `--home` and print a table."""
    parser = argparse.ArgumentParser(description="Latency of the stages of an answer, as ratios.")
    parser.add_argument("--home", type=Path, default=Path("var"), help="default: var")
    parser.add_argument("--model", default=os.environ.get("CAMPUS_QA_EMBEDDING_MODEL"))
    parser.add_argument("--reranker", default=os.environ.get("CAMPUS_QA_RERANKER", "embedded"))
    parser.add_argument("--rounds", type=int, default=1, help="over the question set (default: 1)")
    arguments = parser.parse_args()
    embedder = Embedder.load(embedding_model(arguments.model, arguments.home / "models"))
    snapshot = SnapshotStore(arguments.home / "index").load()
    reranker = load_reranker(arguments.reranker, embedder, arguments.home / "models")
    bare, answerer = Answerer(snapshot, embedder), Answerer(snapshot, embedder, reranker)
    retriever = PassageRetriever(snapshot, embedder)
    operations: dict[str, Callable[[str], object]] = {
        "embed the question": embedder.embed_query,
        "search, dense": lambda text: bare.search(text, mode="dense"),
        "search, lexical": lambda text: bare.search(text, mode="lexical"),
        "search, hybrid": bare.search,
        "search, hybrid, through llama-index": lambda text: retriever.retrieve(QueryBundle(text)),
        "ask, not reranked": bare.ask,
    }
    if reranker is not None:
        operations |= {
            "search, hybrid, 10 reranked": answerer.search,
            "search, hybrid, 20 reranked": lambda text: answerer.search(text, top_k=20),
            "ask": answerer.ask,
        }
    times: dict[str, list[float]] = {name: [] for name in operations}
    questions = [question.question for question in load_question_set(_QUESTIONS).questions]
    together: list[float] = []
    for _ in range(arguments.rounds):
        for question in questions:
            for name, operation in operations.items():
                start = time.perf_counter()
                operation(question)
                times[name].append(time.perf_counter() - start)
        start = time.perf_counter()
        list(answerer.ask_all(questions))
        together += [(time.perf_counter() - start) / len(questions)] * len(questions)
    times["ask, as eval does (all together)"] = together
    _print(times, len(snapshot.passages))


def _print(times: dict[str, list[float]], passages: int) -> None:
    bare = np.array(times["embed the question"])
    table = Table(title=f"{len(bare)} questions, {passages} passages")
    for column in (
        "operation",
        "median ms",
        "p95 ms",
        "median ratio to one embedding",
        "p95 ratio",
    ):
        table.add_column(column, justify="left" if column == "operation" else "right")
    for name, values in times.items():
        sample = np.array(values)
        middle, high = np.percentile(sample * 1000, [50, 95])
        ratio, high_ratio = np.percentile(sample / bare, [50, 95])
        cells = (f"{middle:.1f}", f"{high:.1f}", f"{ratio:.2f}", f"{high_ratio:.2f}")
        table.add_row(name, *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
