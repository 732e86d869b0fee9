"""Running a question set: every question asked, every answer measured."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

import index
from corpus import Document, Place, reader_version
from evals.matching import contains, exact_match, is_hit, token_f1
from evals.metrics import (
    Metric,
    first_rank,
    mean,
    ndcg_at,
    percentile,
    ratio,
    recall_at,
    reciprocal_rank,
    separation,
)
from evals.question_set import Question
from index import (
    Chunking,
    Embedder,
    Progress,
    Snapshot,
    SnapshotError,
    SnapshotStore,
    build_snapshot,
)
from qa import Answer, Answerer, Citation

_DEPTH = 10


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Item(_Frozen):
    """One question, what was answered, and its scores; a score is None where it does not apply."""

    id: str
    lang: str
    kind: str
    question: str
    answerable: bool
    answered: bool
    answer: str
    short_answer: str | None
    citations: tuple[Citation, ...]
    confidence: float
    rank_of_evidence: int | None
    latency_ms: float
    scores: dict[str, float | None]


class EvalResult(_Frozen):
    """Everything measured in one run.

    `retrieval`, `answer` and `citation` are measured on the answerable questions, where a refusal
    counts as a wrong answer; `citation` on those of them that were answered.
    """

    n: int
    index_version: str
    retrieval: dict[str, Metric]
    answer: dict[str, Metric]
    citation: dict[str, Metric]
    abstention: dict[str, Metric]
    latency_ms: dict[str, Metric]
    warnings: tuple[str, ...]
    items: tuple[Item, ...]


def evaluate(
    questions: Sequence[Question],
    answerer: Answerer,
    advance: Callable[[], None] = lambda: None,
) -> EvalResult:
    """Ask every question and measure the answers.

    A passage is relevant if it holds at least half of an evidence sentence, there or in a paragraph
    that it stands for; where a question names no evidence, if it holds an accepted answer.
    """
    snapshot = answerer.snapshot
    items: list[Item] = []
    warnings: list[str] = []
    for question in questions:
        spans = list(_locate(question.evidence, snapshot.documents.values()))
        relevant = _relevant(question, spans, snapshot)
        if question.answerable and not relevant:
            warnings.append(f"{question.id}: no passage of the corpus holds its evidence")
        answer = answerer.ask(question.question, top_k=_DEPTH)
        items.append(_measure(question, answer, relevant, spans))
        advance()
    return _summarise(items, snapshot.version, warnings)


def cached_snapshot(
    documents: Sequence[Document],
    embedder: Embedder,
    chunking: Chunking,
    cache: Path,
    progress: Progress,
) -> Snapshot:
    """An index of these documents alone, built once and kept below `cache`.

    It is found again by the documents, the model, and the code that built it.
    """
    parts = [embedder.identity.model_dump_json(), chunking.model_dump_json()]
    parts += [f"{document.id} {document.sha256}" for document in documents]
    parts += [
        hashlib.sha256(source.read_bytes()).hexdigest()
        for source in sorted(Path(str(index.__file__)).parent.glob("*.py"))
    ]
    parts.append(reader_version())
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    store = SnapshotStore(cache / key, keep=1)
    try:
        return store.load()
    except SnapshotError:
        build_snapshot(documents, embedder, store, chunking, progress)
        return store.load()


def _locate(
    sentences: Iterable[str], documents: Iterable[Document]
) -> Iterable[tuple[str, int, int]]:
    """Every place where one of the sentences stands: document id, start, end."""
    for document in documents:
        for sentence in sentences:
            start = document.text.find(sentence)
            while start >= 0:
                yield document.id, start, start + len(sentence)
                start = document.text.find(sentence, start + 1)


def _relevant(
    question: Question, spans: Sequence[tuple[str, int, int]], snapshot: Snapshot
) -> set[str]:
    relevant = set()
    for passage in snapshot.passages:
        own = (Place(passage.document_id, passage.start, passage.end), *passage.repeated_at)
        if question.evidence:
            holds = any(
                document_id == place.document_id
                and 2 * (min(end, place.end) - max(start, place.start)) >= end - start
                for document_id, start, end in spans
                for place in own
            )
        else:
            holds = any(contains(passage.text, answer) for answer in question.answers)
        if holds:
            relevant.add(passage.id)
    return relevant


def _measure(
    question: Question,
    answer: Answer,
    relevant: set[str],
    spans: Sequence[tuple[str, int, int]],
) -> Item:
    scores: dict[str, float | None] = {}
    ranking = [passage.passage_id for passage in answer.passages]
    if question.answerable:
        for k in (1, 5, 10):
            scores[f"recall@{k}"] = recall_at(ranking, relevant, k) if relevant else 0.0
        scores["mrr@10"] = reciprocal_rank(ranking, relevant, 10)
        scores["ndcg@10"] = ndcg_at(ranking, relevant, 10) if relevant else 0.0
        text = answer.answer if answer.answered else ""
        short = answer.short_answer or ""
        scores["hit"] = float(is_hit(text, question.answers, question.required))
        scores["exact_match"] = exact_match(short, question.answers) if short else 0.0
        scores["f1"] = token_f1(short, question.answers) if short else 0.0
        if answer.answered:
            good = [_supports(citation, question, spans) for citation in answer.citations]
            scores["citations"] = float(len(good))
            scores["good_citations"] = float(sum(good))
    return Item(
        id=question.id,
        lang=question.lang,
        kind=question.kind,
        question=question.question,
        answerable=question.answerable,
        answered=answer.answered,
        answer=answer.answer,
        short_answer=answer.short_answer,
        citations=answer.citations,
        confidence=answer.confidence,
        rank_of_evidence=first_rank(ranking, relevant),
        latency_ms=answer.timings_ms.total,
        scores=scores,
    )


def _supports(
    citation: Citation, question: Question, spans: Sequence[tuple[str, int, int]]
) -> bool:
    """Whether a quote holds an accepted answer or overlaps an evidence sentence."""
    return any(contains(citation.quote, accepted) for accepted in question.answers) or any(
        document_id == citation.document_id and start < citation.end and citation.start < end
        for document_id, start, end in spans
    )


def _summarise(items: list[Item], version: str, warnings: list[str]) -> EvalResult:
    answerable = [item for item in items if item.answerable]
    cited = [item for item in answerable if item.answered]
    refused = [not item.answered for item in items if not item.answerable]

    def average(name: str, over: Sequence[Item] = answerable) -> Metric:
        return mean([item.scores[name] or 0.0 for item in over])

    def found(k: int) -> Metric:
        ranks = [item.rank_of_evidence for item in answerable]
        return mean([float(rank is not None and rank <= k) for rank in ranks])

    good = [item.scores["good_citations"] or 0.0 for item in cited]
    return EvalResult(
        n=len(items),
        index_version=version,
        retrieval={
            **{
                name: average(name)
                for name in ("recall@1", "recall@5", "recall@10", "mrr@10", "ndcg@10")
            },
            **{f"success@{k}": found(k) for k in (1, 5, 10)},
        },
        answer={name: average(name) for name in ("hit", "exact_match", "f1")},
        citation={
            "precision": ratio(good, [item.scores["citations"] or 0.0 for item in cited]),
            "recall": mean([float(count > 0) for count in good]),
        },
        abstention={
            "answered_rate_answerable": mean([float(item.answered) for item in answerable]),
            "refused_rate_unanswerable": mean([float(value) for value in refused]),
            "auroc": separation(
                [item.confidence for item in items], [item.answerable for item in items]
            ),
        },
        latency_ms={f"p{p}": percentile([i.latency_ms for i in items], p) for p in (50, 95)},
        warnings=tuple(warnings),
        items=tuple(items),
    )
