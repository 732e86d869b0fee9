"""What the current snapshot spares a builder: documents read and vectors computed before."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from corpus import Document, reader_version
from index.embedder import ModelIdentity, Vectors
from index.files import (
    DOCUMENTS,
    KEY,
    PASSAGE_KEYS,
    PASSAGE_VECTORS,
    SENTENCE_KEYS,
    SENTENCE_VECTORS,
    Keys,
    map_faiss_vectors,
    parse_document,
    read_lines,
)
from index.manifest import Manifest
from index.snapshot import describe_file, read_manifest

_LOGGER = logging.getLogger(__name__)
_USED = (
    DOCUMENTS,
    PASSAGE_KEYS,
    PASSAGE_VECTORS,
    SENTENCE_KEYS,
    SENTENCE_VECTORS,
)


class KnownVectors:
    """Vectors by the content of their texts, mapped from disk."""

    def __init__(self, keys: Keys, vectors: Vectors) -> None:
        self._order = np.argsort(keys["high"], kind="stable")
        self._keys = keys[self._order]
        self._vectors = vectors

    def find(self, keys: Keys) -> NDArray[np.int64]:
        """The row of each key's vector, -1 where there is none. Shape (number of keys,)."""
        if not len(self._keys):
            return np.full(len(keys), -1, np.int64)
        places = np.searchsorted(self._keys["high"], keys["high"])
        places = np.minimum(places, len(self._keys) - 1)
        return np.where(self._keys[places] == keys, self._order[places], -1)

    def rows(self, numbers: NDArray[np.int64]) -> Vectors:
        """Shape (number of rows asked for, dimension)."""
        rows: Vectors = self._vectors[numbers]
        return rows


class Previous:
    """A snapshot to build on. What does not fit is not used: another model's vectors, documents
    that another version of the code has read, files that are not as they were written.
    """

    def __init__(self, directory: Path, identity: ModelIdentity) -> None:
        """Args:
            directory: The snapshot.
            identity: The model of the snapshot to be built.

        Raises:
            SnapshotError: There is no snapshot.
        """
        self.manifest: Manifest = read_manifest(directory)
        self._directory = directory
        whole = all(self._is_whole(name) for name in _USED)
        self._lines = self._document_lines() if whole else {}
        vectors = whole and self.manifest.model == identity
        self.passages = self._known(PASSAGE_KEYS, PASSAGE_VECTORS) if vectors else _NONE
        self.sentences = self._known(SENTENCE_KEYS, SENTENCE_VECTORS) if vectors else _NONE

    def document(self, path: str, sha256: str) -> Document | None:
        """The document that was made of these bytes, in the same place."""
        place = self._lines.get((path, sha256))
        if place is None:
            return None
        with (self._directory / DOCUMENTS).open("rb") as lines:
            lines.seek(place)
            return parse_document(lines.readline())

    def _is_whole(self, name: str) -> bool:
        path = self._directory / name
        whole = path.is_file() and describe_file(path) == self.manifest.files.get(name)
        if not whole:
            _LOGGER.warning(
                "the index %s is damaged (%s), nothing of it is used again",
                self.manifest.version,
                name,
            )
        return whole

    def _document_lines(self) -> dict[tuple[str, str], int]:
        if self.manifest.reader != reader_version():
            return {}
        lengths = [len(line) for line in read_lines(self._directory / DOCUMENTS)]
        starts: Sequence[int] = [0, *np.cumsum(lengths).tolist()]
        return {
            (entry.path, entry.sha256): start
            for entry, start in zip(self.manifest.documents, starts, strict=False)
        }

    def _known(self, keys: str, vectors: str) -> KnownVectors:
        path = self._directory / vectors
        dimension = self.manifest.model.dimension
        return KnownVectors(
            np.load(self._directory / keys),
            map_faiss_vectors(path, dimension)
            if vectors == PASSAGE_VECTORS
            else np.load(path, mmap_mode="r"),
        )


_NONE = KnownVectors(np.empty(0, KEY), np.empty((0, 0), np.float32))
