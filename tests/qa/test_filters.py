from __future__ import annotations

import numpy as np
import pytest

from index import Embedder, Snapshot, SnapshotStore, build_snapshot
from qa import Answerer, FilterError, Filters, Mode, Range, Reranker
from qa.filters import resolve_filters
from tests.conftest import CHUNKING
from tests.documents import document

COUNT = 60


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Snapshot:
    """Sixty little documents of three languages and years, of which the last two say the same."""
    documents = []
    for i in range(COUNT):
        text = f"Le service numéro {i} de la bibliothèque prête {i + 3} livres à ses lecteurs."
        made = document(f"d{i:02}", text, f"Service {i}", "en" if i % 3 == 0 else "fr")
        made.metadata.update(date=f"20{20 + i % 4}-0{1 + i % 9}-15", tag="rare" if i == 7 else "x")
        documents.append(made)
    said = (
        "La piscine municipale ferme tous les lundis matin. Elle ouvre le mardi à huit heures. "
        "Le bassin extérieur reste fermé pendant l’hiver, sauf pour les clubs. Les enfants de "
        "moins de six ans entrent gratuitement avec leurs parents."
    )
    documents += [document("e1", said, "Piscine"), document("e2", said, "Piscine")]
    store = SnapshotStore(tmp_path_factory.mktemp("many"))
    build_snapshot(documents, embedder, store, CHUNKING)
    return store.load()


@pytest.fixture(scope="module")
def asked(many: Snapshot, embedder: Embedder) -> Answerer:
    return Answerer(many, embedder)


@pytest.fixture(scope="module")
def reranked(many: Snapshot, embedder: Embedder, reranker: Reranker) -> Answerer:
    return Answerer(many, embedder, reranker)


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
@pytest.mark.parametrize(
    "filters",
    [
        {"tag": "rare"},
        {"language": "en"},
        {"document_id": ["d03", "d59", "nowhere"]},
        {"date": Range(first="2021", last="2022-03")},
        {"language": "fr", "date": "2023-04-15"},
        {"source": "d11"},
        {"title": "service 12"},
        {"tag": "absent"},
    ],
)
def test_what_is_found_is_what_is_left_ranked_as_before(
    asked: Answerer, filters: Filters, mode: Mode
) -> None:
    """Exact, however few pass: the full ranking without those that do not."""
    question = "Combien de livres le service numéro 7 prête-t-il ?"
    scope = resolve_filters(asked.snapshot, filters)
    assert scope is not None
    everything = asked.search(question, COUNT + 2, mode).passages
    expected = [p for p in everything if p.document_id in scope.documents]
    found = asked.search(question, 50, mode, filters).passages
    assert found == tuple(expected[:50])
    assert len(found) == len(scope.documents)


def test_what_a_filter_lets_through_is_reranked(asked: Answerer, reranked: Answerer) -> None:
    """Those ten, and as if there were no others."""
    question = "Combien de livres le service numéro 7 prête-t-il ?"
    filters = {"document_id": [f"d{i:02}" for i in range(5, 15)]}
    found = reranked.search(question, 20, filters=filters).passages
    plain = asked.search(question, 20, filters=filters).passages
    assert {p.document_id for p in found} == {p.document_id for p in plain}
    assert found[0].document_id == "d07"
    assert [p.score for p in found] == sorted((p.score for p in found), reverse=True)


def test_an_answer_is_taken_from_what_passes(asked: Answerer) -> None:
    question = "Combien de livres le service numéro 7 prête-t-il ?"
    assert "10 livres" in asked.ask(question).answer
    other = asked.ask(question, filters={"document_id": "d08"})
    assert {p.document_id for p in other.passages} == {"d08"}
    assert all(citation.document_id == "d08" for citation in other.citations)
    nothing = asked.ask(question, filters={"tag": "absent"})
    assert not nothing.answered
    assert nothing.passages == ()


@pytest.mark.parametrize("name", ["e1", "e2"])
@pytest.mark.parametrize("answerer", ["asked", "reranked"])
def test_what_two_documents_say_is_found_in_either(
    name: str, answerer: str, request: pytest.FixtureRequest
) -> None:
    """It is indexed once; a filter on the other finds it at its place there."""
    asked = request.getfixturevalue(answerer)
    answer = asked.ask("Quand la piscine ferme-t-elle ?", filters={"document_id": name})
    assert answer.answered
    text = asked.snapshot.documents[name].text
    for citation in answer.citations:
        assert citation.document_id == name
        assert text[citation.start : citation.end] == citation.quote
    for passage in answer.passages:
        assert passage.document_id == name
        assert text[passage.start : passage.end] == passage.text


def test_a_field_that_no_document_has_is_an_error(asked: Answerer) -> None:
    with pytest.raises(FilterError, match=r"'author'.*there are date, document_id"):
        asked.search("x", filters={"author": "y"})


def test_a_range_is_as_precise_as_its_bounds() -> None:
    year = Range.model_validate({"from": "2024", "to": "2024"})
    assert year.holds("2024")
    assert year.holds("2024-12-31")
    assert not year.holds("2025-01-01")
    assert Range(first="2024-05").holds("2030")
    assert not Range(last="2024-05").holds("2024-06-01")


def test_no_filters_leave_everything(many: Snapshot) -> None:
    assert resolve_filters(many, None) is None
    assert resolve_filters(many, {}) is None
    scope = resolve_filters(many, {"language": ["fr", "en"]})
    assert scope is not None
    assert np.all(scope.passages)


def test_the_snapshot_is_not_changed(many: Snapshot) -> None:
    scope = resolve_filters(many, {"document_id": "e2"})
    assert scope is not None
    passage = next(p for p in many.passages if p.document_id == "e1")
    placed = scope.place(passage)
    assert (placed.document_id, placed.text) == ("e2", passage.text)
    assert len(placed.sentences) == len(passage.sentences) == 4
    assert next(p for p in many.passages if p.document_id == "e1") == passage
