from __future__ import annotations

import string

import numpy as np
import pytest
from torchmetrics.functional.text.squad import squad

from evals.matching import completeness, contains, exact_match, is_hit, normalise, token_f1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("L’Inserm", "inserm"),
        ("plus de 1\u202f600 personnes", "Plus de 1 600 personnes."),
        ("les États-Unis et le Canada", "États-Unis et Canada"),
        ("70 000 m²", "70000 m2"),
        ("The European space", "european space"),
    ],
)
def test_what_normalisation_makes_equal(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)
    assert exact_match(one, [other]) == 1


def test_exact_match_and_f1_agree_with_squad_on_english() -> None:
    """TorchMetrics has the official script's functions."""
    generator = np.random.default_rng(5)
    words = (
        "The a An cat U.S. well-known (dog) mice, 1998 14% O'Neal it's and-or \"quoted\"".split()
    )
    marks = ["", "", "", *string.punctuation]
    for _ in range(300):
        texts = [
            " ".join(
                generator.choice(words) + generator.choice(marks)
                for _ in range(generator.integers(1, 7))
            )
            for _ in range(3)
        ]
        prediction, answers = texts[0], texts[1:]
        expected = squad(
            [{"prediction_text": prediction, "id": "1"}],
            [{"answers": {"answer_start": [0, 0], "text": answers}, "id": "1"}],
        )
        assert 100 * exact_match(prediction, answers) == pytest.approx(
            float(expected["exact_match"]), abs=1e-4
        )
        assert 100 * token_f1(prediction, answers) == pytest.approx(float(expected["f1"]), abs=1e-4)


def test_completeness_is_the_share_of_the_members_that_are_there() -> None:
    assert completeness("l’Inserm et l’Inria", ["Inserm", "Inria", "PSL", "ANS"]) == 0.5
    assert completeness("rien", ["PSL"]) == 0


def test_containment_is_of_whole_words_in_a_row() -> None:
    assert contains("une large majorité travaille sur l’IA.", "l'IA")
    assert not contains("les médias sociaux", "IA")
    assert not contains("l’IA et la santé", "la santé de l’IA")
    assert not contains("tout", "")
    assert not contains("tout", " ")
    assert contains("12,5 % des cas", "12,5 %")
    assert not contains("12,5 % des cas", "5 %")
    assert not contains("3.14", "14")
    assert contains("En 2024 150 personnes sont venues", "150 personnes")


def test_spans_of_articles_or_signs_alone_can_be_found() -> None:
    assert contains("Cela a duré un an.", "un an")
    assert not contains("Cela a duré dix ans.", "un an")
    assert contains("Le prix en € est fixe", "€")
    assert not contains("Le prix est fixe", "€")


def test_a_list_needs_all_that_is_required() -> None:
    assert is_hit("Inserm, Inria et PSL", ["jamais"], ["Inria", "Inserm"])
    assert not is_hit("Inserm et PSL", ["Inserm et PSL"], ["Inria", "Inserm"])
    assert is_hit("Inserm et PSL", ["rien", "PSL"], [])


def test_f1_worked_by_hand() -> None:
    # 2 tokens in common, 3 predicted, 4 expected: precision 2/3, recall 1/2.
    assert token_f1("gros chat noir", ["petit chat noir mince"]) == pytest.approx(4 / 7)
    assert token_f1("rien", ["tout", "rien"]) == 1
    assert token_f1("rien", ["tout"]) == 0
    assert token_f1("", ["tout"]) == 0
