"""Running a question set: every question asked, every answer measured."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import index
from corpus import Document, Place, reader_version
from evals.matching import completeness, contains, exact_match, is_hit, token_f1
from evals.measures import break_down, summarise, trace_risk
from evals.metrics import Judgements, first_rank, ndcg_at, recall_at, reciprocal_rank
from evals.question_set import Question, QuestionSet
from evals.relevance import Relevance
from evals.results import EvalResult, Item, Outcome, RankedPassage
from evals.support import sentence_support
from index import (
    Chunking,
    Embedder,
    Progress,
    Snapshot,
    SnapshotError,
    SnapshotStore,
    build_snapshot,
)
from qa import READ_PASSAGES, Answer, Answerer, Citation, Mode, Turn, split_statements

Turns = dict[str, list[Turn]]
"""What was asked and answered so far, by conversation."""

_DEPTH = 10
_JUDGED_DEPTH = 50
"""Passages per question where documents are judged: ten documents may take more than ten."""

_BATCH = 256
_TIMED = 100


def evaluate(
    question_set: QuestionSet,
    answerer: Answerer,
    *,
    mode: Mode = "hybrid",
    gold: bool = False,
    name: str = "",
    progress: Progress = lambda stage, done, total: None,
) -> EvalResult:
    """Ask every question and measure the answers.

    At most 100 questions, evenly spread, are asked one by one, for their latency; the others are
    embedded together, which changes no answer.

    Args:
        question_set: What to ask.
        answerer: Answers, from the corpus that is measured.
        mode: How passages are ranked.
        gold: Answer each question from the documents of its evidence alone, as reading
            comprehension is measured, and without timing it.
        name: Of the question set, for the report.
        progress: Told of each question done.
    """
    questions, warnings = question_set.questions, []
    relevance = Relevance(answerer.snapshot)
    if gold:
        questions = tuple(q for q in questions if relevance.find_evidence(q))
        left_out = len(question_set.questions) - len(questions)
        if left_out:
            warnings.append(f"{left_out} questions without evidence in the corpus are left out")
    timed = {} if gold else _ask_some_alone(questions, answerer, mode, progress)
    earlier: Turns = {}
    items: list[Item] = []
    for first in range(0, len(questions), _BATCH):
        batch = questions[first : first + _BATCH]
        found = [relevance.find_evidence(question) for question in batch]
        asked = (
            _ask_gold(batch, found, answerer, mode)
            if gold
            else _ask(batch, answerer, mode, earlier, timed)
        )
        for (question, given, full), evidence in zip(asked, found, strict=True):
            judgements = relevance.judge(question, evidence)
            judged_here = question.judgements.keys() & answerer.snapshot.documents.keys()
            if question.answerable and not (judged_here if question.judgements else judgements):
                warnings.append(f"{question.id}: no passage of the corpus holds its evidence")
            latency = timed[question.id].timings_ms.total if question.id in timed else None
            items.append(_measure(question, given, full, judgements, evidence, relevance, latency))
            progress("asking questions", len(items), len(questions))
    summary = summarise(items)
    return EvalResult(
        **{name: getattr(summary, name) for name in type(summary).model_fields},
        question_set=name,
        index_version=answerer.snapshot.version,
        mode=mode,
        gold=gold,
        reranker="none" if answerer.reranker is None else answerer.reranker.name,
        min_confidence=answerer.min_confidence,
        breakdown=break_down(items),
        risk_coverage=trace_risk(items),
        warnings=tuple(warnings),
        items=tuple(items),
    )


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
    parts += [f"{document.id} {document.title} {document.sha256}" for document in documents]
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


def _depth(question: Question) -> int:
    return _JUDGED_DEPTH if question.judgements else _DEPTH


def _ask_some_alone(
    questions: Sequence[Question], answerer: Answerer, mode: Mode, progress: Progress
) -> dict[str, Answer]:
    """The answers to questions by themselves, by id; follow-ups are not among them."""
    alone = [question for question in questions if question.turn <= 1]
    count = min(_TIMED, len(alone))
    timed = [alone[i * len(alone) // count] for i in range(count)]
    found = {}
    for number, question in enumerate(timed, start=1):
        (found[question.id],) = answerer.ask_all([question.question], _depth(question), mode)
        progress("timing questions", number, len(timed))
    return found


def _ask(
    questions: Sequence[Question],
    answerer: Answerer,
    mode: Mode,
    earlier: Turns,
    timed: Mapping[str, Answer],
) -> Iterable[tuple[Question, Answer, Answer]]:
    """Each question with its answer, and with the one that it would have had without a threshold
    on the confidence, which tells whether a refusal was worth it.

    `earlier` holds the turns of each conversation so far, and is added to; `timed` what has been
    answered already.
    """
    depth = max(map(_depth, questions))

    def ask_alone(
        asked: Sequence[Question], min_confidence: float | None = None
    ) -> dict[str, Answer]:
        texts = [question.question for question in asked]
        answers = answerer.ask_all(texts, depth, mode, min_confidence)
        return {question.id: answer for question, answer in zip(asked, answers, strict=True)}

    alone = [question for question in questions if question.turn <= 1 or mode != "hybrid"]
    given = {**timed, **ask_alone([question for question in alone if question.id not in timed])}
    refused = [question for question in alone if not given[question.id].answered]
    full = {**given, **ask_alone(refused, min_confidence=0)}
    for question in questions:
        history = earlier.get(question.conversation, [])
        if question.id in given:
            answer, without_threshold = given[question.id], full[question.id]
        else:
            ask = partial(
                answerer.ask, question.question, depth, history=history, mode="extractive"
            )
            answer = ask()
            without_threshold = answer if answer.answered else ask(min_confidence=0)
        if question.conversation:
            turn = Turn(question=question.question, answer=answer.answer)
            earlier[question.conversation] = [*history, turn]
        yield question, answer, without_threshold


def _ask_gold(
    questions: Sequence[Question],
    found: Sequence[Sequence[Place]],
    answerer: Answerer,
    mode: Mode,
) -> Iterable[tuple[Question, Answer, Answer]]:
    """As `_ask`, each question by itself, of the documents that its evidence stands in."""
    for question, evidence in zip(questions, found, strict=True):
        own = sorted({place.document_id for place in evidence})
        ask = partial(
            answerer.ask_all,
            [question.question],
            _depth(question),
            mode,
            filters={"document_id": own},
        )
        (answer,) = ask()
        without_threshold = answer if answer.answered else next(ask(min_confidence=0))
        yield question, answer, without_threshold


def _measure(
    question: Question,
    answer: Answer,
    full: Answer,
    judgements: Judgements,
    evidence: Sequence[Place],
    relevance: Relevance,
    latency: float | None,
) -> Item:
    scores: dict[str, float] = {}
    judged = bool(question.judgements)
    retrieved = [p.document_id if judged else relevance.indexed_as(p) for p in answer.passages]
    ranking = list(dict.fromkeys(retrieved))
    indexed = {p.passage_id: relevance.indexed_as(p) for p in answer.passages}
    citations = tuple(
        c.model_copy(update={"passage_id": indexed.get(c.passage_id, c.passage_id)})
        for c in answer.citations
    )
    if question.answerable:
        for k in (1, 5, 10):
            scores[f"recall@{k}"] = recall_at(ranking, judgements, k)
        scores["mrr@10"] = reciprocal_rank(ranking, judgements, 10)
        scores["ndcg@10"] = ndcg_at(ranking, judgements, 10)
    if question.answerable and not judged:
        scores |= _score_answer(question, answer)
    if answer.answered:
        scores |= _score_citations(question, answer, evidence, relevance.snapshot)
    rank = first_rank(ranking, judgements)
    full_right = None if judged else question.answerable and _is_right(question, full)
    return Item(
        id=question.id,
        lang=question.lang,
        kind=question.kind,
        conversation=question.conversation,
        turn=question.turn,
        question=question.question,
        answerable=question.answerable,
        accepted=question.required or question.answers,
        answered=answer.answered,
        answer=answer.answer,
        short_answer=answer.short_answer,
        citations=citations,
        passages=tuple(
            RankedPassage(
                passage_id=indexed[passage.passage_id],
                score=passage.score,
                relevant=judgements.get(key, 0) > 0,
            )
            for passage, key in zip(answer.passages[:_DEPTH], retrieved, strict=False)
        ),
        evidence=tuple(evidence),
        confidence=answer.confidence,
        rank_of_evidence=rank,
        outcome=_outcome(question, answer, citations, judgements, rank),
        right_if_answered=full_right,
        latency_ms=latency,
        scores=scores,
    )


def _is_right(question: Question, answer: Answer) -> bool:
    return answer.answered and is_hit(_said(answer), question.answers, question.required)


def _said(answer: Answer) -> str:
    """The answer without its markers: "[1]" is not the number one."""
    return "\n".join(statement.text for statement in split_statements(answer.answer))


def _score_answer(question: Question, answer: Answer) -> dict[str, float]:
    text = _said(answer) if answer.answered else ""
    short = answer.short_answer or ""
    accepted = question.answers or question.required
    scores = {
        "hit": float(_is_right(question, answer)),
        "exact_match": exact_match(short, accepted) if short else 0.0,
        "f1": token_f1(short, accepted) if short else 0.0,
    }
    if question.required:
        scores["completeness"] = completeness(text, question.required)
    return scores


def _score_citations(
    question: Question, answer: Answer, evidence: Sequence[Place], snapshot: Snapshot
) -> dict[str, float]:
    exact = [_is_exact(citation, snapshot) for citation in answer.citations]
    premises = {c.marker: f"{c.title}\n{c.quote}" for c in answer.citations}
    recall, precision = sentence_support(split_statements(answer.answer), premises)
    scores = {
        "exact_citations": float(sum(exact)),
        "sentence_recall": recall,
        "sentence_precision": precision,
    }
    if question.answerable and not question.judgements:
        good = [_supports(citation, question, evidence) for citation in answer.citations]
        scores["good_citations"] = float(sum(good))
    return scores


def _is_exact(citation: Citation, snapshot: Snapshot) -> bool:
    document = snapshot.documents.get(citation.document_id)
    return document is not None and document.text[citation.start : citation.end] == citation.quote


def _supports(citation: Citation, question: Question, evidence: Sequence[Place]) -> bool:
    """Whether a quote holds an accepted answer or overlaps an evidence sentence."""
    spans = (*question.answers, *question.required)
    return any(contains(citation.quote, span) for span in spans) or any(
        place.document_id == citation.document_id
        and place.start < citation.end
        and citation.start < place.end
        for place in evidence
    )


def _outcome(
    question: Question,
    answer: Answer,
    citations: Sequence[Citation],
    judgements: Judgements,
    rank: int | None,
) -> Outcome:
    if not question.answerable:
        return "answered wrongly" if answer.answered else "right"
    if question.judgements:
        return "not retrieved" if rank is None or rank > _DEPTH else "right"
    if _is_right(question, answer):
        return "right"
    if rank is None or rank > _DEPTH:
        return "not retrieved"
    if not answer.answered:
        return "refused wrongly" if rank <= READ_PASSAGES else "not read"
    taken = {citation.passage_id for citation in citations}
    return "wrong span" if any(judgements.get(passage) for passage in taken) else "not read"
