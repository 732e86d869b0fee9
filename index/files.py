"""The files of a snapshot: their names, and how documents, passages and vectors are written."""

from __future__ import annotations

import hashlib
import io
import json
import struct
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from corpus import Block, Document, Passage, Place
from index.embedder import Vectors

MANIFEST = "manifest.json"
DOCUMENTS = "documents.jsonl"
PASSAGES = "passages.jsonl"
PASSAGE_VECTORS = "passages.faiss"
PASSAGE_KEYS = "passages.keys.npy"
SENTENCE_VECTORS = "sentences.npy"
SENTENCE_KEYS = "sentences.keys.npy"
LEXICAL = "lexical"

KEY = np.dtype([("high", "<u8"), ("low", "<u8")])
"""What a text is known by: the first sixteen bytes of its sha256."""

Keys = NDArray[np.void]

_COUNT_OFFSET = 8


def content_keys(texts: Sequence[str]) -> Keys:
    """The keys of texts, shape (number of texts,)."""
    digests = b"".join(hashlib.sha256(text.encode()).digest()[:16] for text in texts)
    return np.frombuffer(digests, KEY)


def document_line(document: Document) -> str:
    fields = {name: getattr(document, name) for name in Document.__dataclass_fields__}
    fields["blocks"] = [(b.start, b.end, b.level, b.whole) for b in document.blocks]
    return json.dumps(fields, ensure_ascii=False) + "\n"


def parse_document(line: str | bytes) -> Document:
    fields = json.loads(line)
    fields["blocks"] = tuple(Block(*block) for block in fields["blocks"])
    fields["pages"] = tuple(fields["pages"])
    fields["gaps"] = tuple((where, reason) for where, reason in fields["gaps"])
    return Document(**fields)


def passage_line(passage: Passage, *, with_text: bool = False) -> str:
    """A passage as a line, by default without its text, which the document has."""
    fields = asdict(passage)
    if not with_text:
        del fields["text"]
    return json.dumps(fields, ensure_ascii=False) + "\n"


def parse_passage(line: str | bytes, documents: dict[str, Document] | None = None) -> Passage:
    """The passage of a line; its text comes from the documents if the line is without it."""
    fields = json.loads(line)
    if documents is not None:
        text = documents[fields["document_id"]].text
        fields["text"] = text[fields["start"] : fields["end"]]
    fields["sentences"] = tuple((start, end) for start, end in fields["sentences"])
    fields["repeated_at"] = tuple(Place(**place) for place in fields["repeated_at"])
    return Passage(**fields)


def read_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as lines:
        yield from lines


class _Writer(ABC):
    """Writes rows one after the other, without holding them, behind a header with their count."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("w+b")
        self._count = 0
        self._file.write(self._header(0))

    @abstractmethod
    def _header(self, count: int) -> bytes:
        """What stands before so many rows; always of the same length."""

    def _append(self, rows: NDArray[Any]) -> None:
        self._file.write(rows.tobytes())
        self._count += len(rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._file.seek(0)
            self._file.write(self._header(self._count))
        self._file.close()


class RowWriter(_Writer):
    """Writes the rows of a `.npy` file."""

    def __init__(self, path: Path, dtype: np.dtype[Any], *shape: int) -> None:
        """`shape`: of one row; () for a number or a record."""
        self._dtype, self._shape = dtype, shape
        super().__init__(path)

    def write(self, rows: NDArray[Any]) -> None:
        self._append(np.ascontiguousarray(rows, self._dtype))

    def _header(self, count: int) -> bytes:
        # numpy pads the header so that it can hold a larger count in the same place.
        content = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (count, *self._shape),
        }
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, content)
        return header.getvalue()


class FaissWriter(_Writer):
    """Writes the vectors of a FAISS `IndexFlatIP`.

    The file is the one that `faiss.write_index` writes: the header of an empty index with the
    counts filled in, then the vectors.
    """

    def __init__(self, path: Path, dimension: int) -> None:
        self._dimension = dimension
        super().__init__(path)

    def write(self, vectors: Vectors) -> None:
        """Append vectors, shape (any, dimension)."""
        self._append(np.ascontiguousarray(vectors, "<f4"))

    def _header(self, count: int) -> bytes:
        return faiss_header(self._dimension, count)


def faiss_header(dimension: int, count: int) -> bytes:
    """What stands before the vectors in the file of an `IndexFlatIP` of `count` vectors."""
    header = bytearray(faiss.serialize_index(faiss.IndexFlatIP(dimension)).tobytes())
    struct.pack_into("<q", header, _COUNT_OFFSET, count)
    struct.pack_into("<Q", header, len(header) - 8, count * dimension)
    return bytes(header)


def map_faiss_vectors(path: Path, dimension: int) -> Vectors:
    """The vectors of such a file, mapped into memory. Shape (count, dimension)."""
    offset = len(faiss_header(dimension, 0))
    vectors: Vectors = np.memmap(path, "<f4", "r", offset=offset)
    return vectors.reshape(-1, dimension)
