"""The joint with llama-index: our documents, passages and embedder as its parts.

Kept out of `index/__init__.py`: llama-index takes more than a second to import, and answering a
question does not need it.
"""

from __future__ import annotations

from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import Document as LlamaDocument
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from pydantic import PrivateAttr

from corpus import Document, Passage
from index.embedder import Embedder

CONTEXT = "passage_context"
"""Where a node's metadata keep the title and headings that its text is embedded with. They are in
other fields too, so that this one is neither embedded nor shown to an LLM."""


def to_document(document: Document) -> LlamaDocument:
    """A document of ours as one of llama-index's, under the same id."""
    return LlamaDocument(id_=document.id, text=document.text, metadata=_metadata(document))


def to_node(passage: Passage, document: Document) -> TextNode:
    """A passage as a node under the same id, with its offsets and its document."""
    return TextNode(
        id_=passage.id,
        text=passage.text,
        start_char_idx=passage.start,
        end_char_idx=passage.end,
        metadata={
            **_metadata(document),
            "heading": passage.heading,
            CONTEXT: passage.context,
        },
        excluded_embed_metadata_keys=[CONTEXT],
        excluded_llm_metadata_keys=[CONTEXT],
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=document.id)},
    )


class LlamaEmbedding(BaseEmbedding):
    """The embedder as llama-index's `BaseEmbedding`, prefixes included."""

    _embedder: Embedder = PrivateAttr()

    def __init__(self, embedder: Embedder, **options: Any) -> None:
        super().__init__(model_name=embedder.identity.name, **options)
        self._embedder = embedder

    def _get_query_embedding(self, query: str) -> list[float]:
        vector: list[float] = self._embedder.embed_query(query).tolist()
        return vector

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = self._embedder.embed_passages(texts).tolist()
        return vectors


def _metadata(document: Document) -> dict[str, str]:
    return {
        **document.metadata,
        "title": document.title,
        "source": document.source,
        "language": document.language,
    }
