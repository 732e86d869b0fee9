from __future__ import annotations

import pytest
from corpus.blocks import Format, find_blocks, plain_heading

from corpus import Document


def described(text: str, format: Format) -> list[tuple[int | None, str]]:
    return [(block.level, text[block.start : block.end]) for block in find_blocks(text, format)]


def test_the_questions_of_the_interview_are_headings(interview: Document) -> None:
    headings = [text for level, text in described(interview.text, "text") if level is not None]
    assert headings[0].startswith("PariSanté Campus, un acteur de référence")
    questions = headings[1:]
    assert len(questions) == 7
    assert all(question.endswith("?") for question in questions)
    assert questions[2].startswith("Au cœur du projet, on retrouve 4 axes forts")


def test_text_wrapped_at_a_width_is_one_paragraph() -> None:
    text = (
        "Une phrase assez longue qui a été\ncoupée à la largeur de la page\npar un éditeur.\n\nFin."
    )
    assert [t for _, t in described(text, "text")] == [text[: text.index("\n\n")], "Fin."]


def test_a_line_that_ends_a_sentence_ends_its_paragraph() -> None:
    text = "Première phrase.\nDeuxième phrase.\nTroisième phrase."
    assert [t for _, t in described(text, "text")] == text.split("\n")


def test_markdown_structure() -> None:
    text = (
        "# Titre #\n\nUn paragraphe\nsur deux lignes.\n\n"
        "Sous-titre\n----------\n\n- un point\n- un autre\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n> Citation.\n\n```\ncode\n```\n"
    )
    assert described(text, "markdown") == [
        (1, "Titre"),
        (None, "Un paragraphe\nsur deux lignes."),
        (2, "Sous-titre"),
        (None, "un point"),
        (None, "un autre"),
        (None, "| a | b |"),
        (None, "| 1 | 2 |"),
        (None, "Citation."),
        (None, "```\ncode\n```"),
    ]


def test_markdown_marks_are_left_out_and_numbers_are_not() -> None:
    text = "## 2. Méthode\n\n<!-- brouillon -->\n\n#\n\n> Titre\n> =====\n\n1. un\n"
    assert described(text, "markdown") == [(2, "2. Méthode"), (1, "Titre"), (None, "un")]
    assert plain_heading("**Le [site](https://example.org)** `x`") == "Le site x"


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_any_line_break_will_do(line_break: str) -> None:
    text = line_break.join(["# Titre", "", "Un.", "", "Deux."])
    assert [t for _, t in described(text, "markdown")] == ["Titre", "Un.", "Deux."]
    assert [t for _, t in described(text[2:], "text")] == ["Titre", "Un.", "Deux."]


def test_a_list_in_plain_text_is_not_a_row_of_headings() -> None:
    text = "Les fondateurs sont :\n\nInserm\n\nInria\n\nUniversité PSL\n\nIls sont cinq."
    assert [level for level, _ in described(text, "text")] == [None] * 5
    text = "Il y a :\n- un point\n- un autre\nEt la suite."
    assert [t for _, t in described(text, "text")] == text.split("\n")


def test_the_only_line_of_a_text_is_not_a_heading() -> None:
    assert described("Une seule ligne", "text") == [(None, "Une seule ligne")]
