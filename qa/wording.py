"""Wording an answer with an LLM: each sentence is checked as it comes, said only if it holds."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence

from corpus import Language, Place, detect_language
from qa.generator import NO_ANSWER, THOUGHT, TOO_LONG, Generator, GeneratorError
from qa.reader import Evidence
from qa.retriever import Hit
from qa.statements import Statement, split_statements
from qa.verifier import Verifier

_ATTEMPTS = 2
_MOST_STATEMENTS = 10
_TELLING_WORDS = 7
_MARKUP = re.compile(r"\*\*|`|^\s*(?:[-*•#]+|\d+[.)])\s+")
_UNSETTLED = re.compile(r"[\s\[\]\d,;«“\"'‘(—–*_`-]*\Z")

NOT_SUPPORTED = "the documents do not bear out what the LLM wrote"
DECLINED = "the LLM found no answer"


class Wording:
    """One answer in the making.

    Attributes:
        model: Of the LLM.
        text: What has been said, with its markers.
        failure: Why there is nothing, or no more, to come, once there is a reason.
    """

    def __init__(self, verifier: Verifier, generator: Generator, hits: Sequence[Hit]) -> None:
        """`hits`: what the LLM reads, numbered for it in this order."""
        self._verifier = verifier
        self._generator = generator
        self._hits = hits
        self._cited: dict[Place, Evidence] = {}
        self.model = generator.model
        self.text = ""
        self.failure: str | None = None

    @property
    def evidence(self) -> list[Evidence]:
        """What the markers in the text stand for, in their order."""
        return list(self._cited.values())

    def form(self, question: str, language: Language, deadline: float) -> Iterator[str]:
        """The pieces of the text, each a sentence, as soon as it is known to hold.

        Sentences that do not hold are asked for once again.

        Args:
            question: Understandable by itself.
            language: To answer in.
            deadline: By `time.monotonic`.
        """
        passages = [f"{hit.passage.context}\n{hit.passage.text}".strip() for hit in self._hits]
        rejected: list[str] = []
        try:
            for _ in range(_ATTEMPTS):
                pieces = self._generator.answer(question, language, passages, deadline, rejected)
                rejected = []
                for statement in read_statements(pieces):
                    if time.monotonic() > deadline:
                        raise GeneratorError(TOO_LONG)
                    supporting = self._check(statement, language)
                    if supporting:
                        yield from self._say(statement, supporting)
                    else:
                        rejected.append(statement.text)
                if any(NO_ANSWER.casefold() in text.casefold() for text in rejected):
                    self.failure = None if self.text else DECLINED
                    return
                if not rejected:
                    break
        except GeneratorError as error:
            self.failure = None if self.text else str(error)
            return
        if not self.text:
            self.failure = NOT_SUPPORTED

    def _check(self, statement: Statement, language: Language) -> tuple[Evidence, ...]:
        # The language of a few words, names among them, is anyone's guess.
        long = len(statement.text.split()) >= _TELLING_WORDS
        if long and detect_language(statement.text) != language:
            return ()
        return self._verifier.verify(statement, self._hits)

    def _say(self, statement: Statement, supporting: Sequence[Evidence]) -> Iterator[str]:
        """Unless the same has been said: the sentences that bear it out have been cited."""
        if self._cited.keys() >= {evidence.place for evidence in supporting}:
            return
        for evidence in supporting:
            self._cited.setdefault(evidence.place, evidence)
        markers = {place: n for n, place in enumerate(self._cited, start=1)}
        marked = "".join(f" [{markers[evidence.place]}]" for evidence in supporting)
        piece = f"{' ' if self.text else ''}{statement.text}{marked}"
        self.text += piece
        yield piece


def read_statements(pieces: Iterable[str]) -> Iterator[Statement]:
    """The statements of a text that comes piece by piece, each once it is whole."""
    written = ""
    given = 0
    for piece in pieces:
        written += piece
        # The last may go on, or its marker may still come.
        complete = _split(_UNSETTLED.sub("", written))[:-1]
        yield from complete[given:]
        given = max(given, len(complete))
        if given >= _MOST_STATEMENTS:
            return
    yield from _split(written)[given:_MOST_STATEMENTS]


def _split(written: str) -> list[Statement]:
    """The statements, without what a model thinks aloud, and without Markdown."""
    said = THOUGHT.sub("", written)
    lines = (_MARKUP.sub("", line) for line in said.splitlines())
    return [statement for line in lines for statement in split_statements(line)]
