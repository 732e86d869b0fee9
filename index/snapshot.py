"""Snapshots: an immutable index on disk, and in memory ready to be searched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from corpus import Document, Passage
from index.embedder import ModelIdentity, Vectors
from index.files import (
    DOCUMENTS,
    LEXICAL,
    MANIFEST,
    PASSAGE_VECTORS,
    PASSAGES,
    SENTENCE_VECTORS,
    parse_document,
    parse_passage,
    read_lines,
)
from index.lexical import LexicalIndex
from index.manifest import FORMAT_VERSION, FileEntry, Manifest


class SnapshotError(Exception):
    """A snapshot that is missing, damaged or does not fit; the message says what to do."""


class NothingToIndexError(SnapshotError):
    """No document holds any text."""


class Snapshot:
    """One version of the index, read-only.

    Attributes:
        manifest: What it holds and what made it.
        documents: By id.
        passages: In index order; a passage's number is its position.
        lexical: BM25 over the passages.
    """

    def __init__(
        self,
        manifest: Manifest,
        documents: dict[str, Document],
        passages: list[Passage],
        passage_vectors: faiss.Index,
        sentence_vectors: Vectors,
        lexical: LexicalIndex,
    ) -> None:
        self.manifest = manifest
        self.documents = documents
        self.passages = passages
        self.lexical = lexical
        self._passage_vectors = passage_vectors
        self._sentence_vectors = sentence_vectors
        lengths = [len(passage.sentences) for passage in passages]
        self._first_sentence = np.concatenate([[0], np.cumsum(lengths)])

    @property
    def version(self) -> str:
        return self.manifest.version

    @classmethod
    def load(cls, directory: Path) -> Snapshot:
        """Read a snapshot and check that it holds as much as it should; `verify` checks every byte.

        Raises:
            SnapshotError: It is not there, was written by another version, or is damaged.
        """
        manifest = read_manifest(directory)
        for name, entry in manifest.files.items():
            path = directory / name
            if not path.is_file() or path.stat().st_size != entry.bytes:
                raise SnapshotError(
                    f"the index {manifest.version} is damaged ({name} is missing or has another "
                    "size): rebuild it with `campus-qa index build`"
                )
        try:
            read = [parse_document(line) for line in read_lines(directory / DOCUMENTS)]
            documents = {document.id: document for document in read}
            lines = read_lines(directory / PASSAGES)
            passages = [parse_passage(line, documents) for line in lines]
            vectors = faiss.read_index(str(directory / PASSAGE_VECTORS))
            sentences = np.load(directory / SENTENCE_VECTORS, mmap_mode="r")
            lexical = LexicalIndex.load(directory / LEXICAL)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, EOFError) as error:
            raise SnapshotError(
                f"the index {manifest.version} is damaged ({error}): rebuild it with "
                "`campus-qa index build`"
            ) from error
        counts = manifest.counts
        found = {
            "documents": (len(documents), counts.documents),
            "passages": (len(passages), counts.passages),
            "passage vectors": (vectors.ntotal, counts.passages),
            "postings": (len(lexical), counts.passages),
            "sentences": (sum(len(p.sentences) for p in passages), counts.sentences),
            "sentence vectors": (len(sentences), counts.sentences),
        }
        for name, (number, expected) in found.items():
            if number != expected:
                raise SnapshotError(
                    f"the index {manifest.version} is damaged ({number} {name}, not {expected}): "
                    "rebuild it with `campus-qa index build`"
                )
        return cls(manifest, documents, passages, vectors, sentences, lexical)

    def require_model(self, identity: ModelIdentity) -> None:
        """Raise SnapshotError unless the index was built with this embedding model."""
        built = self.manifest.model
        if built != identity:
            differences = ", ".join(
                f"{name} {getattr(built, name)!r} against {getattr(identity, name)!r}"
                for name in ModelIdentity.model_fields
                if getattr(built, name) != getattr(identity, name)
            )
            raise SnapshotError(
                f"the index {self.version} was built with another embedding model than the one "
                f"configured ({differences}): rebuild it with `campus-qa index build`, or set "
                "CAMPUS_QA_EMBEDDING_MODEL back"
            )

    def search(
        self, vector: Vectors, count: int, allowed: NDArray[np.bool_] | None = None
    ) -> list[int]:
        """The passages nearest to a vector of shape (dimension,), best first.

        Args:
            vector: What they are near to.
            count: At most how many.
            allowed: Which passages may be found, shape (number of passages,); all by default.
        """
        parameters = None
        if allowed is not None:
            selector = faiss.IDSelectorBatch(np.flatnonzero(allowed))
            parameters = faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
        count = min(count, len(self.passages))
        _, found = self._passage_vectors.search(vector[None, :], count, params=parameters)
        return [int(number) for number in found[0] if number >= 0]

    def passage_vectors(self, numbers: list[int]) -> Vectors:
        """The vectors of passages. Shape (len(numbers), dimension)."""
        vectors: Vectors = self._passage_vectors.reconstruct_batch(np.asarray(numbers, np.int64))
        return vectors

    def sentence_vectors(self, number: int) -> Vectors:
        """The vectors of a passage's sentences. Shape (number of sentences, dimension)."""
        first, last = self._first_sentence[number : number + 2]
        return self._sentence_vectors[first:last]


def read_manifest(directory: Path) -> Manifest:
    """Read and check a snapshot's manifest.

    Raises:
        SnapshotError: There is none, it cannot be read, or its format version is another.
    """
    try:
        content = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SnapshotError(
            f"there is no readable index at {directory} ({error}): build one with "
            "`campus-qa index build`"
        ) from error
    found = content.get("format_version") if isinstance(content, dict) else None
    if found != FORMAT_VERSION:
        raise SnapshotError(
            f"the index at {directory} has format version {found}, this program reads "
            f"{FORMAT_VERSION}: rebuild it with `campus-qa index build`"
        )
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        raise SnapshotError(
            f"the manifest of the index at {directory} is damaged: {error}"
        ) from error


def verify(directory: Path) -> list[str]:
    """Check a snapshot against its manifest and the project's invariants.

    Every file's checksum; every passage and sentence a slice of its document; as many vectors as
    passages and sentences; all vectors of unit length.

    Returns:
        What is wrong, one finding a line; empty if nothing is.

    Raises:
        SnapshotError: There is no snapshot to check.
    """
    manifest = read_manifest(directory)
    problems = []
    for name, entry in manifest.files.items():
        path = directory / name
        if not path.is_file():
            problems.append(f"{name} is missing")
        elif describe_file(path) != entry:
            problems.append(f"{name} is not as it was written")
    if problems:
        return problems
    try:
        snapshot = Snapshot.load(directory)
    except SnapshotError as error:
        return [str(error)]
    for passage in snapshot.passages:
        text = snapshot.documents[passage.document_id].text
        if text[passage.start : passage.end] != passage.text:
            problems.append(f"passage {passage.id} is not a slice of its document")
        for start, end in passage.sentences:
            if not passage.start <= start < end <= passage.end:
                problems.append(f"passage {passage.id} has a sentence outside itself")
        for place in passage.repeated_at:
            holder = snapshot.documents.get(place.document_id)
            if holder is None or not 0 <= place.start < place.end <= len(holder.text):
                problems.append(f"passage {passage.id} stands for a place that is not there")
    problems.extend(_unit_length(snapshot))
    return problems


def describe_file(path: Path) -> FileEntry:
    """Size and checksum of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileEntry(sha256=digest, bytes=path.stat().st_size)


def _unit_length(snapshot: Snapshot) -> Iterator[str]:
    passages = snapshot.passage_vectors(list(range(len(snapshot.passages))))
    both: list[tuple[str, NDArray[np.float32]]] = [
        ("passage", passages),
        ("sentence", snapshot._sentence_vectors),
    ]
    for kind, vectors in both:
        wrong = int((np.abs(np.linalg.norm(vectors, axis=1) - 1) > 1e-3).sum())
        if wrong:
            yield f"{wrong} {kind} vectors are not of unit length"
