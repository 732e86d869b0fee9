"""What an LLM may say of the interview, and what not."""

from __future__ import annotations

import pytest

from index import Embedder, Snapshot
from qa import Reranker, Statement
from qa.retriever import Hit, retrieve
from qa.verifier import Verifier

HELD = [
    "PariSanté Campus réunit plus de 1 600 personnes.",
    "Le premier site a ouvert le 14 décembre 2021.",
    "More than 1,600 people work at PariSanté Campus.",
    "The second axis is about skills.",
    "Les patients doivent être les premiers à profiter du numérique en santé.",
    "Patients must be the first to benefit.",
    "Le Val-de-Grâce offrira plus de soixante-dix mille mètres carrés.",
    "Four partners support the campus.",
    "Une large majorité des start-up travaillent sur l'IA.",
]
MADE_UP = [
    "Le campus emploie des cuisiniers italiens.",
    "The campus has a swimming pool.",
    "Les étudiants paient des frais élevés.",
    "The director was born in Lyon.",
    "PariSanté Campus fabrique des voitures électriques.",
    "Le ciel est bleu et la mer aussi.",
]
CHANGED = [
    "PariSanté Campus réunit plus de 1 900 personnes.",
    "Le premier site a ouvert le 14 décembre 2022.",
    "Le premier site a ouvert le 15 décembre.",
    "PariSanté Campus et Sanofi réunissent plus de 1 600 personnes.",
    "Le Val-de-Grâce offrira plus de 70 000 hectares.",
    "PariSanté Campus ne réunit pas plus de 1 600 personnes.",
    "Google réunit plus de 1 600 personnes.",
    "Sanofi a ouvert le premier site le 14 décembre 2021.",
    "Two partners support the campus.",
    "No partner supports the campus, not even the four.",
    "Une large majorité des start-up travaillent sur l'IA, voir http://exemple.fr/.",
]


@pytest.fixture(scope="module")
def verifier(snapshot: Snapshot, embedder: Embedder, reranker: Reranker) -> Verifier:
    return Verifier(snapshot, embedder, reranker)


def read(statement: str, snapshot: Snapshot, embedder: Embedder) -> list[Hit]:
    return retrieve(snapshot, statement, embedder.embed_query(statement), 3)


def held(statement: str, verifier: Verifier, snapshot: Snapshot, embedder: Embedder) -> bool:
    hits = read(statement, snapshot, embedder)
    return any(verifier.verify(Statement(statement, (m,)), hits) for m in (1, 2, 3))


@pytest.mark.parametrize("statement", HELD)
def test_what_the_documents_say_holds(
    statement: str, verifier: Verifier, snapshot: Snapshot, embedder: Embedder
) -> None:
    assert held(statement, verifier, snapshot, embedder)


@pytest.mark.parametrize("statement", [*MADE_UP, *CHANGED])
def test_what_they_do_not_say_does_not(
    statement: str, verifier: Verifier, snapshot: Snapshot, embedder: Embedder
) -> None:
    assert not held(statement, verifier, snapshot, embedder)


def test_without_a_reranker_values_names_and_cosines_decide(
    snapshot: Snapshot, embedder: Embedder
) -> None:
    verifier = Verifier(snapshot, embedder, None)
    assert held(HELD[0], verifier, snapshot, embedder)
    assert not any(held(s, verifier, snapshot, embedder) for s in CHANGED)


def test_a_statement_needs_the_marker_of_a_passage(
    verifier: Verifier, snapshot: Snapshot, embedder: Embedder
) -> None:
    hits = read(HELD[0], snapshot, embedder)
    for markers in ((), (0,), (4,), (1, 9)):
        assert verifier.verify(Statement(HELD[0], markers), hits) == ()


def test_of_several_markers_those_stay_that_are_needed(
    verifier: Verifier, snapshot: Snapshot, embedder: Embedder
) -> None:
    hits = read(HELD[0], snapshot, embedder)
    evidence = verifier.verify(Statement(HELD[0], (3, 2, 1)), hits)
    assert len(evidence) == 1
    assert "600 personnes" in evidence[0].passage.text
