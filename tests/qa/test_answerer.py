from __future__ import annotations

from pathlib import Path

import pytest

from corpus import Document, load_corpus, split_sentences
from evals import load_question_set
from index import Embedder, Snapshot, SnapshotError, SnapshotStore, build_snapshot
from qa import Answer, Answerer, Reranker, split_statements
from tests.conftest import CHUNKING, QUESTIONS
from tests.documents import document

ASKED = [question.question for question in load_question_set(QUESTIONS).questions]


def without_timings(answer: Answer) -> str:
    return answer.model_dump_json(exclude={"timings_ms"})


@pytest.mark.parametrize(
    "question",
    [
        "Combien de personnes travaillent à PariSanté Campus ?",
        "How many people work at PariSanté Campus?",
    ],
)
def test_the_main_question_gets_the_1600_sentence(
    answerer: Answerer, interview: Document, question: str
) -> None:
    answer = answerer.ask(question)
    assert answer.answered
    citation = answer.citations[0]
    assert "plus de 1 600 personnes" in citation.quote
    assert interview.text[citation.start : citation.end] == citation.quote
    assert answer.answer == f"{citation.quote} [1]"
    if answer.language == "fr":
        assert answer.short_answer == "plus de 1 600 personnes"


@pytest.mark.parametrize("question", ASKED)
def test_every_citation_and_passage_is_an_exact_slice(
    answerer: Answerer, snapshot: Snapshot, question: str
) -> None:
    answer = answerer.ask(question, top_k=10)
    for citation in answer.citations:
        text = snapshot.documents[citation.document_id].text
        assert text[citation.start : citation.end] == citation.quote
        passage = next(p for p in snapshot.passages if p.id == citation.passage_id)
        assert passage.start <= citation.start < citation.end <= passage.end
        own = [s for s in split_statements(answer.answer) if s.markers == (citation.marker,)]
        assert [s.text for s in own] == [
            citation.quote[a:b] for a, b in split_sentences(citation.quote)
        ]
        if citation.highlight:
            assert text[citation.highlight.start : citation.highlight.end] == answer.short_answer
    for found in answer.passages:
        assert snapshot.documents[found.document_id].text[found.start : found.end] == found.text
    if answer.answered:
        assert [c.marker for c in answer.citations] == [*range(1, len(answer.citations) + 1)]
        assert answer.short_answer
        assert any(answer.short_answer in c.quote for c in answer.citations)
    assert answer.index_version == snapshot.version


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("Quelle est la recette du bœuf bourguignon ?", "Les documents ne permettent pas"),
        ("Who won the 1998 football World Cup?", "The documents do not answer"),
    ],
)
def test_off_topic_questions_are_refused_in_their_language(
    answerer: Answerer, question: str, words: str
) -> None:
    answer = answerer.ask(question)
    assert not answer.answered
    assert answer.answer.startswith(words)
    assert answer.short_answer is None
    assert answer.citations == ()
    assert len(answer.passages) == 5


def test_the_same_question_gives_the_same_bytes(
    answerer: Answerer, embedder: Embedder, reranker: Reranker
) -> None:
    again = Answerer(answerer.snapshot, embedder, reranker)
    for question in ASKED[:4]:
        assert without_timings(answerer.ask(question)) == without_timings(again.ask(question))


def test_how_many_passages_come_back_does_not_change_the_answer(answerer: Answerer) -> None:
    for question in ASKED[:4]:
        one, ten = answerer.ask(question, top_k=1), answerer.ask(question, top_k=10)
        assert (one.answer, one.confidence) == (ten.answer, ten.confidence)
        assert len(one.passages) == 1
        assert ten.passages[:1] == one.passages


def test_a_question_without_any_letter_is_refused(answerer: Answerer) -> None:
    for question in ("?", "…", "🙂", "\x00", "!", "12345"):
        answer = answerer.ask(question)
        assert not answer.answered
        assert answer.confidence == 0


def test_questions_and_headings_are_not_answers(answerer: Answerer, snapshot: Snapshot) -> None:
    for passage in snapshot.passages:
        if passage.heading_sentences:
            start, end = passage.sentences[0]
            heading = snapshot.documents[passage.document_id].text[start:end]
            for citation in answerer.ask(heading).citations:
                assert citation.quote[-1] in ".!…", citation.quote


def test_the_first_sentence_of_an_untitled_text_can_answer(
    tmp_path: Path, embedder: Embedder
) -> None:
    (tmp_path / "n.txt").write_text("Le campus compte 42 salles de réunion.\n\nOn y déjeune bien.")
    store = SnapshotStore(tmp_path / "index")
    build_snapshot(load_corpus([tmp_path / "n.txt"]).documents, embedder, store, CHUNKING)
    answer = Answerer(store.load(), embedder).ask("Combien de salles de réunion y a-t-il ?")
    assert answer.answered
    assert answer.short_answer == "42 salles"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "La cantine du campus sert 300 repas par jour [2, 3].",
            "La cantine du campus sert 300 repas par jour. [1]",
        ),
        ("La cantine du campus sert 300 repas :", "La cantine du campus sert 300 repas : [1]"),
    ],
)
def test_every_sentence_has_the_marker_of_its_citation_and_no_other(
    tmp_path: Path, embedder: Embedder, text: str, said: str
) -> None:
    store = SnapshotStore(tmp_path)
    build_snapshot([document("d", text)], embedder, store, CHUNKING)
    answerer = Answerer(store.load(), embedder, min_confidence=0)
    answer = answerer.ask("Combien de repas la cantine sert-elle ?")
    assert answer.answer == said
    assert [statement.markers for statement in split_statements(answer.answer)] == [(1,)]


def test_the_threshold_decides(snapshot: Snapshot, embedder: Embedder) -> None:
    question = "Qui est le directeur général ?"
    confidence = Answerer(snapshot, embedder, min_confidence=0).ask(question).confidence
    assert 0 < confidence < 1
    assert Answerer(snapshot, embedder, min_confidence=confidence - 0.001).ask(question).answered
    assert (
        not Answerer(snapshot, embedder, min_confidence=min(1, confidence + 0.001))
        .ask(question)
        .answered
    )


def test_an_index_of_another_model_is_refused(snapshot: Snapshot, embedder: Embedder) -> None:
    other = Embedder(embedder._model, embedder.identity.model_copy(update={"sha256": "0" * 64}))
    with pytest.raises(SnapshotError, match="sha256"):
        Answerer(snapshot, other)
