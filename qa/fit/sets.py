"""Question sets to fit on: SQuAD JSON, also with the passages in another language, and our own."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpus import Document, Passage, Span, plain_title, text_document
from index import Chunking, Embedder, Snapshot, SnapshotStore, build_snapshot

USAGE = "LANG=QUESTIONS[,PASSAGES]"

WRITTEN_SET = "written"

WRITTEN = Path(__file__).parent / "written.jsonl"
"""Texts on invented organisations and other invented subjects, each with questions in French and
English, some of which it does not answer: `id, group, language, title, text, questions: [{question,
lang, answer, start}]`. Those of a group are about the same subject, and count as one article.
Questions without an answer have a `counterpart`; else the form of a question would tell whether it
has one."""

WRITTEN_ON_SETS = Path(__file__).parent / "written_on_sets.jsonl"
"""More questions on the paragraphs of PIAF and of the English XQuAD, whose own texts are not here:
`paragraph, question, lang, answer, start, counterpart`, where `paragraph` begins the SHA-256 of its
text."""

DIGEST_DIGITS = 16

_HELD_OUT_PERCENT = 15


@dataclass(frozen=True, slots=True)
class Counterpart:
    """A sentence that makes an unanswerable question answerable.

    Attributes:
        sentence: In the language of the paragraph.
        answer: A slice of it.
        place: Where it can stand in the paragraph, between two of its sentences.
    """

    sentence: str
    answer: str
    place: int


@dataclass(frozen=True, slots=True)
class FitQuestion:
    """A question, and where its answer stands.

    Attributes:
        text: The question.
        document_id: The paragraph that answers it, or that it was asked about.
        start: Where in that paragraph the answer begins.
        answer: The answer, `paragraph[start : start + len(answer)]`; None if nothing answers.
        article: The number of that paragraph's article.
        held_out: Whether the article is one of those of which the cross-encoder sees nothing in
            training, and on which whatever reads its judgements is fitted.
        counterpart: If nothing answers, a sentence that would.
    """

    text: str
    document_id: str
    start: int
    answer: str | None
    article: int
    held_out: bool
    counterpart: Counterpart | None = None

    def is_answered_by(self, passage: Passage, span: Span | None = None) -> bool:
        """Whether the answer is in a passage, or in a span of its document.

        In another paragraph that says the same, any place with the same words will do.
        """
        start, end = span or (passage.start, passage.end)
        if self.answer is None:
            return False
        if passage.document_id == self.document_id:
            return start <= self.start and self.start + len(self.answer) <= end
        repeated = any(place.document_id == self.document_id for place in passage.repeated_at)
        return repeated and self.answer in passage.text[start - passage.start : end - passage.start]


@contextmanager
def open_set(
    argument: str, embedder: Embedder
) -> Iterator[tuple[Snapshot, tuple[FitQuestion, ...]]]:
    """An index of a set's paragraphs, each a document titled by its article, and its questions.

    `argument` is `written`, for our own set, or the questions' language and a SQuAD JSON file, and
    the passages' file where it is another one (XQuAD: the same paragraphs in the same order in
    another language). With `written` for the questions' file, those that were written in addition
    on the passages' paragraphs.
    """
    documents, found = read_set(argument)
    with index_of(documents, embedder) as snapshot:
        yield snapshot, found


def read_set(argument: str) -> tuple[list[Document], tuple[FitQuestion, ...]]:
    """The paragraphs and the questions of a set, as of `open_set`."""
    return _read_written() if argument == WRITTEN_SET else _read_squad(argument)


@contextmanager
def index_of(documents: Sequence[Document], embedder: Embedder) -> Iterator[Snapshot]:
    """An index, for as long as it is needed."""
    with tempfile.TemporaryDirectory() as folder:
        store = SnapshotStore(Path(folder))
        build_snapshot(documents, embedder, store, Chunking(max_tokens=256))
        yield store.load()


def share_of(argument: str, arguments: Sequence[str]) -> float:
    """What each question of a set counts, times their number.

    French, English, questions across languages and our own count alike, however many sets of each
    there are.
    """
    return 1 / sum(_kind(other) == _kind(argument) for other in arguments)


def article_of(document_id: str) -> int:
    """The number of the article that a paragraph of `open_set` belongs to."""
    return int(document_id[:4])


def _read_written() -> tuple[list[Document], tuple[FitQuestion, ...]]:
    entries = [json.loads(line) for line in WRITTEN.read_text(encoding="utf-8").splitlines()]
    numbers = {entry["id"]: number for number, entry in enumerate(entries)}
    articles = [numbers[entry["group"]] for entry in entries]
    documents = [
        text_document(
            entry["text"], f"{a:04}/{n:04}.txt", title=entry["title"], language=entry["language"]
        )
        for n, (entry, a) in enumerate(zip(entries, articles, strict=True))
    ]
    return documents, tuple(
        FitQuestion(
            text=asked["question"],
            document_id=document.id,
            start=asked["start"],
            answer=asked["answer"],
            article=a,
            held_out=_is_held_out(entry["group"]),
            counterpart=_counterpart(asked),
        )
        for entry, document, a in zip(entries, documents, articles, strict=True)
        for asked in entry["questions"]
    )


def _read_squad(argument: str) -> tuple[list[Document], tuple[FitQuestion, ...]]:
    language, _, files = argument.partition("=")
    questions, _, passages = files.partition(",")
    articles = json.loads(Path(passages or questions).read_text(encoding="utf-8"))["data"]
    # Whatever it is, a language that is not the question's: to the reader, one is as another.
    code = Path(passages or questions).stem.rpartition(".")[2]
    spoken = "en" if (code if len(code) == 2 else language) == "en" else "fr"
    documents = {
        (a, p): text_document(
            paragraph["context"],
            f"{a:04}/{p:04}.txt",
            title=plain_title(article["title"].replace("_", " ")),
            language=spoken,
        )
        for a, article in enumerate(articles)
        for p, paragraph in enumerate(article["paragraphs"])
    }
    if questions == WRITTEN_SET:
        return list(documents.values()), tuple(_read_written_on(articles, documents))
    asked = json.loads(Path(questions).read_text(encoding="utf-8"))["data"]
    found = tuple(
        FitQuestion(
            text=entry["question"],
            document_id=documents[a, p].id,
            start=answered["answers"][0]["answer_start"],
            answer=answered["answers"][0]["text"],
            article=a,
            held_out=_is_held_out(article["title"]),
        )
        for a, article in enumerate(asked)
        for p, paragraph in enumerate(article["paragraphs"])
        for entry, answered in zip(
            paragraph["qas"], articles[a]["paragraphs"][p]["qas"], strict=True
        )
    )
    return list(documents.values()), found


def _read_written_on(
    articles: Sequence[dict[str, Any]], documents: dict[tuple[int, int], Document]
) -> Iterator[FitQuestion]:
    written: dict[str, list[dict[str, Any]]] = {}
    for line in WRITTEN_ON_SETS.read_text(encoding="utf-8").splitlines():
        asked = json.loads(line)
        written.setdefault(asked["paragraph"], []).append(asked)
    for (a, p), document in documents.items():
        text = articles[a]["paragraphs"][p]["context"]
        digest = hashlib.sha256(text.encode()).hexdigest()
        for asked in written.get(digest[:DIGEST_DIGITS], ()):
            yield FitQuestion(
                text=asked["question"],
                document_id=document.id,
                start=asked["start"],
                answer=asked["answer"],
                article=a,
                held_out=_is_held_out(articles[a]["title"]),
                counterpart=_counterpart(asked),
            )


def _counterpart(asked: dict[str, Any]) -> Counterpart | None:
    return Counterpart(**asked["counterpart"]) if asked.get("counterpart") else None


def _kind(argument: str) -> str:
    if argument.split("=")[-1].startswith(WRITTEN_SET):
        return WRITTEN_SET
    return "across" if "," in argument else argument.partition("=")[0]


def _is_held_out(name: str) -> bool:
    """By its title or group alone: the same article is held out in every language."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 100 < _HELD_OUT_PERCENT
