from __future__ import annotations

from pathlib import Path

import numpy as np
from llama_index.core.schema import MetadataMode
from llama_index.core.vector_stores import VectorStoreQuery
from llama_index.vector_stores.faiss import FaissVectorStore

from corpus import Document
from index import Embedder, Snapshot, SnapshotStore
from index.llama import LlamaEmbedding, to_document, to_node


def test_a_node_is_the_passage(snapshot: Snapshot, interview: Document) -> None:
    passage = snapshot.passages[3]
    node = to_node(passage, interview)
    assert interview.text[node.start_char_idx : node.end_char_idx] == node.text == passage.text
    assert node.node_id == passage.id
    assert node.ref_doc_id == interview.id
    assert node.metadata["heading"] == passage.heading


def test_a_document_keeps_its_exact_text(interview: Document) -> None:
    document = to_document(interview)
    assert document.get_content(MetadataMode.NONE) == interview.text
    assert document.metadata["title"] == interview.title


def test_llama_index_opens_the_vectors(home: Path, snapshot: Snapshot, embedder: Embedder) -> None:
    path = SnapshotStore(home / "index").current() / "passages.faiss"
    store = FaissVectorStore.from_persist_path(str(path))
    vector = embedder.embed_query("Où se trouve le campus ?")
    found = store.query(VectorStoreQuery(query_embedding=vector.tolist(), similarity_top_k=4))
    assert [int(key) for key in found.ids or []] == snapshot.search(vector, 4)


def test_the_embedding_is_the_embedders(embedder: Embedder) -> None:
    embedding = LlamaEmbedding(embedder)
    text = "Le numérique en santé"
    np.testing.assert_array_equal(embedding.get_query_embedding(text), embedder.embed_query(text))
    np.testing.assert_allclose(
        embedding.get_text_embedding_batch([text, "autre"]),
        embedder.embed_passages([text, "autre"]),
        atol=1e-6,
    )
