"""The models that answer, loaded once and used with every snapshot."""

from __future__ import annotations

from dataclasses import dataclass

from api.settings import Settings
from index import Embedder, Snapshot
from qa import Answerer, Reranker, load_reranker


@dataclass(frozen=True, slots=True)
class Models:
    """The embedder, the reranker if there is one, and the threshold that goes with them."""

    embedder: Embedder
    reranker: Reranker | None
    min_confidence: float

    @classmethod
    def load(cls, settings: Settings) -> Models:
        """Load what the settings name; takes seconds.

        Raises:
            EmbedderError, EmbeddedModelError, RerankerError: A model cannot be loaded.
        """
        embedder = Embedder.load(settings.resolve_embedding_model())
        reranker = load_reranker(settings.reranker, embedder, settings.models)
        return cls(embedder, reranker, settings.min_confidence)

    def answerer(self, snapshot: Snapshot) -> Answerer:
        """Raises SnapshotError if the snapshot was built with another embedding model."""
        return Answerer(snapshot, self.embedder, self.reranker, self.min_confidence)
