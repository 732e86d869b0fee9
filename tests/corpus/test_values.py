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
        ("deux sites", "fr", "2 sites", "fr"),
        ("neuf instituts", "fr", "9 institutes", "en"),
        ("a three-year plan", "en", "3 year", "en"),
        ("14 déc. 2021", "fr", "14 décembre 2021", "fr"),
        ("14.12.2021", "fr", "Dec. 14, 2021", "en"),
        ("14 December, 2021", "en", "14/12/2021", "fr"),
        ("le premier mars 2020", "fr", "1er mars 2020", "fr"),
        ("10 à 15 %", "fr", "10 % et 15 %", "fr"),
        ("between 10 and 15 %", "en", "10 % à 15 %", "fr"),
        ("les 4 et 5 mai 2021", "fr", "4 mai 2021 et 5 mai 2021", "fr"),
        ("5 000 à 6 000 euros", "fr", "5 000 € à 6 000 €", "fr"),
        ("10h30", "fr", "10:30", "en"),
        ("5 Mds €", "fr", "€5bn", "en"),
        ("2,5 M d’euros", "fr", "2,5 M€", "fr"),
        ("1.6M people", "en", "1,6 million", "fr"),
        ("un million et demi d’euros", "fr", "1 500 000 €", "fr"),
        ("1 600² personnes", "fr", "1600", "fr"),
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
        ("deux partenaires", "quatre partenaires", False),
        ("10h45", "10h30", False),
        ("10 minutes", "10 heures", False),
        ("trois semaines", "trois ans", False),
        ("0,125", "125", False),
        ("10 %", "10 à 15 %", True),
        ("le 4 mai 2021", "les 4 et 5 mai 2021", True),
    ],
)
def test_a_value_may_leave_something_out_but_add_nothing(
    statement: str, source: str, given: bool
) -> None:
    (value,) = find_values(statement, "fr")
    assert is_given(value, find_values(source, "fr")) is given


def test_numbers_that_are_part_of_names_are_no_values() -> None:
    assert find_values("IPv4, CAC40, H1N1, EUR1900 et Covid-19", "fr") == frozenset()
    assert find_values("Un site, le premier, et une femme", "fr") == frozenset()
