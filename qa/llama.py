"""The joint with llama-index: our retriever and our reranker as two of its parts."""

from __future__ import annotations

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle
from pydantic import PrivateAttr

from corpus import Passage, split_sentences
from index import Embedder, Snapshot
from index.llama import CONTEXT, to_node
from qa.filters import Filters, resolve_filters
from qa.reranker import Reranker, find_passages
from qa.retriever import Hit, Mode


class PassageRetriever(BaseRetriever):
    """Retrieves from a snapshot exactly as the service does, for use in a llama-index program."""

    def __init__(
        self,
        snapshot: Snapshot,
        embedder: Embedder,
        top_k: int = 5,
        mode: Mode = "hybrid",
        filters: Filters | None = None,
        reranker: Reranker | None = None,
    ) -> None:
        """Args as of `Answerer` and its `search`.

        Raises:
            SnapshotError: The snapshot was built with another embedding model.
            FilterError: A filter names a field that no document has.
        """
        snapshot.require_model(embedder.identity)
        self._snapshot = snapshot
        self._embedder = embedder
        self._top_k = top_k
        self._mode = mode
        self._reranker = reranker
        self._scope = resolve_filters(snapshot, filters)
        super().__init__()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        question = query_bundle.query_str
        vector = self._embedder.embed_query(question)
        found = []
        hits, _ = find_passages(
            self._snapshot,
            question,
            vector,
            self._top_k,
            self._mode,
            self._scope,
            self._reranker,
        )
        for hit in hits:
            node = to_node(hit.passage, self._snapshot.documents[hit.passage.document_id])
            found.append(NodeWithScore(node=node, score=hit.score))
        return found


class PassageReranker(BaseNodePostprocessor):
    """Reranks nodes, all of them together, by what the service reranks passages by.

    Of nodes that `PassageRetriever` has not scored, `EmbeddedReranker(..., scored=False)` leaves
    the score out.
    """

    _reranker: Reranker = PrivateAttr()
    _top_k: int | None = PrivateAttr()

    def __init__(self, reranker: Reranker, top_k: int | None = None) -> None:
        """Args:
        reranker: As of `load_reranker`.
        top_k: How many nodes are left; all by default.
        """
        super().__init__()
        self._reranker = reranker
        self._top_k = top_k

    @classmethod
    def class_name(cls) -> str:
        return "PassageReranker"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        if query_bundle is None:
            raise ValueError("a question is needed to rerank nodes by")
        hits = [_to_hit(number, node) for number, node in enumerate(nodes)]
        return [
            NodeWithScore(node=nodes[hit.number].node, score=hit.score)
            for hit in self._reranker.rerank(query_bundle.query_str, hits)[: self._top_k]
        ]


def _to_hit(number: int, scored: NodeWithScore) -> Hit:
    text = scored.node.get_content()
    passage = Passage(
        id=scored.node.node_id,
        document_id=scored.node.ref_doc_id or "",
        start=0,
        end=len(text),
        text=text,
        heading="",
        context=scored.node.metadata.get(CONTEXT, ""),
        sentences=tuple(split_sentences(text)) or ((0, len(text)),),
    )
    return Hit(number, passage, scored.score or 0.0)
