from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from corpus import load_corpus, split_passages
from qa.reader import Evidence
from qa.retriever import Hit
from qa.whole import complete

LIST = (
    "Le campus a trois instituts :\n\n- PRAIRIE, pour l’IA. Créé en 2019.\n"
    "- Q-Bio, pour la biologie.\n- Physique pour la médecine.\n\nIl y fait bon vivre."
)
KINDS = ("md", "txt", "html")


def quote(text: str, words: str, question: str = "Pourquoi ?", kind: str = "txt") -> str:
    """What is quoted for the sentence of a text that has some words."""
    if kind == "html":
        lines = text.replace("\n- ", "</p><li>").replace("\n\n", "</p><p>")
        text = f"<html><body><p>{lines}</p></body></html>"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"text.{kind}"
        path.write_text(text, encoding="utf-8")
        (document,) = load_corpus([path]).documents
    (passage,) = split_passages(document, lambda texts: [len(t.split()) for t in texts], 256)
    position = next(n for n, (a, b) in enumerate(passage.sentences) if words in document.text[a:b])
    evidence = Evidence(Hit(0, passage, 1.0), position, {}, position, position)
    evidence = complete(evidence, document, question)
    return document.text[evidence.quoted[0][0] : evidence.quoted[-1][1]]


@pytest.mark.parametrize(
    "second",
    [
        "Ce dernier dirige le campus.",
        "Celui-ci a ouvert en 2021.",
        "Il a ouvert en 2021.",
        "« Il a ouvert en 2021 », dit-il.",
        "En effet, tout était prêt.",
        "Car tout était prêt.",
        "Cela nous a vaccinés.",
        "Et cela nous a vaccinés.",
        "C’est un lieu de recherche.",
    ],
)
def test_a_sentence_that_points_back_comes_with_the_one_before(second: str) -> None:
    text = f"Le premier site du campus est à Issy. {second}"
    assert quote(text, second) == text
    assert quote(text, "Issy") == "Le premier site du campus est à Issy."


@pytest.mark.parametrize(
    "second",
    ["The latter opened in 2021.", "This is where it began.", "They opened in 2021.", "It opened."],
)
def test_in_english_too(second: str) -> None:
    text = f"The first site of the campus is the one in Issy. {second}"
    assert quote(text, second) == text


@pytest.mark.parametrize(
    "second",
    [
        "Il y a cinq membres fondateurs.",
        "Il n’y a pas de parking.",
        "Il faut cinq ans.",
        "Il ne faut pas de badge.",
        "Il est désormais possible d’entrer.",
        "Ces dernières années, le campus a grandi.",
        "Ce programme dure cinq ans.",
        "Cartes et plans sont en ligne.",
        "Nous sommes cinq.",
    ],
)
def test_others_stand_by_themselves(second: str) -> None:
    assert quote(f"Le premier site du campus est à Issy. {second}", second) == second


@pytest.mark.parametrize(
    "second",
    [
        "IT services are hosted in Paris.",
        "Car parking is free.",
        "It was announced that it will grow.",
        "Those who wish to register may.",
        "This year, 400 people joined.",
    ],
)
def test_nor_do_these_in_english(second: str) -> None:
    assert quote(f"The first site of the campus is the one in Issy. {second}", second) == second


def test_a_question_or_another_paragraph_before_is_not_quoted() -> None:
    assert quote("Qui êtes-vous donc ? Il est médecin.", "médecin") == "Il est médecin."
    assert quote("Le directeur est là.\n\nIl est médecin.", "médecin") == "Il est médecin."
    both = "Le directeur est là.\n\nCe dernier est médecin."
    assert quote(both, "médecin") == both


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("words", ["PRAIRIE", "Créé", "Q-Bio", "Physique"])
def test_an_item_comes_with_the_whole_list_where_several_are_asked_for(
    words: str, kind: str
) -> None:
    for question in (
        "Quels sont les trois instituts ?",
        "What are the institutes?",
        "Which institutes are there?",
        "Listez les instituts",
        "Name three institutes.",
    ):
        found = quote(LIST, words, question, kind)
        assert found.startswith("Le campus a trois instituts")
        assert found.endswith("Physique pour la médecine.")
    for question in (
        "Quel institut travaille sur l’IA ?",
        "What is the name of the institute?",
        "Which institute works on AI?",
        "Quels que soient les tarifs, combien coûte une année ?",
    ):
        assert "\n" not in quote(LIST, words, question, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_what_announces_a_list_comes_with_it(kind: str) -> None:
    found = quote(LIST, "trois instituts", "Combien d’instituts ?", kind)
    assert found.endswith("Physique pour la médecine.")


def test_what_announces_no_list_comes_with_what_follows() -> None:
    text = "Les partenaires sont au nombre de trois :\n\nl’Inserm, l’Inria et le CNRS. Tous y sont."
    assert quote(text, "nombre de trois").endswith("l’Inria et le CNRS.")


def test_a_list_too_long_to_read_stays_out() -> None:
    text = "Les membres :\n" + "\n".join(f"- Membre {n}." for n in range(40))
    assert quote(text, "Membre 4.", "Quels sont les membres ?").endswith("Membre 4.")
    assert "\n" not in quote(text, "Membre 4.", "Quels sont les membres ?")
