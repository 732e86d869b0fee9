from __future__ import annotations

import pytest

from corpus import Language, find_values, is_given


@pytest.mark.parametrize(
    ("one", "language", "other", "other_language"),
    [
        ("70 000 m2", "fr", "70.000 m²", "fr"),
        ("70\u202f000 m²", "fr", "soixante-dix mille mètres carrés", "fr"),
        ("70 000 m²", "fr", "70,000 square metres", "en"),
        ("70 000 m²", "fr", "seventy thousand square meters", "en"),
        ("1 600 personnes", "fr", "mille six cents personnes", "fr"),
        ("2,5 millions d’euros", "fr", "€2.5 million", "en"),
        ("2,5 M€", "fr", "2 500 000 euros", "fr"),
        ("un million d’euros", "fr", "€1,000,000", "en"),
        ("55 %", "fr", "cinquante-cinq pour cent", "fr"),
        ("55 %", "fr", "55 per cent", "en"),
        ("14 décembre 2021", "fr", "December 14, 2021", "en"),
        ("le 1er mars 2020", "fr", "1 March 2020", "en"),
        ("14/12/2021", "fr", "2021-12-14", "en"),
        ("trois ans", "fr", "3 years", "en"),
    ],
)
def test_the_same_value_however_it_is_written(
    one: str, language: Language, other: str, other_language: Language
) -> None:
    values = find_values(one, language)
    assert values
    assert values == find_values(other, other_language)


@pytest.mark.parametrize(
    ("statement", "source", "given"),
    [
        ("70 000", "70 000 m²", True),
        ("70 000 m²", "70 000 hectares", False),
        ("70 000", "7 000", False),
        ("2,5", "25", False),
        ("en 2021", "le 14 décembre 2021", True),
        ("décembre 2021", "le 14 décembre 2021", True),
        ("le 14 décembre", "le 14 décembre 2021", True),
        ("le 15 décembre 2021", "le 14 décembre 2021", False),
        ("le 14 décembre 2021", "en 2021", False),
        ("en 2022", "le 14 décembre 2021", False),
        ("cinq instituts", "les 5 instituts", True),
    ],
)
def test_a_value_may_leave_something_out_but_add_nothing(
    statement: str, source: str, given: bool
) -> None:
    (value,) = find_values(statement, "fr")
    assert is_given(value, find_values(source, "fr")) is given


def test_numbers_that_are_part_of_names_are_no_values() -> None:
    assert find_values("IPv4, CAC40, v2.1.3 et Covid-19", "fr") == frozenset()
