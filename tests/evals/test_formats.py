"""Every format, from the file to the answer: the right slice, page and heading come back."""

from __future__ import annotations

import pytest

from corpus import load_corpus
from evals import QuestionSet, evaluate
from evals.formats_corpus import Expected, expected, questions, write_corpus
from index import Embedder, SnapshotStore, build_snapshot, verify
from qa import Answerer, Reranker
from tests.conftest import CHUNKING


@pytest.fixture(scope="module")
def formats(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Answerer:
    folder = tmp_path_factory.mktemp("formats")
    write_corpus(folder / "documents")
    loaded = load_corpus([folder / "documents"])
    assert loaded.failures == ()
    store = SnapshotStore(folder / "index")
    build_snapshot(loaded.documents, embedder, store, CHUNKING)
    assert verify(store.current()) == []
    return Answerer(store.load(), embedder)


@pytest.mark.parametrize("wanted", expected(), ids=lambda wanted: wanted.question.id)
def test_the_right_place_comes_back(formats: Answerer, wanted: Expected) -> None:
    answer = formats.ask(wanted.question.question, top_k=10)
    documents = formats.snapshot.documents
    best = answer.passages[0]
    assert documents[best.document_id].path == wanted.path
    assert any(evidence in best.text for evidence in wanted.question.evidence)
    assert best.page == wanted.page
    if wanted.heading is not None:
        title = documents[best.document_id].title
        assert wanted.heading in (*best.heading.split(" › "), title)
    for citation in answer.citations:
        document = documents[citation.document_id]
        assert document.text[citation.start : citation.end] == citation.quote
        assert citation.page == document.page_at(citation.start)


def test_the_question_set_over_every_format(
    formats: Answerer, embedder: Embedder, reranker: Reranker | None
) -> None:
    """What a search finds is all there; what the service makes of it is nearly always right."""
    asked = QuestionSet(tuple(questions()))
    result = evaluate(asked, formats)
    assert result.warnings == ()
    assert result.retrieval["recall@1"].value == 1
    # Reading takes its time: one of the three questions of each file.
    some = tuple(q for n, q in enumerate(asked.questions) if n % 3 == n // 3 % 3)
    result = evaluate(QuestionSet(some), Answerer(formats.snapshot, embedder, reranker))
    hit = result.answer["hit"].value
    assert hit is not None
    assert hit >= 0.85
