"""The models that answer, loaded once and used with every snapshot."""

from __future__ import annotations

from dataclasses import dataclass

from api.settings import Settings
from index import Embedder, Snapshot
from qa import Answerer, Generator, Reranker, SpanReader, load_reranker


@dataclass(frozen=True, slots=True)
class Models:
    """The embedder, the reranker, reader and LLM if there are any, and the threshold."""

    embedder: Embedder
    reranker: Reranker | None
    span_reader: SpanReader | None
    generator: Generator | None
    min_confidence: float

    @classmethod
    def load(cls, settings: Settings) -> Models:
        """Load what the settings name; takes seconds.

        Raises:
            EmbedderError, EmbeddedModelError, RerankerError, SpanReaderError: A model cannot be
                loaded.
        """
        embedder = Embedder.load(settings.resolve_embedding_model())
        reranker = load_reranker(settings.reranker, embedder, settings.models)
        span_reader = None if settings.reader == "embedded" else SpanReader(settings.reader)
        generator = settings.generator()
        return cls(embedder, reranker, span_reader, generator, settings.min_confidence)

    def answerer(self, snapshot: Snapshot) -> Answerer:
        """Raises SnapshotError if the snapshot was built with another embedding model."""
        return Answerer(
            snapshot,
            self.embedder,
            self.reranker,
            self.min_confidence,
            self.generator,
            self.span_reader,
        )
