from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import bm25s
import numpy as np
import pytest

from corpus import Document
from index import terms
from index.lexical import LexicalIndex, LexicalWriter
from tests.index.texts import short_texts

TEXTS = [
    ("L’Inserm et Inria pilotent les programmes.", "fr"),
    ("Le campus compte 1\u202f600 personnes et 70 000 m².", "fr"),
    ("The founding members share their studies.", "en"),
]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("L’Inserm, l'Inserm", "fr", ["inserm", "inserm"]),
        ("1 600 ou 1\u202f600 personnes", "fr", ["1600", "1600", "person"]),
        ("70 000 m²", "fr", ["70000", "m2"]),
        ("Qu’est-ce que la santé ?", "fr", ["sant"]),
        ("the studies", "en", ["studi"]),
        ("de la à le", "fr", []),
        ("lorsqu’il jusqu'à puisqu’elle", "fr", []),
    ],
)
def test_terms(text: str, language: str, expected: list[str]) -> None:
    assert terms(text, language) == expected


def written(folder: Path, texts: Sequence[tuple[str, str]]) -> LexicalIndex:
    scratch, target = folder / "scratch", folder / "lexical"
    scratch.mkdir()
    writer = LexicalWriter(scratch)
    for text, language in texts:
        writer.add(text, language)
    writer.save(target)
    return LexicalIndex.load(target)


def test_coverage_is_bm25_over_the_sum_of_idfs(tmp_path: Path) -> None:
    index = written(tmp_path, TEXTS)
    weights = index.weigh("Combien de personnes à l'Inserm ?")
    assert set(weights) == {"person", "inserm"}
    idf = math.log(1 + (3 - 1 + 0.5) / (1 + 0.5))
    assert weights["inserm"] == pytest.approx(idf)
    lengths = [len(terms(*text)) for text in TEXTS]
    norm = 0.9 * (1 - 0.4 + 0.4 * lengths[0] / np.mean(lengths))
    expected = idf / (1 + norm) / (2 * idf)
    coverage = index.coverage(weights)
    assert coverage[0] == pytest.approx(expected, rel=1e-5)
    assert coverage[2] == 0


def test_an_unknown_word_lowers_coverage(tmp_path: Path) -> None:
    index = written(tmp_path, TEXTS)
    known = index.coverage(index.weigh("Inserm"))[0]
    assert 0 < index.coverage(index.weigh("Inserm Sanofi"))[0] < known < 1


def test_a_typing_error_weighs_no_more_than_the_word_it_was(tmp_path: Path) -> None:
    """However many terms are as near to it: the commonest stands in."""
    words = ("carton", "carbon", "canton", "canton", "baron")
    index = written(tmp_path, [(word, "fr") for word in words])
    assert index.weigh("cabton") == index.weigh("canton")


def test_a_query_finds_texts_of_both_languages(tmp_path: Path) -> None:
    index = written(tmp_path, TEXTS)
    assert index.coverage(index.weigh("study")).argmax() == 2
    assert index.coverage(index.weigh("programme")).argmax() == 0


def test_texts_and_queries_without_terms_are_no_error(tmp_path: Path) -> None:
    index = written(tmp_path, [("le la", "fr"), ("…", "fr")])
    assert index.coverage(index.weigh("quoi ?")).tolist() == [0, 0]
    assert index.coverage(index.weigh("mot")).tolist() == [0, 0]


@pytest.mark.parametrize("postings", [1, 7, 500_000])
def test_the_index_is_what_bm25s_makes(
    tmp_path: Path, interview: Document, monkeypatch: pytest.MonkeyPatch, postings: int
) -> None:
    """However small the slices are in which the postings are sorted."""
    monkeypatch.setattr("index.lexical._SLICE", postings)
    texts = [*TEXTS, ("", "fr"), *((text, "fr") for text in short_texts(interview)[:90])]
    ours = written(tmp_path, texts)
    found = [terms(*text) for text in texts]
    vocabulary = {term: i for i, term in enumerate(sorted({t for ts in found for t in ts}))}
    theirs = bm25s.BM25(method="lucene", k1=0.9, b=0.4)
    ids = [[vocabulary[term] for term in own] for own in found]
    theirs.index((ids, vocabulary), create_empty_token=False, show_progress=False)
    assert ours._bm25.vocab_dict == vocabulary
    assert len(ours) == len(texts)
    for term in vocabulary:
        np.testing.assert_allclose(
            ours._bm25.get_scores([term]), theirs.get_scores([term]), rtol=1e-6
        )


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("le centre hospitalier", {"centr", "hospitali"}),
        ("le centre hospitalire", {"centr", "hospitali"}),
        ("le cetnre", {"centr"}),
        ("le centrre", {"centr"}),
        # Two errors in a long word, but not in a short one; nor in a figure, nor in a name so short
        # that another is as near.
        ("les houspitalliers", {"hospitali"}),
        ("le cntrze", {"cntrze"}),
        ("en 2016", {"2016"}),
        ("les robes", {"rob"}),
        # The English stem of it is near, the French one is not.
        ("the oppening", {"open"}),
    ],
)
def test_misspelt_words_are_looked_for_as_those_they_resemble(
    tmp_path: Path, question: str, expected: set[str]
) -> None:
    texts = [("Le centre hospitalier, en 2015.", "fr"), ("Le robot et le robinet.", "fr")]
    texts.append(("The opening of 2015.", "en"))
    assert set(written(tmp_path, texts).weigh(question)) == expected
