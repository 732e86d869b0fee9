from __future__ import annotations

import json
from pathlib import Path

import pytest

from corpus import Document
from evals import QuestionSetError, load_question_set
from tests.conftest import QUESTIONS

GOOD = {"id": "a", "lang": "fr", "question": "Q ?", "answers": ["x"], "answerable": True}


def write(path: Path, *lines: object) -> Path:
    path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines))
    return path


def test_reads_questions_and_passes_over_blank_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "set.jsonl", GOOD, "", {**GOOD, "id": "b", "note": "ignored"})
    assert [question.id for question in load_question_set(path).questions] == ["a", "b"]
    assert [question.id for question in load_question_set(path, limit=1).questions] == ["a"]
    assert load_question_set(path).documents == ()


def test_only_line_feeds_end_a_line(tmp_path: Path) -> None:
    text = json.dumps({**GOOD, "question": "Un\u2028deux\u0085 ?"}, ensure_ascii=False)
    path = write(tmp_path / "set.jsonl", "\ufeff" + text)
    assert load_question_set(path).questions[0].question == "Un\u2028deux\u0085 ?"


def test_the_turns_of_a_conversation_are_questions(tmp_path: Path) -> None:
    turns = [{k: v for k, v in GOOD.items() if k not in ("id", "lang")}, {**GOOD, "id": "own"}]
    path = write(tmp_path / "set.jsonl", {"id": "talk", "lang": "en", "turns": turns}, GOOD)
    first, second, single = load_question_set(path).questions
    assert (first.id, first.lang, first.conversation, first.turn) == ("talk/1", "en", "talk", 1)
    assert (second.id, second.lang, second.turn) == ("own", "fr", 2)
    assert (single.conversation, single.turn) == ("", 0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: it is not JSON"),
        ("[]", "line 2: it is not a JSON object"),
        ({**GOOD, "id": "b", "lang": "français"}, "line 2: lang"),
        ({**GOOD, "id": "b", "answers": []}, "at least one answer"),
        ({**GOOD, "id": "b", "answerable": False}, "an unanswerable question has no answers"),
        ({k: v for k, v in GOOD.items() if k != "question"}, "line 2: question: Field required"),
        ({**GOOD, "id": "b", "evidence": [""]}, "line 2: evidence.0"),
        (GOOD, "line 2: the id 'a' is also on line 1"),
        ({"id": "c", "turns": []}, "line 2: a conversation has an id and a list of turns"),
        ({"id": "c", "turns": [3]}, "line 2, turn 1: it is not a JSON object"),
        ({"id": "c", "turns": [{**GOOD, "lang": None}]}, "line 2, turn 1: lang"),
        ({"id": "c", "turns": [GOOD]}, "line 2: the id 'a' is also on line 1"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: object, message: str) -> None:
    path = write(tmp_path / "set.jsonl", GOOD, line)
    with pytest.raises(QuestionSetError, match=message):
        load_question_set(path)


def test_an_empty_or_missing_set_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(QuestionSetError, match="no questions"):
        load_question_set(write(tmp_path / "empty.jsonl", ""))
    with pytest.raises(QuestionSetError, match="cannot be read"):
        load_question_set(tmp_path / "nowhere.jsonl")


def test_the_shipped_set_quotes_the_interview(interview: Document) -> None:
    questions = load_question_set(QUESTIONS).questions
    assert {question.lang for question in questions} == {"fr", "en"}
    assert sum(not question.answerable for question in questions) * 4 >= len(questions)
    for question in questions:
        for span in (*question.answers, *question.required, *question.evidence):
            assert span in interview.text
