"""Question sets: what is asked, what the right answers are, and where the documents say so."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator


class QuestionSetError(Exception):
    """A question set that cannot be used; the message names the line and says what is wrong."""


Text = Annotated[str, Field(min_length=1)]


class Question(BaseModel):
    """One line of a question set.

    Attributes:
        answers: Verbatim spans of the documents, any one of which is right.
        required: Spans that the answer to a list question must all contain.
        evidence: Verbatim sentences of the documents that answer it.
        answerable: Whether the documents answer it at all.
        kind: What sort of question it is (factoid, number, list, ...), for the breakdown.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Text
    lang: Literal["fr", "en"]
    question: Text
    answers: tuple[Text, ...] = ()
    required: tuple[Text, ...] = ()
    evidence: tuple[Text, ...] = ()
    answerable: bool
    kind: str = "other"

    @model_validator(mode="after")
    def _answers_fit(self) -> Question:
        if self.answerable and not self.answers:
            raise ValueError("an answerable question needs at least one answer")
        if not self.answerable and (self.answers or self.evidence):
            raise ValueError("an unanswerable question has neither answers nor evidence")
        return self


def load_question_set(path: Path, limit: int | None = None) -> list[Question]:
    """Read a JSON Lines question set; blank lines are passed over.

    Args:
        path: The file.
        limit: Read at most so many questions.

    Raises:
        QuestionSetError: The file cannot be read, a line is not a question, or an id occurs twice.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise QuestionSetError(f"{path} cannot be read: {error}") from error
    questions: list[Question] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if limit is not None and len(questions) >= limit:
            break
        if not line.strip():
            continue
        try:
            question = Question.model_validate_json(line)
        except ValidationError as error:
            details = "; ".join(
                f"{'.'.join(map(str, e['loc'])) or 'line'}: {e['msg']}" for e in error.errors()
            )
            raise QuestionSetError(f"{path}, line {number}: {details}") from error
        if question.id in seen:
            raise QuestionSetError(
                f"{path}, line {number}: the id {question.id!r} is also on line {seen[question.id]}"
            )
        seen[question.id] = number
        questions.append(question)
    if not questions:
        raise QuestionSetError(f"{path} has no questions")
    return questions
