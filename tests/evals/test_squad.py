from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from evals import QuestionSetError, load_question_set

CONTEXT = "La bibliothèque ouvre à neuf heures. Elle prête huit livres. Elle ferme le lundi."
SET: dict[str, Any] = {
    "version": "1.1",
    "data": [
        {
            "title": "La_bibliothèque",
            "paragraphs": [
                {
                    "context": CONTEXT,
                    "qas": [
                        {
                            "id": "a",
                            "question": "Combien de livres prête la bibliothèque ?",
                            "answers": [
                                {"text": "huit", "answer_start": 48},
                                {"text": "huit livres", "answer_start": 48},
                            ],
                        },
                        {
                            "id": 7,
                            "question": "Qui dirige la bibliothèque municipale ?",
                            "answers": [],
                            "is_impossible": True,
                            "plausible_answers": [{"text": "lundi", "answer_start": 75}],
                        },
                    ],
                }
            ],
        }
    ],
}


def write(folder: Path, content: object) -> Path:
    path = folder / "set.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_set_is_its_own_corpus(tmp_path: Path) -> None:
    found = load_question_set(write(tmp_path, SET))
    (document,) = found.documents
    assert (document.text, document.title, document.language) == (CONTEXT, "La bibliothèque", "fr")
    first, second = found.questions
    assert first.answers == ("huit", "huit livres")
    assert first.evidence == ("Elle prête huit livres.",)
    (place,) = first.places
    assert place.document_id == document.id
    assert document.text[place.start : place.end] == first.evidence[0]
    assert (second.id, second.answerable, second.answers) == ("7", False, ())
    assert {question.lang for question in found.questions} == {"fr"}


def test_what_published_sets_leave_out_is_read(tmp_path: Path) -> None:
    content = copy.deepcopy(SET)
    content["data"][0]["title"] = None
    content["data"][0]["paragraphs"][0]["qas"][1]["answers"] = None
    path = write(tmp_path, content)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(load_question_set(path).questions) == 2


def test_the_language_is_that_of_the_questions(tmp_path: Path) -> None:
    content = copy.deepcopy(SET)
    for entry in content["data"][0]["paragraphs"][0]["qas"]:
        entry["question"] = "Wie viele Bücher verleiht die städtische Bibliothek an jeden Leser?"
    assert {q.lang for q in load_question_set(write(tmp_path, content)).questions} == {"de"}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("data",), 3, "is not SQuAD JSON: data"),
        (("data", 0, "paragraphs", 0, "qas", 0, "id"), "", "paragraph 1, a question: id"),
        (
            ("data", 0, "paragraphs", 0, "qas", 0, "answers", 0, "answer_start"),
            -33,
            "answer_start: Input should be greater",
        ),
        (("data", 0, "paragraphs", 0, "context"), " ", "paragraph 1: the context is empty"),
        (("data", 0, "paragraphs", 0, "qas", 1, "id"), "a", "the id 'a' occurs twice"),
        (
            ("data", 0, "paragraphs", 0, "qas", 0, "answers", 0, "answer_start"),
            3,
            r"article 1 \(La bibliothèque\), paragraph 1, question 'a': the answer 'huit' does not",
        ),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, path: tuple[str | int, ...], value: object, message: str
) -> None:
    content = copy.deepcopy(SET)
    place: Any = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(QuestionSetError, match=message):
        load_question_set(write(tmp_path, content))


def test_what_is_not_json_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "set.json").write_text("{")
    with pytest.raises(QuestionSetError, match="is not SQuAD JSON"):
        load_question_set(tmp_path / "set.json")
    with pytest.raises(QuestionSetError, match="cannot be read"):
        load_question_set(tmp_path / "nowhere.json")
