"""What each stage of retrieval is worth: `python -m evals.ablation SET[=CORPUS] ...`.

Prints one table a set, in Markdown: for each stage where the evidence is found, with 95 % bootstrap
intervals; what it gains over the stage before, on the same questions; and what it takes. With
`--runs`, each stage is also kept as `campus-qa compare` reads it.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from corpus import load_corpus
from evals.compare import compare
from evals.intervals import Metric
from evals.question_set import Question, QuestionSet, load_question_set
from evals.results import EvalResult
from evals.run import cached_snapshot, evaluate
from index import Chunking, Embedder, Snapshot, embedding_model
from qa import Answerer, Mode, load_reranker

_METRICS = ("success@1", "success@3", "success@5", "mrr@10")
_GAINS = ("retrieval.success@1", "retrieval.mrr@10")
_TIMED = 100


def main() -> None:
    """Evaluate every stage on every set and print the tables."""
    parser = argparse.ArgumentParser(description="What each stage of retrieval is worth.")
    parser.add_argument("sets", nargs="+", metavar="SET[=CORPUS]")
    parser.add_argument("--home", type=Path, default=Path("var"), help="default: var")
    parser.add_argument("--model", default=os.environ.get("CAMPUS_QA_EMBEDDING_MODEL"))
    parser.add_argument("--reranker", default=os.environ.get("CAMPUS_QA_RERANKER", "embedded"))
    parser.add_argument("--limit", type=int, help="ask only the first questions")
    parser.add_argument("--runs", type=Path, help="write the run of every stage to this folder")
    arguments = parser.parse_args()
    if arguments.runs is not None:
        arguments.runs.mkdir(parents=True, exist_ok=True)
    models = arguments.home / "models"
    embedder = Embedder.load(embedding_model(arguments.model, models))
    reranker = load_reranker(arguments.reranker, embedder, models)
    for argument in arguments.sets:
        question_set, snapshot = open_set(argument, embedder, arguments.home, arguments.limit)
        # Follow-ups are asked after what came before in one of the modes alone.
        alone = tuple(question for question in question_set.questions if question.turn <= 1)
        question_set = replace(question_set, questions=alone)
        name = Path(argument.partition("=")[0]).name
        bare = Answerer(snapshot, embedder)
        stages: list[tuple[str, Answerer, Mode]] = [
            ("lexical", bare, "lexical"),
            ("dense", bare, "dense"),
            ("hybrid", bare, "hybrid"),
        ]
        if reranker is not None:
            stages.append(("hybrid, reranked", Answerer(snapshot, embedder, reranker), "hybrid"))
        print(f"\n{name}: {len(question_set.questions)} questions\n")
        languages = sorted({question.lang for question in question_set.questions})
        spoken = languages if len(languages) > 1 else []
        header = (
            *_METRICS,
            *(f"success@1, {language}" for language in spoken),
            *(f"gain in {name.partition('.')[2]}" for name in _GAINS),
            "ms (median)",
        )
        _print_row("stage", *header)
        _print_row("---", *["---:"] * len(header))
        before: EvalResult | None = None
        for stage, answerer, mode in stages:
            result = evaluate(question_set, answerer, mode=mode, name=name)
            took = _time(question_set.questions, answerer, mode)
            cells = [_show(result.retrieval[metric]) for metric in _METRICS]
            for language in spoken:
                part = result.breakdown["language"][language]
                cells.append(_show(part.retrieval["success@1"]))
            _print_row(stage, *cells, *_gains(before, result), f"{took:.1f}")
            before = result
            if arguments.runs is not None:
                path = arguments.runs / f"{name} {stage}.json".replace(", ", "-").replace(" ", "-")
                path.write_text(result.model_dump_json(indent=2), encoding="utf-8")


def open_set(
    argument: str, embedder: Embedder, home: Path, limit: int | None = None
) -> tuple[QuestionSet, Snapshot]:
    """A question set and an index of its passages, or of the corpus that is named with it.

    Raises:
        SystemExit: The set neither carries its passages nor names a corpus.
    """
    path, _, corpus = argument.partition("=")
    question_set = load_question_set(Path(path), limit)
    documents = load_corpus([Path(corpus)]).documents if corpus else question_set.documents
    if not documents:
        raise SystemExit(f"{path} does not carry its passages: give {path}=CORPUS")
    cache = home / "cache" / "eval"
    chunking = Chunking(max_tokens=256)
    return question_set, cached_snapshot(documents, embedder, chunking, cache, lambda *_: None)


def _gains(before: EvalResult | None, result: EvalResult) -> Iterator[str]:
    if before is None:
        yield from [""] * len(_GAINS)
        return
    found = {metric.name: metric.difference for metric in compare(before, result).metrics}
    for name in _GAINS:
        yield _show(found[name], sign="+")


def _time(questions: Sequence[Question], answerer: Answerer, mode: Mode) -> float:
    """Median milliseconds of a search for a page of passages, the question's embedding included."""
    count = min(_TIMED, len(questions))
    timed = [questions[i * len(questions) // count] for i in range(count)]
    return float(
        np.median([answerer.search(q.question, mode=mode).timings_ms.total for q in timed])
    )


def _show(metric: Metric, sign: str = "") -> str:
    if metric.value is None:
        return ""
    return f"{metric.value:{sign}.3f} ({metric.low:{sign}.3f} to {metric.high:{sign}.3f})"


def _print_row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
