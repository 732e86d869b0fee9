"""The answerer: a question in, a cited answer or a refusal out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from corpus import Language, Place, detect_language
from index import Embedder, Snapshot, Vectors
from qa.answer import Answer, Citation, OtherPlace, RetrievedPassage, SearchResult, Timings
from qa.filters import Filters, Scope, resolve_filters
from qa.reader import Evidence, Reading, read
from qa.reranker import Reranker, find_passages
from qa.retriever import Hit, Mode
from qa.short_answer import find_short_answer

DEFAULT_TOP_K = 5
READ_PASSAGES = 5
"""How many passages are read for an answer, however many are returned beside it."""

DEFAULT_MIN_CONFIDENCE = 0.02

_REFUSALS: dict[Language, str] = {
    "fr": "Les documents ne permettent pas de répondre à cette question.",
    "en": "The documents do not answer this question.",
}


class Answerer:
    """Answers from one snapshot, without an LLM.

    The same question gives the same answer, byte for byte, as long as the snapshot is the same.
    Safe to call from several threads.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        embedder: Embedder,
        reranker: Reranker | None = None,
        min_confidence: float = DEFAULT_MIN_CONFIDENCE,
    ) -> None:
        """Args:
            snapshot: What to answer from.
            embedder: The one that built it.
            reranker: What puts hybrid candidates into a better order.
            min_confidence: Below it, from 0 to 1, a question is refused.

        Raises:
            SnapshotError: The snapshot was built with another embedding model.
        """
        snapshot.require_model(embedder.identity)
        self.snapshot = snapshot
        self._embedder = embedder
        self.reranker = reranker
        self.min_confidence = min_confidence
        # The first use of the model and of the language identifier takes a second: not a user's.
        self.ask("Bonjour")

    def ask(
        self, question: str, top_k: int = DEFAULT_TOP_K, filters: Filters | None = None
    ) -> Answer:
        """Answer a question in French or English; the `top_k` nearest passages come with it.

        Raises:
            FilterError: A filter names a field that no document has.
        """
        return next(self.ask_all([question], top_k, filters=filters))

    def ask_all(
        self,
        questions: Sequence[str],
        top_k: int = DEFAULT_TOP_K,
        mode: Mode = "hybrid",
        min_confidence: float | None = None,
        filters: Filters | None = None,
    ) -> Iterator[Answer]:
        """Answer many questions, in their order; each answer is what `ask` gives.

        They are embedded together, which takes about a third of the time. The time that an answer
        gives for that is its share.

        Args:
            questions: Each by itself; none knows of the others.
            top_k: How many of the nearest passages come with each answer.
            mode: How passages are ranked.
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
        for question, vector in zip(questions, vectors, strict=True):
            yield self._answer(question, vector, top_k, mode, threshold, share, scope)

    def _answer(
        self,
        question: str,
        vector: Vectors,
        top_k: int,
        mode: Mode,
        threshold: float,
        embedding_seconds: float,
        scope: Scope | None,
    ) -> Answer:
        embedded = time.perf_counter()
        started = embedded - embedding_seconds
        count = max(top_k, READ_PASSAGES)
        hits, reranking = find_passages(
            self.snapshot, question, vector, count, mode, scope, self.reranker
        )
        found = time.perf_counter()
        language = detect_language(question)
        asks = any(character.isalpha() for character in question)
        readable = hits[:READ_PASSAGES] if asks else []
        reading = read(self.snapshot, question, language, readable)
        answered = bool(reading.evidence) and reading.confidence >= threshold
        citations = self._cite(reading) if answered else ()
        finished = time.perf_counter()
        return Answer(
            question=question,
            language=language,
            answered=answered,
            answer=_compose(citations, language) if answered else _REFUSALS[language],
            short_answer=self._shorten(question, language, reading) if answered else None,
            confidence=round(reading.confidence, 4),
            mode="extractive",
            model=None,
            citations=citations,
            passages=describe_hits(self.snapshot, hits[:top_k]),
            index_version=self.snapshot.version,
            timings_ms=Timings(
                embed=_milliseconds(started, embedded),
                retrieve=_milliseconds(embedded, found - reranking),
                rerank=_milliseconds(found - reranking, found),
                read=_milliseconds(found, finished),
                total=_milliseconds(started, finished),
            ),
        )

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
                embed=_milliseconds(started, embedded),
                retrieve=_milliseconds(embedded, finished - reranking),
                rerank=_milliseconds(finished - reranking, finished),
                total=_milliseconds(started, finished),
            ),
        )


def _milliseconds(start: float, end: float) -> float:
    return round((end - start) * 1000, 2)
