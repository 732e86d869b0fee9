from __future__ import annotations

from corpus.blocks import find_blocks
from corpus.repeats import find_repeats

BODY = "Le campus rassemble des chercheurs, des entreprises et des étudiants sur un même site."


def repeats(text: str) -> dict[int, int]:
    return find_repeats(text, find_blocks(text, "text"))


def test_a_shortened_pull_quote_is_a_repeat() -> None:
    assert repeats(f"{BODY}\n« Le campus rassemble des chercheurs, des entreprises. »") == {1: 0}


def test_a_quote_that_stands_nowhere_else_is_not() -> None:
    assert repeats(f"{BODY}\n« Nous sommes fiers du chemin parcouru par nos équipes. »") == {}


def test_the_second_of_two_equal_paragraphs_is_a_repeat_and_not_the_first() -> None:
    assert repeats(
        f"{BODY}\nUne autre phrase, plus loin, sans rapport avec la première.\n{BODY}"
    ) == {2: 0}


def test_a_paragraph_that_adds_something_is_not_a_repeat() -> None:
    assert repeats(f"{BODY}\n{BODY} Il a ouvert en 2021.") == {}


def test_short_lines_are_never_repeats() -> None:
    assert repeats("Voir plus bas.\nDu texte.\nVoir plus bas.") == {}
