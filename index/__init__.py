"""Passages in, a snapshot on disk out: vectors, postings, texts and a manifest."""

from index.build import EMBEDDING, READING, Build, Progress, build_snapshot
from index.embedded_model import EmbeddedModelError
from index.embedder import (
    Embedder,
    EmbedderError,
    ModelIdentity,
    Vectors,
    embedding_model,
)
from index.lexical import STOP_WORDS, terms
from index.manifest import Chunking, Counts, DocumentEntry, Manifest
from index.previous import Previous
from index.snapshot import NothingToIndexError, Snapshot, SnapshotError, read_manifest, verify
from index.store import SnapshotStore

__all__ = [
    "EMBEDDING",
    "READING",
    "STOP_WORDS",
    "Build",
    "Chunking",
    "Counts",
    "DocumentEntry",
    "EmbeddedModelError",
    "Embedder",
    "EmbedderError",
    "Manifest",
    "ModelIdentity",
    "NothingToIndexError",
    "Previous",
    "Progress",
    "Snapshot",
    "SnapshotError",
    "SnapshotStore",
    "Vectors",
    "build_snapshot",
    "embedding_model",
    "read_manifest",
    "terms",
    "verify",
]
