from __future__ import annotations

import pytest

from qa import Answerer, Turn

SITE = Turn(question="Quand le premier site de PariSanté Campus a-t-il été inauguré ?")
ABOUT = Turn(question="Qui a annoncé le projet PariSanté Campus ?", answer="Le président.")


def test_a_follow_up_is_understood_after_what_was_asked_before(answerer: Answerer) -> None:
    history = [Turn(question="Combien de start-up sont hébergées à PariSanté Campus ?")]
    question = "Quel pourcentage d’entre elles travaille sur l’IA ?"
    answer = answerer.ask(question, history=history)
    assert answer.question == question
    assert answer.understood_as == f"{history[0].question} {question}"
    assert answer.short_answer == "55 %"


@pytest.mark.parametrize(
    "question",
    [
        "Combien de personnes travaillent à PariSanté Campus ?",
        "Qui est le directeur général de PariSanté Campus ?",
        "Quel pourcentage des start-up travaille sur l’IA ?",
    ],
)
def test_history_never_makes_an_answer_less_sure(answerer: Answerer, question: str) -> None:
    bare = answerer.ask(question)
    after = answerer.ask(question, history=[SITE, ABOUT])
    assert after.confidence >= bare.confidence
    if after.understood_as is None:
        assert after.answer == bare.answer


def test_only_the_last_turns_count(answerer: Answerer) -> None:
    old = Turn(question="Comment réussir une pâte à crêpes ?")
    recent = [SITE, ABOUT, SITE]
    one, other = (answerer.ask("Et où ?", history=history) for history in ([old, *recent], recent))
    assert (one.answer, one.understood_as) == (other.answer, other.understood_as)


def test_without_history_nothing_is_added(answerer: Answerer) -> None:
    assert answerer.ask("Qui dirige PariSanté Campus ?").understood_as is None
