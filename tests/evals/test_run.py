from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from corpus import Document
from evals import EvalResult, QuestionSet, cached_snapshot, evaluate, load_question_set
from index import Embedder, Snapshot
from qa import Answer, Answerer, Filters, Mode, Turn
from tests.conftest import CHUNKING, QUESTIONS

SET = load_question_set(QUESTIONS)


@pytest.fixture(scope="module")
def result(quick: Answerer) -> EvalResult:
    return evaluate(SET, quick)


def values(result: EvalResult) -> dict[str, float | None]:
    groups = ("retrieval", "answer", "citation", "abstention")
    return {f"{g}.{n}": m.value for g in groups for n, m in getattr(result, g).items()}


def changed(result: EvalResult, other: EvalResult) -> set[str]:
    one, two = values(result), values(other)
    return {name for name in one if one[name] != two[name]}


class Faulty(Answerer):
    """Answers as it should, but for a fault planted in what it says."""

    def __init__(
        self,
        snapshot: Snapshot,
        embedder: Embedder,
        fault: Callable[[Answer], dict[str, Any]],
    ) -> None:
        self._fault = fault
        super().__init__(snapshot, embedder)

    def ask_all(
        self,
        questions: Sequence[str],
        top_k: int = 5,
        search_mode: Mode = "hybrid",
        min_confidence: float | None = None,
        filters: Filters | None = None,
    ) -> Iterator[Answer]:
        for answer in super().ask_all(questions, top_k, search_mode, min_confidence, filters):
            # Without a threshold, it says what it would have answered.
            planted = {} if min_confidence == 0 else self._fault(answer)
            yield answer.model_copy(update=planted)


Plant = Callable[[Callable[[Answer], dict[str, Any]]], EvalResult]


@pytest.fixture(scope="module")
def plant(snapshot: Snapshot, embedder: Embedder) -> Plant:
    return lambda fault: evaluate(SET, Faulty(snapshot, embedder, fault))


def test_the_interview_is_answered_well(answerer: Answerer) -> None:
    result = evaluate(SET, answerer)
    found = {name: value or 0 for name, value in values(result).items()}
    assert found["answer.hit"] >= 0.75
    assert found["retrieval.success@5"] >= 0.90
    assert found["citation.recall"] >= 0.75
    assert found["abstention.answered_rate_answerable"] >= 0.90
    assert found["abstention.refused_rate_unanswerable"] >= 0.30
    assert result.warnings == ()


def test_every_citation_is_an_exact_slice(result: EvalResult, snapshot: Snapshot) -> None:
    citations = [citation for item in result.items for citation in item.citations]
    assert len(citations) >= len([item for item in result.items if item.answered])
    for citation in citations:
        text = snapshot.documents[citation.document_id].text
        assert text[citation.start : citation.end] == citation.quote
    assert result.citation["exact"].value == 1
    assert result.citation["sentence_recall"].value == 1


def test_items_tell_what_the_summary_sums_up(result: EvalResult) -> None:
    assert result.n == len(result.items) == 24
    answerable = [item for item in result.items if item.answerable]
    hits = [item.scores["hit"] for item in answerable]
    assert result.answer["hit"].value == pytest.approx(sum(hits) / len(hits), abs=1e-6)
    first = [item.rank_of_evidence == 1 for item in answerable]
    assert result.retrieval["success@1"].value == pytest.approx(sum(first) / 18, abs=1e-6)
    for item in result.items:
        relevant = [i for i, p in enumerate(item.passages, start=1) if p.relevant]
        assert (relevant[0] if relevant else None) == item.rank_of_evidence
        assert (item.outcome == "right") == (
            bool(item.scores["hit"]) if item.answerable else not item.answered
        )
    assert sum(result.outcomes.values()) == 24


def test_the_breakdown_parts_the_questions(result: EvalResult) -> None:
    assert set(result.breakdown) == {"kind", "language"}
    for parts in result.breakdown.values():
        assert sum(part.n for part in parts.values()) == 24
    for language, part in result.breakdown["language"].items():
        hits = [i.scores["hit"] for i in result.items if i.lang == language and i.answerable]
        assert part.answer["hit"].value == pytest.approx(np.mean(hits), abs=1e-6)


@pytest.mark.usefixtures("one_thread")
def test_answers_together_are_those_one_by_one(quick: Answerer, result: EvalResult) -> None:
    for item, question in zip(result.items, SET.questions, strict=True):
        alone = quick.ask(question.question, top_k=10)
        assert item.answer == alone.answer
        assert item.citations == alone.citations
        assert item.confidence == alone.confidence
        assert [(p.passage_id, p.score) for p in item.passages] == [
            (p.passage_id, p.score) for p in alone.passages
        ]


def test_an_answerer_that_always_refuses_is_seen(result: EvalResult, plant: Plant) -> None:
    refusal = {"answered": False, "short_answer": None, "citations": ()}
    found = plant(lambda answer: refusal)
    assert found.abstention["answered_rate_answerable"].value == 0
    assert found.abstention["refused_rate_unanswerable"].value == 1
    assert found.abstention["coverage"].value == 0
    # What is measured on answers given has nothing to measure; a refusal is no right answer.
    assert found.citation["precision"].value is None
    assert found.answer["hit"].value == 0
    assert found.retrieval == result.retrieval
    for name in ("auroc", "auroc_right", "aurc"):
        assert found.abstention[name] == result.abstention[name]


def test_an_answerer_that_never_refuses_is_seen(
    result: EvalResult, snapshot: Snapshot, embedder: Embedder
) -> None:
    found = evaluate(SET, Answerer(snapshot, embedder, min_confidence=0))
    assert found.abstention["refused_rate_unanswerable"].value == 0
    assert found.abstention["answered_rate_answerable"].value == 1
    assert (found.abstention["risk"].value or 0) > (result.abstention["risk"].value or 0)
    assert found.retrieval == result.retrieval
    for name in ("auroc", "auroc_right", "aurc"):
        assert found.abstention[name] == result.abstention[name]
    assert found.citation["exact"].value == 1


def test_a_shuffled_ranking_is_seen_in_retrieval_alone(result: EvalResult, plant: Plant) -> None:
    found = plant(lambda answer: {"passages": answer.passages[::-1]})
    expected = {f"retrieval.{name}" for name in result.retrieval} - {
        "retrieval.recall@10",
        "retrieval.success@10",
    }
    assert changed(result, found) == expected


def test_an_index_whose_vectors_are_shuffled_is_seen_as_not_retrieved(
    snapshot: Snapshot, embedder: Embedder
) -> None:
    order = np.random.default_rng(1).permutation(len(snapshot.passages))
    shuffled = Snapshot(
        snapshot.manifest,
        snapshot.documents,
        [snapshot.passages[i] for i in order],
        snapshot._passage_vectors,
        np.concatenate([snapshot.sentence_vectors(int(i)) for i in order]),
        snapshot.lexical,
    )
    found = evaluate(SET, Answerer(shuffled, embedder), mode="dense")
    sound = evaluate(SET, Answerer(snapshot, embedder), mode="dense")
    assert (found.retrieval["recall@1"].value or 0) < 0.2
    assert (sound.retrieval["recall@1"].value or 0) > 0.6
    lost = [
        sum(run.outcomes.get(name, 0) for name in ("not retrieved", "not read"))
        for run in (sound, found)
    ]
    assert lost[1] >= 2 * lost[0] + 4
    assert found.citation["exact"].value == 1


def test_a_citation_that_is_no_slice_is_seen_as_that_alone(
    result: EvalResult, plant: Plant
) -> None:
    def shift(answer: Answer) -> dict[str, Any]:
        moved = [c.model_copy(update={"start": c.start + 1}) for c in answer.citations]
        return {"citations": tuple(moved)}

    found = plant(shift)
    assert changed(result, found) == {"citation.exact"}
    assert found.citation["exact"].value == 0


def test_a_wrong_citation_is_seen_in_the_citations_alone(
    result: EvalResult, snapshot: Snapshot, plant: Plant
) -> None:
    """The title, which is an exact slice, but holds no answer."""
    text = next(iter(snapshot.documents.values())).text
    title = {"start": 0, "end": 14, "quote": text[:14]}

    def misquote(answer: Answer) -> dict[str, Any]:
        return {"citations": tuple(c.model_copy(update=title) for c in answer.citations)}

    found = plant(misquote)
    assert found.citation["precision"].value == 0
    assert found.citation["recall"].value == 0
    assert (found.citation["sentence_recall"].value or 0) < 0.1
    assert {name.split(".")[0] for name in changed(result, found)} == {"citation"}
    assert found.citation["exact"].value == 1


def test_a_wrong_short_answer_is_seen_in_exact_match_and_f1_alone(
    result: EvalResult, plant: Plant
) -> None:
    found = plant(lambda answer: {"short_answer": "xylophone"})
    assert found.answer["f1"].value == found.answer["exact_match"].value == 0
    assert changed(result, found) <= {"answer.f1", "answer.exact_match"}


def test_a_marker_is_not_an_answer(quick: Answerer) -> None:
    question = SET.questions[0].model_copy(update={"answers": ("1",), "required": ()})
    (item,) = evaluate(QuestionSet((question,)), quick).items
    assert "[1]" in item.answer
    assert item.scores["hit"] == 0


def test_at_most_a_hundred_questions_are_timed(quick: Answerer) -> None:
    many = tuple(SET.questions[i % 24].model_copy(update={"id": str(i)}) for i in range(101))
    items = evaluate(QuestionSet(many), quick).items
    assert sum(item.latency_ms is not None for item in items) == 100


def test_a_slow_answerer_is_seen_in_the_latency_alone(result: EvalResult, plant: Plant) -> None:
    def slow(answer: Answer) -> dict[str, Any]:
        timings = answer.timings_ms.model_copy(update={"total": answer.timings_ms.total + 60_000})
        return {"timings_ms": timings}

    found = plant(slow)
    assert changed(result, found) == set()
    assert (found.latency_ms["p50"].value or 0) > 60_000


def test_evidence_that_no_passage_holds_is_reported(quick: Answerer) -> None:
    question = SET.questions[0].model_copy(update={"evidence": ("Absent.",)})
    found = evaluate(QuestionSet((question,)), quick)
    assert "no passage" in found.warnings[0]
    assert found.items[0].rank_of_evidence is None


def test_follow_ups_are_told_apart_and_asked_in_their_conversation(quick: Answerer) -> None:
    first, second, third = (
        question.model_copy(update={"conversation": "c" if turn else "", "turn": turn})
        for turn, question in enumerate(SET.questions[:3])
    )
    found = evaluate(QuestionSet((first, second, third)), quick)
    assert {name: part.n for name, part in found.breakdown["turn"].items()} == {
        "single": 1,
        "first": 1,
        "follow-up": 1,
    }
    assert found.warnings == ()
    before = [Turn(question=second.question, answer=found.items[1].answer)]
    expected = quick.ask(third.question, top_k=10, history=before)
    assert found.items[2].answer == expected.answer
    assert found.items[2].confidence == expected.confidence
    assert found.items[2].latency_ms is None


def test_an_index_for_a_corpus_is_built_once(
    tmp_path: Path, interview: Document, embedder: Embedder
) -> None:
    stages: list[str] = []

    def note(stage: str, done: int, total: int) -> None:
        stages.append(stage)

    first = cached_snapshot([interview], embedder, CHUNKING, tmp_path, note)
    assert stages
    stages.clear()
    assert cached_snapshot([interview], embedder, CHUNKING, tmp_path, note).version == first.version
    assert stages == []
