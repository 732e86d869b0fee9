from __future__ import annotations

import pytest

from evals.support import holds_words, sentence_support
from qa import Statement, split_statements


def judge(premise: str, statement: str) -> bool:
    """A premise is a list of facts, a statement the facts that it needs."""
    return set(statement.split("+")) <= set(premise.split())


def test_recall_counts_sentences_that_their_citations_back() -> None:
    statements = [Statement("a+b", (1, 2)), Statement("c", (3,)), Statement("d", ())]
    recall, precision = sentence_support(statements, {1: "a", 2: "b", 3: "x"}, judge)
    assert recall == pytest.approx(1 / 3)
    assert precision == pytest.approx(2 / 3)


def test_a_citation_that_changes_nothing_is_irrelevant() -> None:
    """ALCE, section 4: neither enough by itself, nor needed by the others."""
    statements = [Statement("a", (1, 2))]
    assert sentence_support(statements, {1: "a", 2: "x"}, judge) == (1, 0.5)
    assert sentence_support(statements, {1: "a", 2: "a"}, judge) == (1, 1)


def test_citations_of_an_unsupported_sentence_do_not_count() -> None:
    assert sentence_support([Statement("a+b", (1,))], {1: "a"}, judge) == (0, 0)


def test_a_marker_without_a_citation_counts_against_precision() -> None:
    assert sentence_support([Statement("a", (1, 7))], {1: "a"}, judge) == (1, 0.5)
    assert sentence_support([], {}, judge) == (0, 0)


def test_markers_belong_to_the_sentence_before_them() -> None:
    answer = "Le campus ouvre en 2021. [1] Il réunit 80 structures [2][3]. Rien de plus."
    assert split_statements(answer) == [
        Statement("Le campus ouvre en 2021.", (1,)),
        Statement("Il réunit 80 structures.", (2, 3)),
        Statement("Rien de plus.", ()),
    ]


def test_each_line_of_several_documents_is_a_sentence() -> None:
    answer = "Selon « FAQ » : Il y en a 80. [1]\nSelon « Fiche » : Il y en a 90. [2]"
    assert [s.markers for s in split_statements(answer)] == [(1,), (2,)]


def test_words_and_figures_are_held() -> None:
    premise = "FAQ\nPariSanté Campus réunit plus de 1 600 personnes."
    assert holds_words(premise, "Selon « FAQ » : le campus réunit plus de 1600 personnes.")
    assert not holds_words(premise, "Le campus réunit plus de 1 700 personnes.")
    assert not holds_words(premise, "Le ministère finance huit laboratoires de recherche.")
