"""SQuAD 1.1 and 2.0 JSON (PIAF, FQuAD, XQuAD as published): question sets with their corpus."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from py3langid import classify
from pydantic import BaseModel, Field, ValidationError

from corpus import Document, Place, plain_title, split_sentences, text_document
from evals.question_set import (
    Question,
    QuestionSet,
    QuestionSetError,
    first_problem,
    parse_question,
)

_SAMPLE = 20_000
"""Characters of questions that tell the language of a set."""


class _Answer(BaseModel):
    text: str
    answer_start: Annotated[int, Field(ge=0)]


class _Entry(BaseModel):
    id: Annotated[str | int, Field(union_mode="left_to_right")]
    question: Annotated[str, Field(min_length=1)]
    answers: list[_Answer] | None = None
    is_impossible: bool = False


class _Paragraph(BaseModel):
    context: str
    qas: list[_Entry]


class _Article(BaseModel):
    title: str | None = None
    paragraphs: list[_Paragraph]


class _Squad(BaseModel):
    data: list[_Article]


def read_squad(path: Path) -> QuestionSet:
    """Read a set; every paragraph is a document, titled by its article.

    The evidence of a question is the sentence that holds the answer, at its stated place. The
    language of the set is that of its questions together.

    Raises:
        QuestionSetError: It cannot be read, is not SQuAD JSON, an answer does not stand where it
            says, or an id occurs twice.
    """
    try:
        content = _Squad.model_validate_json(path.read_bytes().removeprefix(BOM_UTF8))
    except OSError as error:
        raise QuestionSetError(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        raise QuestionSetError(f"{path} is not SQuAD JSON: {first_problem(error)}") from error
    sample = " ".join(e.question for a in content.data for p in a.paragraphs for e in p.qas)
    language, _score = classify(sample[:_SAMPLE])
    questions: list[Question] = []
    documents: list[Document] = []
    seen: set[str] = set()
    for a, article in enumerate(content.data, start=1):
        for p, paragraph in enumerate(article.paragraphs, start=1):
            title = plain_title((article.title or "").replace("_", " "))
            place = f"{path}, article {a} ({title}), paragraph {p}"
            if not paragraph.context.strip():
                raise QuestionSetError(f"{place}: the context is empty")
            document = text_document(
                paragraph.context,
                f"{a:04}/{p:04}.txt",
                title=title,
                language=language,
            )
            documents.append(document)
            for entry in paragraph.qas:
                question = _question(entry, document, language, place)
                if question.id in seen:
                    raise QuestionSetError(f"{place}: the id {question.id!r} occurs twice")
                seen.add(question.id)
                questions.append(question)
    return QuestionSet(tuple(questions), tuple(documents))


def _question(entry: _Entry, document: Document, language: str, place: str) -> Question:
    answerable = bool(entry.answers) and not entry.is_impossible
    spans: set[tuple[int, int]] = set()
    answers: list[str] = []
    for answer in entry.answers or [] if answerable else []:
        start, end = answer.answer_start, answer.answer_start + len(answer.text)
        if not answer.text.strip() or document.text[start:end] != answer.text:
            raise QuestionSetError(
                f"{place}, question {entry.id!r}: the answer {answer.text!r} does not stand at "
                f"{start}"
            )
        answers.append(answer.text)
        spans.update(_sentences_around(document.text, start, end))
    places = tuple(Place(document.id, start, end) for start, end in sorted(spans))
    fields = {
        "id": str(entry.id),
        "lang": language,
        "question": entry.question,
        "answers": tuple(dict.fromkeys(answers)),
        "evidence": tuple(document.text[p.start : p.end] for p in places),
        "answerable": answerable,
        "kind": "answerable" if answerable else "unanswerable",
        "places": places,
    }
    return parse_question(fields, f"{place}, a question")


def _sentences_around(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for first, last in split_sentences(text):
        if first < end and start < last:
            yield first, last
