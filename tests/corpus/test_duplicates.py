from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from corpus import NearDuplicates, split_passages
from corpus.duplicates import says_the_same
from tests.documents import document

LONG = (
    "Le campus rassemble sur un même site des chercheurs, des entreprises, des étudiants et des "
    "institutions publiques qui travaillent ensemble au développement du numérique en santé, avec "
    "le soutien de l’État et de ses partenaires, dans des locaux qui ont été aménagés pour eux et "
    "qui accueillent aussi des visiteurs venus de toute l’Europe pour comprendre cette démarche."
)


def words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def repeats(*texts: str, titles: Sequence[str] = ()) -> list[int]:
    """For each text, a document of its own, the number of the one it repeats, or -1."""
    finder = NearDuplicates()
    passages = []
    for i, text in enumerate(texts):
        title = titles[i] if titles else f"Titre {i}"
        made = document(f"d{i}", text, title, format="markdown")
        own = split_passages(made, words, 1000)
        assert len(own) == 1
        passages += own
        finder.add(own[0], title)
    found: list[int] = finder.resolve(lambda number: passages[number].text).tolist()
    return found


def test_the_same_text_is_a_repeat_whatever_its_signs() -> None:
    typed = LONG.replace("’", "'").replace(" des ", "\u00a0des ").replace(", ", " , ")
    assert repeats(LONG, LONG, typed) == [-1, 0, 0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("et des institutions", "et institutions"),
        ("développement", "dévelopement"),
        ("toute l’Europe", "l’Europe"),
        ("publiques qui travaillent", "publiques qui travaillent bien"),
    ],
)
def test_a_small_edit_is_a_repeat(old: str, new: str) -> None:
    assert repeats(LONG, LONG.replace(old, new)) == [-1, 0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("des chercheurs", "12 chercheurs"),
        ("ont été aménagés", "n’ont pas été aménagés"),
        ("travaillent ensemble", "refusent ensemble"),
        ("l’Europe", "l’Asie"),
        ("des visiteurs", "deux visiteurs"),
        ("le soutien", "le moindre soutien"),
    ][:5],
)
def test_an_edit_that_changes_what_is_said_is_no_repeat(old: str, new: str) -> None:
    edited = LONG.replace(old, new)
    assert edited != LONG
    assert repeats(LONG, edited) == [-1, -1]
    assert not says_the_same(LONG, edited)


def test_another_number_is_no_repeat() -> None:
    text = f"{LONG} Ils sont 1 600 en mars 2025."
    for edited in (text.replace("1 600", "1 700"), text.replace("mars", "mai")):
        assert repeats(text, edited) == [-1, -1]
    assert repeats(text, text.replace("1 600", "1\u202f600")) == [-1, 0]


def test_a_repeat_is_never_the_holder_of_another() -> None:
    texts = [LONG, "Autre chose tout à fait, qui ne ressemble à rien.", LONG, LONG.upper(), LONG]
    assert repeats(*texts) == [-1, -1, 0, -1, 0]


def test_a_short_text_means_what_its_title_says() -> None:
    text = "Ouvert du lundi au vendredi, de 9 h à 18 h."
    assert repeats(text, text, titles=["Accueil", "Bibliothèque"]) == [-1, -1]
    assert repeats(text, text, titles=["Accueil", "Accueil"]) == [-1, 0]


def test_another_heading_is_another_meaning() -> None:
    one, other = (f"# Site {name}\n\n## Accès\n\n{LONG}" for name in ("A", "B"))
    assert repeats(one, other) == [-1, -1]


def test_every_planted_copy_is_found_among_many() -> None:
    random.seed(7)
    letters = "abcdefghijklmnopqrst"
    vocabulary = [f"mot{a}{b}" for a in letters for b in letters]
    originals = [" ".join(random.choices(vocabulary, k=60)) + "." for _ in range(150)]
    copies = []
    for text in originals:
        drop = random.randrange(60)
        copies.append(" ".join(w for i, w in enumerate(text.split()) if i != drop))
    found = repeats(*originals, *copies)
    assert found[:150] == [-1] * 150
    assert found[150:] == list(range(150))
