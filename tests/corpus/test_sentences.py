from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus import split_sentences


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Un. Deux ! Trois ? Quatre… Cinq.", ["Un.", "Deux !", "Trois ?", "Quatre…", "Cinq."]),
        ("M. Dupont et Mme. Roy sont là. Oui.", ["M. Dupont et Mme. Roy sont là.", "Oui."]),
        ("J.-C. Smadja dirige. Bien.", ["J.-C. Smadja dirige.", "Bien."]),
        ("Voir p. 12 et fig. 3. Fin.", ["Voir p. 12 et fig. 3.", "Fin."]),
        ("Il dit : « Bonjour. » Puis il sort.", ["Il dit : « Bonjour. »", "Puis il sort."]),
        ("Il dit « Bonjour. » puis il sort.", ["Il dit « Bonjour. » puis il sort."]),
        ("Le taux est de 3.5 % en 2024. Bon.", ["Le taux est de 3.5 % en 2024.", "Bon."]),
        ("Le prix… enfin presque. Voilà.", ["Le prix… enfin presque.", "Voilà."]),
        ("Dr. Smith left. He ran.", ["Dr. Smith left.", "He ran."]),
        (
            "Il a dit no. Puis art. 5 et p. 3. Fin.",
            ["Il a dit no.", "Puis art. 5 et p. 3.", "Fin."],
        ),
        ("**Gras.** Suite.[1] Fin.", ["**Gras.**", "Suite.[1]", "Fin."]),
        ("1. Premier point", ["1. Premier point"]),
        ("  sans point final  ", ["sans point final"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_splits_where_a_reader_would(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(st.text(alphabet='aB é.!?…»" \n\u00a05-'))
def test_covers_every_character_once_and_in_order(text: str) -> None:
    spans = split_sentences(text)
    assert all(start < end for start, end in spans)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
    covered = "".join(text[start:end] for start, end in spans)
    assert "".join(covered.split()) == "".join(text.split())
    assert all(text[start:end] == text[start:end].strip() for start, end in spans)


def test_keeps_to_the_range_it_is_given() -> None:
    text = "Avant. Dedans un. Dedans deux. Après."
    assert [text[a:b] for a, b in split_sentences(text, 7, 30)] == ["Dedans un.", "Dedans deux."]
