"""The joint with llama-index: our retriever as one of its `BaseRetriever`s."""

from __future__ import annotations

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle

from index import Embedder, Snapshot
from index.llama import to_node
from qa.filters import Filters, resolve_filters
from qa.retriever import Mode, retrieve


class PassageRetriever(BaseRetriever):
    """Retrieves from a snapshot exactly as the service does, for use in a llama-index program."""

    def __init__(
        self,
        snapshot: Snapshot,
        embedder: Embedder,
        top_k: int = 5,
        mode: Mode = "hybrid",
        filters: Filters | None = None,
    ) -> None:
        """Args as of `Answerer.search`.

        Raises:
            SnapshotError: The snapshot was built with another embedding model.
            FilterError: A filter names a field that no document has.
        """
        snapshot.require_model(embedder.identity)
        self._snapshot = snapshot
        self._embedder = embedder
        self._top_k = top_k
        self._mode = mode
        self._scope = resolve_filters(snapshot, filters)
        super().__init__()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        question = query_bundle.query_str
        vector = self._embedder.embed_query(question)
        found = []
        hits = retrieve(self._snapshot, question, vector, self._top_k, self._mode, self._scope)
        for hit in hits:
            node = to_node(hit.passage, self._snapshot.documents[hit.passage.document_id])
            found.append(NodeWithScore(node=node, score=hit.score))
        return found
