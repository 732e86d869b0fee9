"""Wording an answer with an LLM: each sentence is checked as it comes, said only if it holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from corpus import Language, Place, detect_language
from qa.generator import NO_ANSWER, Generator, GeneratorError
from qa.reader import Evidence
from qa.retriever import Hit
from qa.statements import Statement, split_statements
from qa.verifier import Verifier

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
        self._said: set[str] = set()
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
        rejected: list[str] = []
        try:
            yield from self._attempt(question, language, deadline, [], rejected)
            if rejected:
                yield from self._attempt(question, language, deadline, rejected, [])
        except GeneratorError as error:
            self.failure = str(error)
        if not self.text and self.failure is None:
            self.failure = NOT_SUPPORTED

    def _attempt(
        self,
        question: str,
        language: Language,
        deadline: float,
        rejected_before: Sequence[str],
        rejected: list[str],
    ) -> Iterator[str]:
        passages = [f"{hit.passage.context}\n{hit.passage.text}".strip() for hit in self._hits]
        written = ""
        checked = 0
        for piece in self._generator.answer(
            question, language, passages, deadline, rejected_before
        ):
            written += piece
            # The last one may go on, or its marker may still come.
            complete = split_statements(written)[:-1]
            for statement in complete[checked:]:
                yield from self._check(statement, language, rejected)
            checked = max(checked, len(complete))
        if NO_ANSWER in written:
            self.failure = DECLINED
            return
        for statement in split_statements(written)[checked:]:
            yield from self._check(statement, language, rejected)

    def _check(
        self, statement: Statement, language: Language, rejected: list[str]
    ) -> Iterator[str]:
        if statement.text in self._said:
            return
        supporting: tuple[Evidence, ...] = ()
        if detect_language(statement.text) == language:
            supporting = self._verifier.verify(statement, self._hits)
        if not supporting:
            rejected.append(statement.text)
            return
        self._said.add(statement.text)
        for evidence in supporting:
            self._cited.setdefault(evidence.place, evidence)
        markers = {place: n for n, place in enumerate(self._cited, start=1)}
        marked = "".join(f" [{markers[evidence.place]}]" for evidence in supporting)
        piece = f"{' ' if self.text else ''}{statement.text}{marked}"
        self.text += piece
        yield piece
