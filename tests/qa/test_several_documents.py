"""What several documents say: who says what, who disagrees, and what is said twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from corpus import Document, Language, load_corpus
from index import Embedder, SnapshotStore, build_snapshot
from qa import Answer, Answerer, Reranker
from tests.conftest import CHUNKING, DOCUMENTS
from tests.documents import document

Ask = Callable[..., Answer]


@pytest.fixture
def ask(tmp_path: Path, embedder: Embedder, reranker: Reranker | None) -> Ask:
    """Asks a question of the documents that follow it."""

    def ask(question: str, *documents: Document) -> Answer:
        store = SnapshotStore(tmp_path)
        build_snapshot(documents, embedder, store, CHUNKING)
        return Answerer(store.load(), embedder, reranker).ask(question)

    return ask


def say(*texts: str, language: Language = "fr") -> list[Document]:
    return [document(f"d{i}", text, f"Guide {i}", language) for i, text in enumerate(texts)]


def test_documents_that_disagree_are_all_cited_by_name(ask: Ask) -> None:
    guides = say(
        "Le musée du campus compte 12 salles ouvertes au public.",
        "Le musée du campus compte 15 salles ouvertes au public.",
        "Le musée du campus est gratuit le dimanche.",
    )
    answer = ask("Combien de salles compte le musée du campus ?", *guides)
    assert {c.document_id for c in answer.citations} == {"d0", "d1"}
    assert sorted(answer.answer.split("\n")) == sorted(
        f"Selon « Guide {c.document_id[1]} » : {c.quote} [{c.marker}]" for c in answer.citations
    )
    assert answer.short_answer in {c.quote for c in answer.citations}


def test_in_english_and_for_dates(ask: Ask) -> None:
    guides = say(
        "The campus library opened in 2019.", "The campus library opened in 2021.", language="en"
    )
    answer = ask("When did the campus library open?", *guides)
    assert {c.document_id for c in answer.citations} == {"d0", "d1"}
    assert all(line.startswith("According to “Guide") for line in answer.answer.split("\n"))


def test_documents_that_agree_are_not_at_odds(ask: Ask) -> None:
    guides = say(
        "Le musée du campus compte douze salles.",
        "Le musée du campus compte 12 salles, dit le guide du visiteur, qui en décrit le parcours.",
    )
    answer = ask("Combien de salles compte le musée du campus ?", *guides)
    assert answer.short_answer in ("douze", "12", "douze salles", "12 salles")
    assert "Selon" not in answer.answer


def test_what_is_said_twice_is_found_once_with_both_places(ask: Ask) -> None:
    text = (
        "La bibliothèque du campus compte plus de trente mille livres, qui se lisent sur place ou "
        "s’empruntent pour deux semaines, et elle accueille les lecteurs tous les jours sauf un."
    )
    copies = say(text, text.replace("’", "'").replace("et elle", "et"))
    answer = ask("Combien de livres compte la bibliothèque ?", *copies)
    assert len(answer.passages) == 1
    (place,) = answer.passages[0].also_at
    assert (place.document_id, place.title) == ("d1", "Guide 1")
    assert copies[1].text[place.start : place.end] == copies[1].text


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        pytest.param(
            "Combien d’instituts compte PariSanté Campus ?",
            ("quatre", "six"),
            marks=pytest.mark.xfail(reason="the reader is too sure of one of the sentences"),
        ),
        ("Quand PariSanté Campus s’installera-t-il au Val-de-Grâce ?", ("2028", "2029")),
        ("Quelle est la surface du premier site ?", ("20 000", "14 000")),
        ("Quand l’EHDS est-il entré en vigueur ?", ("26 mars", "25 mars", "26 mai")),
        pytest.param(
            "What is the area of the first site?",
            ("20 000", "14 000"),
            marks=pytest.mark.xfail(reason="the reader picks the sentence that says where it is"),
        ),
    ],
)
def test_the_shipped_texts_tell_where_their_sources_disagree(
    shipped: Answerer, question: str, wanted: tuple[str, ...]
) -> None:
    answer = shipped.ask(question)
    for figure in wanted:
        assert figure in answer.answer.replace("\u00a0", " "), answer.answer


@pytest.fixture(scope="module")
def shipped(
    tmp_path_factory: pytest.TempPathFactory, embedder: Embedder, reranker: Reranker | None
) -> Answerer:
    store = SnapshotStore(tmp_path_factory.mktemp("shipped"))
    build_snapshot(load_corpus([DOCUMENTS]).documents, embedder, store, CHUNKING)
    return Answerer(store.load(), embedder, reranker)


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Qui dirige le musée du campus ?", "fr"),
        ("Who is the director of the campus museum?", "en"),
        ("Combien de salles compte le musée du campus ?", "fr"),
        ("How many rooms does the campus museum have?", "en"),
    ],
)
def test_of_two_that_say_the_same_the_one_in_the_language_of_the_question_is_cited(
    ask: Ask, question: str, language: Language
) -> None:
    french = document(
        "fr",
        "C’est à Jeanne Moreau, conservatrice, que revient depuis peu la tête du musée du campus."
        "\n\nOn y trouve douze salles, au musée du campus.",
        "Visite",
    )
    english = document(
        "en",
        "Jeanne Moreau is the director of the campus museum.\n\nThe campus museum has 12 rooms.",
        "Musée du campus",
        "en",
    )
    answer = ask(question, english, french)
    (citation,) = answer.citations
    assert citation.document_id == language
    assert citation.highlight is not None
    assert str(answer.short_answer) in citation.quote
