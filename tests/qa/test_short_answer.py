from __future__ import annotations

import pytest

from corpus import Language
from qa.short_answer import find_short_answer, name_counted

PEOPLE = (
    "Au cours des trois dernières années, le campus a réuni plus de 1\u202f600 personnes issues de "
    "six instituts et de 80 structures privées."
)
MONEY = "Les start-up ont levé plus de 70 millions d’euros, 55 % d’entre elles sont à l’étranger."
DATE = "Le premier site a été inauguré le 14 décembre 2021, un an après l’annonce de 2020."


@pytest.mark.parametrize(
    ("question", "language", "sentence", "expected"),
    [
        ("Combien de personnes ?", "fr", PEOPLE, "plus de 1\u202f600 personnes"),
        ("Combien d’instituts ?", "fr", PEOPLE, "six instituts"),
        ("Combien de structures privées ?", "fr", PEOPLE, "80 structures"),
        ("How many people work there?", "en", PEOPLE, PEOPLE),
        ("How many plants?", "en", "Opened on 3 May 2022, it has 37 species.", "37 species"),
        ("Combien de start-up à l’étranger ?", "fr", MONEY, MONEY),
        ("Quelle part des start-up ?", "fr", MONEY, "55 %"),
        ("Quand le site a-t-il été inauguré ?", "fr", DATE, "14 décembre 2021"),
        ("When was it opened?", "en", DATE, "14 décembre 2021"),
        ("When?", "en", "Il a coûté 2000 euros et ouvre en mai 2028.", "mai 2028"),
        ("What happens when it opens?", "en", DATE, DATE),
        ("Il ouvre quand ?", "fr", "Le site ouvre en 2028.", "2028"),
        (
            "Quelle surface ?",
            "fr",
            "Il offre plus de 70\u202f000 m² à Paris.",
            "plus de 70\u202f000 m²",
        ),
        ("Combien de start-up ?", "fr", "En 2025 300 start-up étaient là.", "300 start-up"),
        ("How many people?", "en", "It serves 1,600,000 people.", "1,600,000 people"),
        ("Qui a inauguré le site ?", "fr", DATE, DATE),
        ("Combien de lapins ?", "fr", "Il n’y en a pas.", "Il n’y en a pas."),
    ],
)
def test_short_answers(question: str, language: Language, sentence: str, expected: str) -> None:
    text = f"Avant. {sentence} Après."
    start, end = find_short_answer(question, language, text, (7, 7 + len(sentence)))
    assert text[start:end] == expected


@pytest.mark.parametrize(
    ("question", "sentence", "found", "expected"),
    [
        ("Combien de personnes ?", PEOPLE, "plus de 1\u202f600", "plus de 1\u202f600 personnes"),
        ("Combien de personnes ?", PEOPLE, "1\u202f600", "plus de 1\u202f600 personnes"),
        ("Combien de structures privées ?", PEOPLE, "80", "80 structures"),
        # What is longer than the figure, of another figure, or no number asked for, stays.
        ("Combien de structures ?", PEOPLE, "80 structures privées", "80 structures privées"),
        ("Combien de chercheurs ?", PEOPLE, "plus de 1\u202f600", "plus de 1\u202f600"),
        ("En quelle année ?", DATE, "2021", "2021"),
        ("Qui sont les personnes ?", PEOPLE, "six instituts", "six instituts"),
    ],
)
def test_a_number_is_given_with_what_is_counted(
    question: str, sentence: str, found: str, expected: str
) -> None:
    text = f"Avant. {sentence} Après."
    start = text.index(found)
    span = name_counted(question, "fr", text, (7, 7 + len(sentence)), (start, start + len(found)))
    assert text[slice(*span)] == expected
