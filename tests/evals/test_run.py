from __future__ import annotations

from pathlib import Path

import pytest

from corpus import Document
from evals import EvalResult, cached_snapshot, evaluate, load_question_set
from index import Embedder, Snapshot
from qa import Answer, Answerer
from tests.conftest import CHUNKING, QUESTIONS


@pytest.fixture(scope="module")
def result(answerer: Answerer) -> EvalResult:
    return evaluate(load_question_set(QUESTIONS), answerer)


def value(result: EvalResult, group: str, name: str) -> float:
    found = getattr(result, group)[name].value
    assert found is not None
    return float(found)


def test_the_interview_is_answered_well(result: EvalResult) -> None:
    assert value(result, "answer", "hit") >= 0.75
    assert value(result, "retrieval", "success@5") >= 0.90
    assert value(result, "citation", "recall") >= 0.75
    assert value(result, "abstention", "answered_rate_answerable") >= 0.90
    assert value(result, "abstention", "refused_rate_unanswerable") >= 0.30
    assert result.warnings == ()


def test_every_citation_is_an_exact_slice(result: EvalResult, snapshot: Snapshot) -> None:
    citations = [citation for item in result.items for citation in item.citations]
    assert len(citations) >= len([item for item in result.items if item.answered])
    for citation in citations:
        text = snapshot.documents[citation.document_id].text
        assert text[citation.start : citation.end] == citation.quote


def test_items_tell_what_the_summary_sums_up(result: EvalResult) -> None:
    assert result.n == len(result.items) == 24
    answerable = [item for item in result.items if item.answerable]
    hits = [item.scores["hit"] or 0 for item in answerable]
    assert value(result, "answer", "hit") == pytest.approx(sum(hits) / len(hits), abs=1e-6)
    ranks = [item.rank_of_evidence for item in answerable]
    first = [rank == 1 for rank in ranks]
    assert value(result, "retrieval", "success@1") == pytest.approx(sum(first) / 18, abs=1e-6)
    assert all(i.rank_of_evidence is None for i in result.items if not i.answerable)


class Refuser(Answerer):
    def ask(self, question: str, top_k: int = 5) -> Answer:
        refusal = {"answered": False, "short_answer": None, "citations": (), "confidence": 0.0}
        return super().ask(question, top_k).model_copy(update=refusal)


class Misquoter(Answerer):
    """Answers as it should, but cites the title."""

    def ask(self, question: str, top_k: int = 5) -> Answer:
        answer = super().ask(question, top_k)
        text = next(iter(self.snapshot.documents.values())).text
        moved = tuple(
            c.model_copy(update={"start": 0, "end": 14, "quote": text[:14]})
            for c in answer.citations
        )
        return answer.model_copy(update={"citations": moved})


def test_an_answerer_that_always_refuses_is_seen(snapshot: Snapshot, embedder: Embedder) -> None:
    result = evaluate(load_question_set(QUESTIONS), Refuser(snapshot, embedder))
    assert value(result, "abstention", "answered_rate_answerable") == 0
    assert value(result, "abstention", "refused_rate_unanswerable") == 1
    assert value(result, "abstention", "auroc") == 0.5
    assert value(result, "answer", "hit") == 0
    assert result.citation["precision"].value is None


def test_wrong_citations_are_seen_where_they_belong(
    result: EvalResult, snapshot: Snapshot, embedder: Embedder
) -> None:
    wrong = evaluate(load_question_set(QUESTIONS), Misquoter(snapshot, embedder))
    assert value(wrong, "citation", "precision") == 0
    assert value(wrong, "citation", "recall") == 0
    assert wrong.answer == result.answer
    assert wrong.retrieval == result.retrieval


def test_evidence_that_no_passage_holds_is_reported(answerer: Answerer) -> None:
    question = load_question_set(QUESTIONS)[0].model_copy(update={"evidence": ("Absent.",)})
    assert "no passage" in evaluate([question], answerer).warnings[0]


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
