"""The manifest: what a snapshot holds and what made it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from index.embedder import ModelIdentity

FORMAT_VERSION = 3
"""Raised whenever the files of a snapshot change their meaning."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Chunking(_Frozen):
    """How documents are cut into passages.

    Attributes:
        max_tokens: Longest passage, in tokens of the embedding model, prefix and special tokens
            counted.
        context_tokens: Most that title and headings take besides, as far as the model's window
            leaves room for them.
    """

    max_tokens: int
    context_tokens: int = 64


class DocumentEntry(_Frozen):
    """One document of the snapshot. `passages` counts those that no earlier one repeats."""

    id: str
    title: str
    path: str
    sha256: str
    characters: int
    passages: int


class Counts(_Frozen):
    """How much the snapshot holds; `repeats` are passages kept as places of another one."""

    documents: int
    passages: int
    sentences: int
    repeats: int


class FileEntry(_Frozen):
    """One file of the snapshot as it was written."""

    sha256: str
    bytes: int


class Manifest(_Frozen):
    """Written last; a directory without it is not a snapshot.

    Attributes:
        version: Names the snapshot: when it was built, and the beginning of `digest`.
        digest: Of all that the content follows from: documents, model, chunking and reader.
        reader: The version of the code that read and cut the documents.
        sources: The files and folders it was built from, as absolute paths.
        documents: In the order of their passages.
    """

    format_version: int
    version: str
    created_at: str
    digest: str
    model: ModelIdentity
    chunking: Chunking
    reader: str
    sources: tuple[str, ...]
    counts: Counts
    documents: tuple[DocumentEntry, ...]
    files: dict[str, FileEntry]
