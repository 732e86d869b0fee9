"""Question sets: what is asked, what the right answers are, and where the documents say so."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from corpus import Document, Place


class QuestionSetError(Exception):
    """A question set that cannot be used; the message names the place and says what is wrong."""


Text = Annotated[str, Field(min_length=1)]


class Question(BaseModel):
    """What is asked, and what is known of the answer.

    Attributes:
        lang: Language of the question, an ISO 639-1 code.
        answers: Verbatim spans of the documents, any one of which is right.
        required: Spans that the answer to a list question must all contain.
        evidence: Verbatim sentences of the documents that answer it.
        answerable: Whether the documents answer it at all.
        kind: What sort of question it is (factoid, number, list, ...), for the breakdown.
        conversation: Id of the conversation that it is a turn of; empty if it stands by itself.
        turn: Which turn of the conversation, from 1; 0 if it stands by itself.
        places: Where the evidence stands, for a set that is its own corpus.
        judgements: Ids of the documents that answer it, with their grade, where documents were
            judged instead of sentences marked (BEIR).
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Text
    lang: Annotated[str, Field(pattern="^[a-z]{2}$")]
    question: Text
    answers: tuple[Text, ...] = ()
    required: tuple[Text, ...] = ()
    evidence: tuple[Text, ...] = ()
    answerable: bool
    kind: Text = "other"
    conversation: str = ""
    turn: int = 0
    places: tuple[Place, ...] = ()
    judgements: dict[str, int] = {}

    @model_validator(mode="after")
    def _answers_fit(self) -> Question:
        if self.answerable and not (self.answers or self.required or self.judgements):
            raise ValueError("an answerable question needs at least one answer")
        if not self.answerable and (self.answers or self.required or self.evidence):
            raise ValueError("an unanswerable question has no answers, required spans or evidence")
        return self


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Questions, in the order of the file.

    Attributes:
        questions: At least one.
        documents: The corpus that the set carries; empty if it carries none.
    """

    questions: tuple[Question, ...]
    documents: tuple[Document, ...] = ()


def load_question_set(path: Path, limit: int | None = None) -> QuestionSet:
    """Read a question set: JSON Lines, SQuAD JSON (`.json`), or a BEIR folder.

    Args:
        path: The file or folder.
        limit: Read at most so many questions; the corpus of the set is read whole.

    Raises:
        QuestionSetError: It cannot be read, something in it is not as it should be, or an id occurs
            twice.
    """
    from evals.beir import read_beir
    from evals.squad import read_squad

    if path.is_dir():
        found = read_beir(path)
    elif path.suffix.lower() == ".json":
        found = read_squad(path)
    else:
        found = QuestionSet(tuple(_unique(path, _read_lines(path))))
    if not found.questions:
        raise QuestionSetError(f"{path} has no questions")
    return QuestionSet(found.questions[:limit], found.documents)


def read_json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """The values of a JSON Lines file with their line numbers; blank lines are passed over.

    Only a line feed ends a line: other separators may stand in a text.

    Raises:
        QuestionSetError: It cannot be read, or a line is not JSON.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    value = json.loads(line)
                    # Half a surrogate pair, escaped, is JSON but no text.
                    json.dumps(value, ensure_ascii=False).encode()
                    yield number, value
    except UnicodeDecodeError as error:
        raise QuestionSetError(f"{path} cannot be read: {error}") from error
    except (ValueError, RecursionError) as error:
        raise QuestionSetError(f"{path}, line {number}: it is not JSON: {error}") from error
    except OSError as error:
        raise QuestionSetError(f"{path} cannot be read: {error}") from error


def parse_question(fields: dict[str, Any], place: str) -> Question:
    """Check a question. Raises QuestionSetError that names `place` and each bad field."""
    try:
        return Question.model_validate(fields)
    except ValidationError as error:
        details = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'question'}: {e['msg']}" for e in error.errors()
        )
        raise QuestionSetError(f"{place}: {details}") from error


def first_problem(error: ValidationError) -> str:
    """The first thing that is wrong, and where."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else first["msg"]


def _read_lines(path: Path) -> Iterator[tuple[int, Question]]:
    for number, value in read_json_lines(path):
        place = f"{path}, line {number}"
        if not isinstance(value, dict):
            raise QuestionSetError(f"{place}: it is not a JSON object")
        if "turns" not in value:
            yield number, parse_question(value, place)
            continue
        turns = value["turns"]
        if not value.get("id") or not isinstance(turns, list) or not turns:
            raise QuestionSetError(f"{place}: a conversation has an id and a list of turns")
        for turn, fields in enumerate(turns, start=1):
            if not isinstance(fields, dict):
                raise QuestionSetError(f"{place}, turn {turn}: it is not a JSON object")
            own = {"id": f"{value['id']}/{turn}", "lang": value.get("lang"), **fields}
            own |= {"conversation": str(value["id"]), "turn": turn}
            yield number, parse_question(own, f"{place}, turn {turn}")


def _unique(path: Path, questions: Iterable[tuple[int, Question]]) -> Iterator[Question]:
    seen: dict[str, int] = {}
    for number, question in questions:
        if question.id in seen:
            raise QuestionSetError(
                f"{path}, line {number}: the id {question.id!r} is also on line {seen[question.id]}"
            )
        seen[question.id] = number
        yield question
