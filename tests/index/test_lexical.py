from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from index import terms
from index.lexical import LexicalIndex

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
    ],
)
def test_terms(text: str, language: str, expected: list[str]) -> None:
    assert terms(text, language) == expected


def test_coverage_is_bm25_over_the_sum_of_idfs() -> None:
    index = LexicalIndex.build(TEXTS)
    weights = index.weigh("Combien de personnes à l'Inserm ?")
    assert set(weights) == {"person", "inserm"}
    idf = math.log(1 + (3 - 1 + 0.5) / (1 + 0.5))
    assert weights["inserm"] == pytest.approx(idf)
    lengths = [len(terms(*text)) for text in TEXTS]
    norm = 1.5 * (1 - 0.75 + 0.75 * lengths[0] / np.mean(lengths))
    expected = idf / (1 + norm) / (2 * idf)
    coverage = index.coverage(weights)
    assert coverage[0] == pytest.approx(expected, rel=1e-5)
    assert coverage[2] == 0


def test_an_unknown_word_lowers_coverage() -> None:
    index = LexicalIndex.build(TEXTS)
    known = index.coverage(index.weigh("Inserm"))[0]
    assert 0 < index.coverage(index.weigh("Inserm Sanofi"))[0] < known < 1


def test_a_query_finds_texts_of_both_languages() -> None:
    index = LexicalIndex.build(TEXTS)
    assert index.coverage(index.weigh("study")).argmax() == 2
    assert index.coverage(index.weigh("programme")).argmax() == 0


def test_texts_and_queries_without_terms_are_no_error() -> None:
    index = LexicalIndex.build([("le la", "fr"), ("…", "fr")])
    assert index.coverage(index.weigh("quoi ?")).tolist() == [0, 0]
    assert index.coverage(index.weigh("mot")).tolist() == [0, 0]


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    index = LexicalIndex.build(TEXTS)
    index.save(tmp_path)
    loaded = LexicalIndex.load(tmp_path)
    weights = index.weigh("les programmes de l'Inserm")
    assert loaded.weigh("les programmes de l'Inserm") == weights
    np.testing.assert_array_equal(loaded.coverage(weights), index.coverage(weights))
