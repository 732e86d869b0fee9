"""The questions to train on, with the passages that do and do not answer them."""

from __future__ import annotations

import hashlib
import os
import pickle
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from corpus import Passage, Span, join_digit_groups
from index import Embedder, Snapshot
from qa.fit import sets
from qa.fit.sets import WRITTEN_SET, FitQuestion, article_of, index_of, read_set
from qa.retriever import CANDIDATES, retrieve

OTHER_LANGUAGES = ("de", "es", "ro")

ANYWHERE = (0, 0)
"""The span of an answer that is not there."""

_MOST = 16
_SETS = {
    WRITTEN_SET: [WRITTEN_SET],
    "piaf-train": ["piaf-train", WRITTEN_SET],
    "xquad.en": ["xquad.en", WRITTEN_SET, *(f"xquad.{language}" for language in OTHER_LANGUAGES)],
    **{f"xquad.{other}": ["xquad.en", f"xquad.{other}"] for other in OTHER_LANGUAGES},
}
"""For each set of passages, the sets of questions asked over it."""

Pair = tuple[str, str]
"""A set of questions, and the set of passages that they are asked over."""


@dataclass(frozen=True, slots=True)
class Example:
    """A question to train on.

    Attributes:
        text: The question.
        passage: The number of the passage that answers; None if nothing does.
        span: Of the answer in that passage's text.
        score: That passage's hybrid score.
        others: Number and hybrid score of passages that do not answer, best first; first of all, if
            nothing answers, the best of the paragraph that the question was asked about.
        held_out: As of `FitQuestion`.
        before: Another question on the same paragraph, if there is one.
        counterpart: If nothing answers, the number of a passage, its text with a sentence more that
            answers, and the span of the answer in that.
    """

    text: str
    passage: int | None
    span: Span
    score: float
    others: tuple[tuple[int, float], ...]
    held_out: bool
    before: str | None
    counterpart: tuple[int, str, Span] | None


@dataclass(frozen=True, slots=True)
class Found:
    """All sets.

    Attributes:
        mark: Of the model and the sets that they were found with and in.
        passages: Of each pair's passages, as they are numbered.
        examples: One of each question, in order; None where the answer is in no one passage.
    """

    mark: str
    passages: dict[Pair, list[Passage]]
    examples: dict[Pair, list[Example | None]]


def find_examples(embedder: Embedder, data: Path, kept: Path | None = None) -> Found:
    """The examples of all sets.

    Args:
        embedder: Finds the other passages.
        data: Where the question sets are.
        kept: Where what is found, which takes half an hour, is kept for another training on the
            same sets with the same model.
    """
    mark = _digest(embedder, data)
    if kept is not None and kept.exists():
        with kept.open("rb") as file:
            known: Found = pickle.load(file)  # noqa: S301 (our own file)
        if known.mark == mark:
            return known
    found = Found(mark, {}, {})
    for read, asked_sets in _SETS.items():
        documents, _ = read_set(_argument(data, read, read))
        with index_of(documents, embedder) as snapshot:
            for asked in asked_sets:
                _, questions = read_set(_argument(data, asked, read))
                found.passages[asked, read] = snapshot.passages
                found.examples[asked, read] = _find(snapshot, questions, embedder)
                print(f"{asked} over {read}: {len(questions)} questions", file=sys.stderr)
    if kept is not None:
        new = kept.with_suffix(".new")
        with new.open("wb") as file:
            pickle.dump(found, file)
        os.replace(new, kept)
    return found


def _digest(embedder: Embedder, data: Path) -> str:
    """Of the model and of all sets."""
    files = [data / f"{name}.json" for name in _SETS if name != WRITTEN_SET]
    digest = hashlib.sha256(embedder.identity.sha256.encode())
    for file in (*files, sets.WRITTEN, sets.WRITTEN_ON_SETS):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _argument(data: Path, asked: str, read: str) -> str:
    if read == WRITTEN_SET:
        return read
    if asked == WRITTEN_SET:
        return f"{asked}={asked},{data / read}.json"
    return f"{asked}={data / asked}.json,{data / read}.json"


def _find(
    snapshot: Snapshot, questions: Sequence[FitQuestion], embedder: Embedder
) -> list[Example | None]:
    """An example of each question, or None where the answer is in no one passage.

    Passages of held-out articles are not among the others of questions that are trained on.
    """
    vectors = embedder.embed_queries([question.text for question in questions])
    hidden = {question.article for question in questions if question.held_out}
    documents = [
        {passage.document_id, *(place.document_id for place in passage.repeated_at)}
        for passage in snapshot.passages
    ]
    articles = [{article_of(name) for name in names} for names in documents]
    asked_before: dict[str, str] = {}
    examples: list[Example | None] = []
    for question, vector in zip(questions, vectors, strict=True):
        hits = retrieve(snapshot, question.text, vector, CANDIDATES)
        own = [n for n, names in enumerate(documents) if question.document_id in names]
        scores = {hit.number: hit.score for hit in hits}
        scores |= {number: hits[-1].score for number in own if number not in scores}
        others = [
            (number, score)
            for number, score in scores.items()
            if question.held_out or hidden.isdisjoint(articles[number])
        ]
        before = asked_before.get(question.document_id)
        asked_before[question.document_id] = question.text
        right = next((n for n in own if question.is_answered_by(snapshot.passages[n])), None)
        span, score = ANYWHERE, 0.0
        if question.answer is None:
            others.sort(key=lambda other: other[0] not in own)
        elif right is None:
            examples.append(None)
            continue
        else:
            text = snapshot.passages[right].text
            start = question.start - snapshot.passages[right].start
            if not text.startswith(question.answer, start):
                start = text.index(question.answer)
            span, score = (start, start + len(question.answer)), scores[right]
            others = [
                (number, score)
                for number, score in others
                if not question.is_answered_by(snapshot.passages[number])
                and not says(snapshot.passages[number].text, question.answer)
            ]
        examples.append(
            Example(
                question.text,
                right,
                span,
                score,
                tuple(others[:_MOST]),
                question.held_out,
                before,
                _insert(question, snapshot.passages, own),
            )
        )
    return examples


def _insert(
    question: FitQuestion, passages: Sequence[Passage], own: Sequence[int]
) -> tuple[int, str, Span] | None:
    """The counterpart of a question, in the passage that it belongs to."""
    added = question.counterpart
    if added is None:
        return None
    for number in own:
        passage = passages[number]
        place = added.place - passage.start
        if passage.document_id == question.document_id and 0 < place <= len(passage.text):
            start = place + 1 + added.sentence.index(added.answer)
            text = f"{passage.text[:place]} {added.sentence}{passage.text[place:]}"
            return number, text, (start, start + len(added.answer))
    return None


def says(text: str, answer: str) -> bool:
    """Whether a text has the words of an answer, which it may have by chance."""
    return re.search(rf"(?<!\w){re.escape(_fold(answer))}(?!\w)", _fold(text)) is not None


@cache
def _fold(text: str) -> str:
    return join_digit_groups(text.replace("’", "'")).casefold()
