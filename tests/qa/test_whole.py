from __future__ import annotations

import re

import pytest

from corpus import Passage, split_sentences
from qa.reader import Evidence
from qa.retriever import Hit
from qa.whole import complete

LIST = (
    "Le campus a trois instituts :\n- PRAIRIE, pour l’IA.\n- Q-Bio, pour la biologie.\n"
    "- Physique pour la médecine.\n\nIl y fait bon vivre."
)


def quote(text: str, position: int, question: str = "Pourquoi ?", headings: int = 0) -> str:
    """What is quoted for one sentence of a text."""
    # Lines are blocks of their own, as those of a list are in a document.
    lines = [match.span() for match in re.finditer(r".+", text)]
    sentences = tuple(span for line in lines for span in split_sentences(text, *line))
    passage = Passage("p", "d", 0, len(text), text, "", "", sentences, headings)
    evidence = complete(
        Evidence(Hit(0, passage, 1.0), position, {}, position, position), text, question
    )
    return text[evidence.quoted[0][0] : evidence.quoted[-1][1]]


@pytest.mark.parametrize(
    "second",
    [
        "Ce dernier dirige le campus.",
        "Celui-ci a ouvert en 2021.",
        "Il a ouvert en 2021.",
        "En effet, tout était prêt.",
        "Car tout était prêt.",
        "Cela nous a vaccinés.",
        "Et cela nous a vaccinés.",
        "The latter opened in 2021.",
        "This is why it opened.",
        "They opened in 2021.",
    ],
)
def test_a_sentence_that_points_back_comes_with_the_one_before(second: str) -> None:
    text = f"Le premier site est à Issy. {second}"
    assert quote(text, 1) == text
    assert quote(text, 0) == "Le premier site est à Issy."


@pytest.mark.parametrize(
    "second",
    [
        "Il y a cinq membres fondateurs.",
        "Il faut cinq ans.",
        "Ce programme dure cinq ans.",
        "Cartes et plans sont en ligne.",
        "Nous sommes cinq.",
    ],
)
def test_others_stand_by_themselves(second: str) -> None:
    assert quote(f"Le premier site est à Issy. {second}", 1) == second


def test_a_question_or_a_heading_before_is_not_quoted() -> None:
    assert quote("Qui êtes-vous ? Il est médecin.", 1) == "Il est médecin."
    assert quote("Le directeur.\n\nIl est médecin.", 1, headings=1) == "Il est médecin."


@pytest.mark.parametrize("position", [1, 2, 3])
def test_an_item_comes_with_the_whole_list_where_several_are_asked_for(position: int) -> None:
    whole = LIST[: LIST.index("\n\n")]
    assert quote(LIST, position, "Quels sont les trois instituts ?") == whole
    assert quote(LIST, position, "What are the institutes?") == whole
    assert "\n" not in quote(LIST, position, "Quel institut travaille sur l’IA ?")


def test_what_announces_a_list_comes_with_it() -> None:
    assert quote(LIST, 0, "Combien d’instituts ?") == LIST[: LIST.index("\n\n")]


def test_a_list_too_long_to_read_stays_out() -> None:
    text = "Les membres :\n" + "\n".join(f"- Membre {n}." for n in range(40))
    assert quote(text, 5, "Quels sont les membres ?") == "- Membre 4."
