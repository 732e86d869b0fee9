from __future__ import annotations

import pytest

from evals.matching import contains, exact_match, is_hit, normalise, token_f1


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


def test_containment_is_of_whole_words_in_a_row() -> None:
    assert contains("une large majorité travaille sur l’IA.", "l'IA")
    assert not contains("les médias sociaux", "IA")
    assert not contains("l’IA et la santé", "la santé de l’IA")
    assert not contains("tout", "")
    assert contains("En 2024 150 personnes sont venues", "150 personnes")


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
