"""The manifest: what a snapshot holds and what made it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from index.embedder import ModelIdentity

FORMAT_VERSION = 1
"""Raised whenever the files of a snapshot change their meaning."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Chunking(_Frozen):
    """How documents are cut into passages."""

    max_tokens: int
    """Longest passage, in tokens of the embedding model, prefix and special tokens counted."""


class DocumentEntry(_Frozen):
    """One document of the snapshot."""

    id: str
    title: str
    sha256: str
    characters: int
    passages: int


class Counts(_Frozen):
    """How much the snapshot holds."""

    documents: int
    passages: int
    sentences: int


class FileEntry(_Frozen):
    """One file of the snapshot as it was written."""

    sha256: str
    bytes: int


class Manifest(_Frozen):
    """Written last; a directory without it is not a snapshot.

    `version` names the snapshot: when it was built, and a digest of what it was built from.
    """

    format_version: int
    version: str
    created_at: str
    model: ModelIdentity
    chunking: Chunking
    counts: Counts
    documents: tuple[DocumentEntry, ...]
    files: dict[str, FileEntry]
