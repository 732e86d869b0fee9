"""Building: documents in, a published snapshot out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from corpus import Document, Passage, split_passages
from index.embedder import Embedder, Vectors
from index.lexical import LexicalIndex
from index.manifest import FORMAT_VERSION, Chunking, Counts, DocumentEntry, Manifest
from index.snapshot import (
    DOCUMENTS,
    LEXICAL,
    MANIFEST,
    PASSAGE_VECTORS,
    PASSAGES,
    SENTENCE_VECTORS,
    SnapshotError,
    describe_file,
    document_line,
    passage_line,
)
from index.store import SnapshotStore

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and of how many."""


def build_snapshot(
    documents: Sequence[Document],
    embedder: Embedder,
    store: SnapshotStore,
    chunking: Chunking,
    progress: Progress = lambda stage, done, total: None,
) -> Manifest:
    """Cut, embed and index documents, and publish the result as the current snapshot.

    Raises:
        SnapshotError: The passage budget does not fit the model, or there is nothing to index.
    """
    if not 32 <= chunking.max_tokens <= embedder.identity.max_tokens:
        raise SnapshotError(
            f"passages of {chunking.max_tokens} tokens do not fit {embedder.identity.name}: choose "
            f"from 32 to {embedder.identity.max_tokens} (CAMPUS_QA_PASSAGE_TOKENS)"
        )
    passages: list[Passage] = []
    entries: list[DocumentEntry] = []
    for number, document in enumerate(documents):
        progress("cutting documents", number, len(documents))
        own = split_passages(document, embedder.count_tokens, chunking.max_tokens)
        passages.extend(own)
        entries.append(
            DocumentEntry(
                id=document.id,
                title=document.title,
                sha256=document.sha256,
                characters=len(document.text),
                passages=len(own),
            )
        )
    progress("cutting documents", len(documents), len(documents))
    if not passages:
        raise SnapshotError("there is nothing to index: the documents hold no text")
    by_id = {document.id: document for document in documents}
    sentences = [
        by_id[p.document_id].text[start:end] for p in passages for start, end in p.sentences
    ]
    vectors = _embed([p.text for p in passages] + sentences, embedder, progress)
    with store.staging() as directory:
        _write_lines(directory / DOCUMENTS, map(document_line, documents))
        _write_lines(directory / PASSAGES, map(passage_line, passages))
        _write_passage_vectors(directory / PASSAGE_VECTORS, passages, by_id, vectors)
        np.save(directory / SENTENCE_VECTORS, vectors[len(passages) :])
        lexical = LexicalIndex.build((p.text, by_id[p.document_id].language) for p in passages)
        lexical.save(directory / LEXICAL)
        now = datetime.now(UTC)
        manifest = Manifest(
            format_version=FORMAT_VERSION,
            version=f"{now:%Y%m%dT%H%M%S%f}-{_content_digest(embedder, chunking, entries)[:8]}",
            created_at=now.isoformat(timespec="seconds"),
            model=embedder.identity,
            chunking=chunking,
            counts=Counts(
                documents=len(documents), passages=len(passages), sentences=len(sentences)
            ),
            documents=tuple(entries),
            files={
                path.relative_to(directory).as_posix(): describe_file(path)
                for path in sorted(directory.rglob("*"))
                if path.is_file()
            },
        )
        (directory / MANIFEST).write_text(manifest.model_dump_json(indent=2), encoding="utf-8")
        return store.publish(directory)


def _embed(texts: list[str], embedder: Embedder, progress: Progress) -> Vectors:
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        progress("embedding passages and sentences", done, len(texts))

    return embedder.embed_passages(texts, advance)


def _write_lines(path: Path, lines: map[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(lines)


def _write_passage_vectors(
    path: Path, passages: list[Passage], documents: dict[str, Document], vectors: Vectors
) -> None:
    """Through llama-index's vector store, so that any llama-index program can open the file."""
    import faiss
    from llama_index.vector_stores.faiss import FaissVectorStore

    from index.llama import to_node

    store = FaissVectorStore(faiss_index=faiss.IndexFlatIP(vectors.shape[1]))
    for passage, vector in zip(passages, vectors, strict=False):
        node = to_node(passage, documents[passage.document_id])
        node.embedding = vector.tolist()
        store.add([node])
    store.persist(str(path))


def _content_digest(embedder: Embedder, chunking: Chunking, entries: list[DocumentEntry]) -> str:
    parts = [
        embedder.identity.model_dump_json(),
        chunking.model_dump_json(),
        *(f"{e.id} {e.sha256}" for e in entries),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
