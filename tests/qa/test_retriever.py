from __future__ import annotations

import numpy as np
import pytest

from index import Embedder, Snapshot
from qa.retriever import Mode, fuse, retrieve

QUESTION = "Qui pilote les programmes prioritaires de recherche ?"


def test_dense_is_a_full_scan_by_cosine(snapshot: Snapshot, embedder: Embedder) -> None:
    vector = embedder.embed_query(QUESTION)
    cosines = snapshot.passage_vectors(list(range(len(snapshot.passages)))) @ vector
    hits = retrieve(snapshot, QUESTION, vector, 5, "dense")
    assert [hit.number for hit in hits] == np.argsort(-cosines, kind="stable")[:5].tolist()
    assert hits[0].score == pytest.approx(float(cosines.max()))


def test_lexical_is_bm25_and_leaves_out_what_has_no_term(snapshot: Snapshot) -> None:
    hits = retrieve(snapshot, "Bpifrance", None, 10, "lexical")
    assert len(hits) == 1
    assert "Bpifrance" in snapshot.passages[hits[0].number].text
    assert retrieve(snapshot, "xylophone", None, 10, "lexical") == []
    ten = retrieve(snapshot, QUESTION, None, 10, "lexical")
    assert [h.score for h in ten] == sorted((h.score for h in ten), reverse=True)
    assert retrieve(snapshot, QUESTION, None, 3, "lexical") == ten[:3]


def test_hybrid_is_the_stated_combination(snapshot: Snapshot, embedder: Embedder) -> None:
    vector = embedder.embed_query(QUESTION)
    hits = retrieve(snapshot, QUESTION, vector, 50)
    assert len(hits) == len(snapshot.passages)
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
    for hit in hits:
        sentences = snapshot.sentence_vectors(hit.number) @ vector
        expected = 0.65 * hit.cosine + 0.23 * sentences.max() + 0.12 * hit.coverage
        assert hit.score == pytest.approx(float(expected))
    assert fuse(1, 1, 1) == pytest.approx(1)


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
def test_top_k_is_honoured_and_a_prefix(snapshot: Snapshot, embedder: Embedder, mode: Mode) -> None:
    vector = embedder.embed_query(QUESTION)
    ten = retrieve(snapshot, QUESTION, vector, 10, mode)
    for k in (1, 3, 10):
        assert retrieve(snapshot, QUESTION, vector, k, mode) == ten[:k]


def test_an_english_question_finds_the_french_passage(
    snapshot: Snapshot, embedder: Embedder
) -> None:
    question = "Which hospital is being renovated?"
    hits = retrieve(snapshot, question, embedder.embed_query(question), 3)
    assert any("Val-de-Grâce" in snapshot.passages[hit.number].text for hit in hits)
