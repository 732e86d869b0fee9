"""BEIR folders: a corpus, queries, and judgements of which documents answer them.

Thakur et al., "BEIR: A Heterogeneous Benchmark for Zero-shot Evaluation of Information Retrieval
Models", 2021, arXiv:2104.08663.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from corpus import Document, detect_language, text_document
from evals.languages import most_likely_language
from evals.question_set import Question, QuestionSet, QuestionSetError, read_json_lines

_SPLITS = ("test", "dev", "train")


def read_beir(folder: Path) -> QuestionSet:
    """Read `corpus.jsonl`, `queries.jsonl` and `qrels/test.tsv` (or else dev, train, or the one).

    Queries without a document judged relevant are left out, as BEIR does.

    Raises:
        QuestionSetError: A file is missing, a line is not as it should be, an id occurs twice, or a
            judgement names a query or document that does not exist.
    """
    corpus = dict(_rows(folder / "corpus.jsonl"))
    queries = dict(_rows(folder / "queries.jsonl"))
    path = _judgements_file(folder / "qrels")
    judged: dict[str, dict[str, int]] = defaultdict(dict)
    for number, query, document, grade in _judgements(path):
        if query not in queries:
            raise QuestionSetError(f"{path}, line {number}: there is no query {query!r}")
        if document not in corpus:
            raise QuestionSetError(f"{path}, line {number}: there is no document {document!r}")
        judged[query][document] = grade
    sample = " ".join(str(row["text"]) for row in queries.values())
    language = most_likely_language(sample[:20_000])
    questions = (
        Question(
            id=key,
            lang=language,
            question=str(row["text"]),
            answerable=True,
            kind="judged",
            judgements=judged[key],
        )
        for key, row in queries.items()
        if any(grade > 0 for grade in judged[key].values())
    )
    return QuestionSet(tuple(questions), tuple(_documents(corpus)))


def _documents(corpus: dict[str, dict[str, Any]]) -> Iterator[Document]:
    for key, row in corpus.items():
        title = str(row.get("title") or "")
        # Some sets have documents with a title alone.
        text = str(row["text"]) if str(row["text"]).strip() else title
        if text.strip():
            language = detect_language(text)
            document = text_document(text, f"{key}.txt", title=title, language=language)
            yield replace(document, id=key)


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    seen: set[str] = set()
    for number, row in read_json_lines(path):
        place = f"{path}, line {number}"
        if not isinstance(row, dict) or "_id" not in row or "text" not in row:
            raise QuestionSetError(f"{place}: an object with _id and text is expected")
        key = str(row["_id"])
        if key in seen:
            raise QuestionSetError(f"{place}: the _id {key!r} occurs twice")
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
                if not row or (number == 1 and not row[-1].lstrip("-").isdigit()):
                    continue
                # TREC's own four columns have an iteration after the query.
                columns = row if len(row) == 3 else [row[0], *row[2:]]
                if len(columns) != 3 or not columns[2].lstrip("-").isdigit():
                    raise QuestionSetError(
                        f"{path}, line {number}: query-id, corpus-id and score are expected, "
                        "parted by tabs"
                    )
                yield number, columns[0], columns[1], int(columns[2])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise QuestionSetError(f"{path} cannot be read: {error}") from error
