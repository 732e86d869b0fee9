"""BEIR folders: a corpus, queries, and judgements of which documents answer them.

Thakur et al., "BEIR: A Heterogeneous Benchmark for Zero-shot Evaluation of Information Retrieval
Models", 2021, arXiv:2104.08663.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from py3langid import classify
from pydantic import BaseModel, Field, ValidationError

from corpus import Document, detect_language, text_document
from evals.question_set import (
    QuestionSet,
    QuestionSetError,
    first_problem,
    parse_question,
    read_json_lines,
)

_SPLITS = ("test", "dev", "train")
_SAMPLE = 20_000
_GRADE = re.compile(r"-?[0-9]{1,6}")


def read_beir(folder: Path) -> QuestionSet:
    """Read `corpus.jsonl`, `queries.jsonl` and `qrels/test.tsv` (or else dev, train, or the one).

    Queries without a document judged relevant are left out, as BEIR does. Documents without a text
    have their title for one; without either, they cannot be found.

    Raises:
        QuestionSetError: A file is missing, a line is not as it should be, an id occurs twice, a
            judgement names a query or document that does not exist, or the corpus has no text.
    """
    corpus = dict(_rows(folder / "corpus.jsonl"))
    queries = dict(_rows(folder / "queries.jsonl"))
    documents = tuple(_documents(corpus))
    if not documents:
        raise QuestionSetError(f"{folder / 'corpus.jsonl'} has no document with a text")
    path = _judgements_file(folder / "qrels")
    judged: dict[str, dict[str, int]] = defaultdict(dict)
    for number, query, document, grade in _judgements(path):
        if query not in queries:
            raise QuestionSetError(f"{path}, line {number}: there is no query {query!r}")
        if document not in corpus:
            raise QuestionSetError(f"{path}, line {number}: there is no document {document!r}")
        judged[query][document] = grade
    language, _score = classify(" ".join(row.text for row in queries.values())[:_SAMPLE])
    questions = (
        parse_question(
            {
                "id": key,
                "lang": language,
                "question": row.text,
                "answerable": True,
                "kind": "judged",
                "judgements": judged[key],
            },
            f"{folder / 'queries.jsonl'}, query {key!r}",
        )
        for key, row in queries.items()
        if any(grade > 0 for grade in judged[key].values())
    )
    return QuestionSet(tuple(questions), documents)


class _Row(BaseModel):
    id: Annotated[str | int, Field(alias="_id", union_mode="left_to_right")]
    text: str
    title: str | None = None


def _documents(corpus: dict[str, _Row]) -> Iterator[Document]:
    for key, row in corpus.items():
        title = row.title or ""
        text = row.text if row.text.strip() else title
        if text.strip():
            language = detect_language(text)
            document = text_document(text, f"{key}.txt", title=title, language=language)
            yield replace(document, id=key)


def _rows(path: Path) -> Iterator[tuple[str, _Row]]:
    seen: set[str] = set()
    for number, value in read_json_lines(path):
        place = f"{path}, line {number}"
        try:
            row = _Row.model_validate(value)
        except ValidationError as error:
            raise QuestionSetError(
                f"{place}: an object with _id and text is expected: {first_problem(error)}"
            ) from error
        key = str(row.id)
        if not key or key in seen:
            raise QuestionSetError(f"{place}: the _id {key!r} is empty or occurs twice")
        seen.add(key)
        yield key, row


def _judgements_file(folder: Path) -> Path:
    files = {path.stem: path for path in folder.glob("*.tsv")}
    for split in _SPLITS:
        if split in files:
            return files[split]
    if len(files) == 1:
        return next(iter(files.values()))
    raise QuestionSetError(f"{folder} needs a file of judgements: test.tsv, dev.tsv or train.tsv")


def _judgements(path: Path) -> Iterator[tuple[int, str, str, int]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, row in enumerate(csv.reader(file, delimiter="\t"), start=1):
                if not row or (number == 1 and row[-1].strip().lower() == "score"):
                    continue
                # TREC's own four columns have an iteration after the query.
                columns = row if len(row) == 3 else [row[0], *row[2:]]
                if len(columns) != 3 or not _GRADE.fullmatch(columns[2].strip()):
                    raise QuestionSetError(
                        f"{path}, line {number}: query-id, corpus-id and a whole number as score "
                        "are expected, parted by tabs"
                    )
                yield number, columns[0], columns[1], int(columns[2])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise QuestionSetError(f"{path} cannot be read: {error}") from error
