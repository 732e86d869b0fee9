from __future__ import annotations

from typing import Any

import pytest

from corpus import load_corpus
from evals import Question, QuestionSet, check_question_set, load_question_set
from tests.conftest import DOCUMENTS, ROOT
from tests.documents import document

TEXT = "La bibliothèque ouvre à neuf heures. Elle prête huit livres. Elle ferme le lundi."
GOOD: dict[str, Any] = {
    "id": "a",
    "lang": "fr",
    "kind": "number",
    "question": "Combien de livres ?",
    "answers": ("huit", "huit livres"),
    "evidence": ("Elle prête huit livres.",),
    "answerable": True,
}


def errors(*questions: dict[str, Any]) -> list[tuple[str | None, str]]:
    found = check(*questions)
    return [(f.question, f.message) for f in found if f.severity == "error"]


def check(*questions: dict[str, Any]) -> list[Any]:
    made = tuple(Question(**{**GOOD, **question}) for question in questions)
    return list(check_question_set(QuestionSet(made), [document("d", TEXT)]).findings)


def test_a_good_question_has_no_error() -> None:
    assert errors({}) == []


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({"answers": ("neuf livres",)}, "answers: 'neuf livres' is not in the corpus"),
        ({"answers": ("HUIT",)}, "answers: 'HUIT' is not in the corpus, only with other signs"),
        ({"evidence": ("Elle prête.",)}, "evidence: 'Elle prête.' is not in the corpus"),
        ({"required": ("huit", "dix")}, "required: 'dix' is not in the corpus"),
        ({"answers": ("lundi",)}, "its evidence does not hold the answer"),
        ({"required": ("huit", "lundi")}, "its evidence does not hold the answer"),
    ],
)
def test_spans_that_are_not_where_they_should_be(question: dict[str, Any], message: str) -> None:
    assert any(found.startswith(message) for _, found in errors(question))


def test_questions_that_ask_the_same() -> None:
    twice = {"id": "b", "question": "Combien de LIVRES ?"}
    assert [f.message for f in check({}, twice) if f.question == "b"] == ["it asks the same as a"]
    assert errors({}, twice) == []
    contradiction = {**twice, "answers": (), "evidence": (), "answerable": False}
    assert errors({}, contradiction) == [("b", "it asks the same as a")]
    follow_up = {"id": "b", "conversation": "c", "turn": 2}
    assert all(f.question != "b" for f in check({}, follow_up))


def test_what_unbalances_a_set() -> None:
    many = [{"id": f"q{i}", "question": f"Question {i} ?"} for i in range(6)]
    english = {"id": "e", "lang": "en", "kind": "list", "question": "Which?"}
    messages = [f.message for f in check(*many, english) if f.question is None]
    assert messages == [
        "0% of the questions are unanswerable: with some 25 %, abstention can be measured",
        "kind 'list' has 1 questions: too few to be told apart",
        "kind 'number' has no question in en",
    ]


def test_the_shipped_sets_are_sound() -> None:
    documents = load_corpus([DOCUMENTS]).documents
    campus = check_question_set(load_question_set(ROOT / "evals" / "campus.jsonl"), documents)
    assert campus.findings == ()
    assert campus.n >= 120
    assert campus.conversations >= 12
    assert 0.25 <= 1 - campus.answerable / campus.n <= 0.3
    assert set(campus.languages) == {"fr", "en"}
    assert min(campus.documents.values()) >= 4
    assert set(campus.kinds) == {
        *("factoid", "number", "date", "list", "definition", "why_how"),
        *("paraphrase", "typo", "quote", "unanswerable"),
    }
    interview = check_question_set(load_question_set(ROOT / "evals" / "interview.jsonl"), documents)
    assert [f for f in interview.findings if f.severity == "error"] == []
