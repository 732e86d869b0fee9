"""What is indexed, described for programs: the HTTP routes and the tools tell it alike."""

from __future__ import annotations

from api.schemas import DocumentInfo
from corpus import Document
from index import DocumentEntry, Snapshot


def list_documents(snapshot: Snapshot) -> list[DocumentInfo]:
    """The documents of a snapshot, sorted by id."""
    described = (
        describe_document(snapshot.documents[entry.id], entry)
        for entry in snapshot.manifest.documents
    )
    return sorted(described, key=lambda document: document.id)


def describe_document(document: Document, entry: DocumentEntry) -> DocumentInfo:
    """A document as it is listed; `entry` is what the manifest says of it."""
    return DocumentInfo(
        id=document.id,
        title=document.title,
        path=document.path,
        source=document.source,
        language=document.language,
        characters=entry.characters,
        pages=len(document.pages) or None,
        passages=entry.passages,
        sha256=entry.sha256,
        metadata=document.metadata,
    )
