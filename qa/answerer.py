"""The answerer: a question in, a cited answer or a refusal out."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from corpus import detect_language
from index import Embedder, Snapshot, Vectors
from qa.answer import Answer, AnswerMode, Retrieved, Said, SearchResult, Timings
from qa.citing import cite, cite_wording, describe_hits, refuse
from qa.conversation import Turn, contextualise, goes_on
from qa.filters import Filters, Scope, resolve_filters
from qa.generator import Generator, GeneratorError
from qa.reader import Reading, read
from qa.reranker import Reranker, find_passages
from qa.retriever import Hit, Mode
from qa.span_reader import SpanReader
from qa.verifier import Verifier
from qa.wording import DECLINED, Wording

DEFAULT_TOP_K = 5
READ_PASSAGES = 10
"""How many passages are read for an answer, however many are returned beside it."""

_SHOWN_PASSAGES = 5
"""How many of them an LLM is shown."""

DEFAULT_MIN_CONFIDENCE = 0.1


_STAGES = ("embed", "retrieve", "rerank", "read")
_PIECE = re.compile(r"\s*(?:[^\[]|\[(?!\d+\]))+(?:\[\d+\])*")


class ModeError(ValueError):
    """An answer in a mode that there is not; the message says what to do."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found for a question, and the seconds that each stage took."""

    question: str
    hits: list[Hit]
    reading: Reading
    embed: float
    retrieve: float
    rerank: float
    read: float


class Answerer:
    """Answers from one snapshot, with an LLM or without.

    Without, the same question gives the same answer, byte for byte, as long as the snapshot is the
    same. Safe to call from several threads.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        embedder: Embedder,
        reranker: Reranker | None = None,
        min_confidence: float = DEFAULT_MIN_CONFIDENCE,
        generator: Generator | None = None,
        span_reader: SpanReader | None = None,
    ) -> None:
        """Args:
            snapshot: What to answer from.
            embedder: The one that built it.
            reranker: What puts hybrid candidates into a better order.
            min_confidence: Below it, from 0 to 1, a question is refused.
            generator: The LLM that words answers.
            span_reader: What finds short answers instead of the reranker.

        Raises:
            SnapshotError: The snapshot was built with another embedding model.
        """
        snapshot.require_model(embedder.identity)
        self.snapshot = snapshot
        self._embedder = embedder
        self.reranker = reranker
        self.min_confidence = min_confidence
        self.generator = generator
        self._span_reader = span_reader
        self._verifier = Verifier(snapshot, embedder, reranker)
        # The first use of the model and of the language identifier takes a second: not a user's.
        detect_language("Bonjour")
        self.search("Bonjour", top_k=1, mode="dense")

    def ask(
        self,
        question: str,
        top_k: int = DEFAULT_TOP_K,
        filters: Filters | None = None,
        history: Sequence[Turn] = (),
        mode: AnswerMode | None = None,
        min_confidence: float | None = None,
    ) -> Answer:
        """Answer a question in French or English.

        Args:
            question: As it was asked.
            top_k: How many of the nearest passages come with the answer.
            filters: Which documents it may be answered from.
            history: What was asked and answered before, in order.
            mode: `extractive` even though there is an LLM; by default it is used.
            min_confidence: Instead of the answerer's own.

        Raises:
            FilterError: A filter names a field that no document has.
            ModeError: The mode is `generative`, and there is no LLM.
        """
        events = self.stream(question, top_k, filters, history, mode, min_confidence)
        (answer,) = (event for event in events if isinstance(event, Answer))
        return answer

    def stream(
        self,
        question: str,
        top_k: int = DEFAULT_TOP_K,
        filters: Filters | None = None,
        history: Sequence[Turn] = (),
        mode: AnswerMode | None = None,
        min_confidence: float | None = None,
    ) -> Iterator[Retrieved | Said | Answer]:
        """The answer of `ask` as it forms: the passages, pieces of its text, then all of it.

        The pieces are whole sentences, each verified, that add up to the answer's text.
        """
        if mode == "generative" and self.generator is None:
            raise ModeError(
                "no LLM is configured: set CAMPUS_QA_LLM_BASE_URL and CAMPUS_QA_LLM_MODEL, or ask "
                "for an extractive answer"
            )
        threshold = self.min_confidence if min_confidence is None else min_confidence
        scope = resolve_filters(self.snapshot, filters)
        generator = None if mode == "extractive" else self.generator
        deadline = time.monotonic() + (generator.seconds if generator else 0)
        count = max(top_k, READ_PASSAGES)
        started = time.perf_counter()
        found, failure = self._find_after(
            question, history, count, scope, generator, deadline, threshold
        )
        yield Retrieved(passages=describe_hits(self.snapshot, found.hits[:top_k]))
        wording = None
        writing = time.perf_counter()
        if generator and not failure and self._is_answered(found, threshold):
            hits = found.hits[:_SHOWN_PASSAGES]
            wording = Wording(self._verifier, generator, hits)
            for piece in wording.form(found.question, detect_language(question), deadline):
                yield Said(text=piece)
            failure = wording.failure
        generate = time.perf_counter() - writing
        answer = self._conclude(question, found, top_k, threshold, wording, failure)
        if answer.mode == "extractive":
            for piece in _PIECE.findall(answer.answer):
                yield Said(text=piece)
        timings = answer.timings_ms.model_copy(
            update={
                "generate": _milliseconds(generate),
                "total": _milliseconds(time.perf_counter() - started),
            }
        )
        yield answer.model_copy(update={"timings_ms": timings})

    def ask_all(
        self,
        questions: Sequence[str],
        top_k: int = DEFAULT_TOP_K,
        search_mode: Mode = "hybrid",
        min_confidence: float | None = None,
        filters: Filters | None = None,
    ) -> Iterator[Answer]:
        """Answer many questions without an LLM, in their order; each answer is what `ask` gives.

        They are embedded together, which takes about a third of the time. The time that an answer
        gives for that is its share.

        Args:
            questions: Each by itself; none knows of the others.
            top_k: How many of the nearest passages come with each answer.
            search_mode: How passages are ranked.
            min_confidence: Instead of the answerer's own.
            filters: Which documents they may be answered from.

        Raises:
            FilterError: A filter names a field that no document has.
        """
        scope = resolve_filters(self.snapshot, filters)
        threshold = self.min_confidence if min_confidence is None else min_confidence
        started = time.perf_counter()
        vectors = self._embedder.embed_queries(questions)
        share = (time.perf_counter() - started) / max(1, len(questions))
        count = max(top_k, READ_PASSAGES)
        for question, vector in zip(questions, vectors, strict=True):
            found = self._find(question, vector, count, search_mode, scope, share)
            yield self._conclude(question, found, top_k, threshold)

    def search(
        self,
        query: str,
        top_k: int = DEFAULT_TOP_K,
        mode: Mode = "hybrid",
        filters: Filters | None = None,
    ) -> SearchResult:
        """The `top_k` passages nearest to a query, ranked as `mode` says.

        Raises:
            FilterError: A filter names a field that no document has.
        """
        scope = resolve_filters(self.snapshot, filters)
        started = time.perf_counter()
        vector = None if mode == "lexical" else self._embedder.embed_query(query)
        embedded = time.perf_counter()
        hits, reranking = find_passages(
            self.snapshot, query, vector, top_k, mode, scope, self.reranker
        )
        finished = time.perf_counter()
        return SearchResult(
            passages=describe_hits(self.snapshot, hits),
            index_version=self.snapshot.version,
            timings_ms=Timings(
                embed=_milliseconds(embedded - started),
                retrieve=_milliseconds(finished - reranking - embedded),
                rerank=_milliseconds(reranking),
                total=_milliseconds(finished - started),
            ),
        )

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, as the embedding model reads it as a passage."""
        return self._embedder.count_tokens(texts)

    def _find_after(
        self,
        question: str,
        history: Sequence[Turn],
        count: int,
        scope: Scope | None,
        generator: Generator | None,
        deadline: float,
        threshold: float,
    ) -> tuple[_Found, str | None]:
        """What is found for a question in its conversation, and why the LLM failed, if it did.

        For the question by itself, or for the one that the LLM makes of it, or without an LLM for
        the question after those before it: whichever is answered with more confidence. One that
        goes on from them by its own words is not taken by itself if it is answered after them.
        """
        failure = None
        tried = [question]
        if history and generator is not None:
            try:
                tried.append(generator.rewrite(question, history, deadline))
            except GeneratorError as error:
                failure = str(error)
        if history and (generator is None or failure):
            tried.append(contextualise(question, history))
        found = [
            self._find(asked, vector, count, "hybrid", scope, seconds, question)
            for asked in tried
            for vector, seconds in [self._embed(asked)]
        ]
        best = max(found, key=lambda each: each.reading.confidence)
        if goes_on(question) and self._is_answered(found[-1], threshold):
            best = found[-1]
        total = {name: sum(getattr(each, name) for each in found) for name in _STAGES}
        return replace(best, **total), failure

    def _embed(self, question: str) -> tuple[Vectors, float]:
        started = time.perf_counter()
        vector = self._embedder.embed_query(question)
        return vector, time.perf_counter() - started

    def _find(
        self,
        question: str,
        vector: Vectors,
        count: int,
        search_mode: Mode,
        scope: Scope | None,
        embed: float,
        asked: str | None = None,
    ) -> _Found:
        started = time.perf_counter()
        hits, rerank = find_passages(
            self.snapshot, question, vector, count, search_mode, scope, self.reranker
        )
        found = time.perf_counter()
        asks = any(character.isalpha() for character in question)
        readable = hits[:READ_PASSAGES] if asks else []
        if self._span_reader is not None:
            readable = self._span_reader.read(question, readable)
        elif self.reranker is not None:
            readable = self.reranker.read(question, readable)
        language = detect_language(asked or question)
        reading = read(self.snapshot, question, language, readable, asked)
        return _Found(
            question,
            hits,
            reading,
            embed=embed,
            retrieve=found - started - rerank,
            rerank=rerank,
            read=time.perf_counter() - found,
        )

    def _is_answered(self, found: _Found, threshold: float) -> bool:
        return bool(found.reading.evidence) and found.reading.confidence >= threshold

    def _conclude(
        self,
        question: str,
        found: _Found,
        top_k: int,
        threshold: float,
        wording: Wording | None = None,
        failure: str | None = None,
    ) -> Answer:
        started = time.perf_counter()
        language = detect_language(question)
        reading = found.reading
        answered = self._is_answered(found, threshold)
        if failure == DECLINED:
            # The reader alone against the LLM: it has to be surer than not.
            answered = answered and reading.confidence > 1 / 2
        cited = model = None
        if answered and wording is not None and wording.text:
            cited = cite_wording(self.snapshot, question, language, reading, wording)
            model = wording.model
        elif answered:
            cited = cite(self.snapshot, question, language, reading)
        described = describe_hits(self.snapshot, found.hits[:top_k])
        stages = {name: getattr(found, name) for name in _STAGES}
        stages["read"] += time.perf_counter() - started
        return Answer(
            question=question,
            understood_as=found.question if found.question != question else None,
            language=language,
            answered=answered,
            answer=cited.text if cited else refuse(self.snapshot, language, found.hits),
            short_answer=cited.short_answer if cited else None,
            confidence=round(reading.confidence, 4),
            mode="generative" if model else "extractive",
            model=model,
            fallback=None if model else failure,
            citations=cited.citations if cited else (),
            passages=described,
            index_version=self.snapshot.version,
            timings_ms=Timings(
                **{name: _milliseconds(seconds) for name, seconds in stages.items()},
                total=_milliseconds(sum(stages.values())),
            ),
        )


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)
