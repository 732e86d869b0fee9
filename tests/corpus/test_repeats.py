from __future__ import annotations

from corpus.repeats import find_repeats
from tests.documents import find_blocks

BODY = "Le campus rassemble des chercheurs, des entreprises et des étudiants sur un même site."


def repeats(text: str) -> dict[int, int]:
    return find_repeats(text, find_blocks(text))


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


def test_what_only_the_quote_says_is_not_lost() -> None:
    assert (
        repeats(f"{BODY}\n« Le campus rassemble des chercheurs, des entreprises, en 2028. »") == {}
    )
    assert (
        repeats(f"{BODY}\n« Le campus rassemble des chercheurs et des entreprises à Lyon. »") == {}
    )


def test_signs_tell_paragraphs_apart() -> None:
    text = "La part du campus est de -5 % en moyenne.\nLa part du campus est de +5 % en moyenne."
    assert repeats(text) == {}


def test_what_stands_for_a_repeat_is_no_repeat() -> None:
    quote = "« Le campus rassemble des chercheurs, des entreprises et des étudiants. »"
    assert repeats(f"Début du texte.\n{quote}\n{quote}\n{BODY}") == {1: 3, 2: 3}
