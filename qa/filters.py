"""Filters: which documents a question may be answered from, decided before anything is ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from corpus import Document, Passage, Place, split_sentences
from index import Snapshot

_OWN_FIELDS = ("document_id", "title", "source", "language", "path")


class FilterError(ValueError):
    """A filter on a field that no document has; the message says which there are."""


class Range(BaseModel):
    """From one value to another, both included: "2024" holds all of its months and days."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)

    first: Annotated[str, Field(alias="from")] = ""
    last: Annotated[str, Field(alias="to")] = "\U0010ffff"

    def holds(self, value: str) -> bool:
        """Whether a value lies within, compared as text, as ISO 8601 dates can be."""
        # A date as precise as the bound, so that 2024-05-01 is not after 2024.
        return self.first <= value and value[: len(self.last)] <= self.last


Filters = Mapping[str, str | Sequence[str] | Range]
"""What each named field must be: a value, one of several, or within a range. A field is
`document_id`, `title`, `source`, `language`, `path`, or any of the document's own (`date`, ...)."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What filters leave of a snapshot.

    Attributes:
        documents: Ids of the documents that pass.
        passages: Whether each passage stands in one of them, there or at a place that it stands
            for. Shape (number of passages,).
    """

    snapshot: Snapshot
    documents: frozenset[str]
    passages: NDArray[np.bool_]

    def place(self, passage: Passage) -> Passage:
        """A passage where it stands in a document that passes: itself, or the same said there."""
        if passage.document_id in self.documents:
            return passage
        place = next(p for p in passage.repeated_at if p.document_id in self.documents)
        document = self.snapshot.documents[place.document_id]
        text = document.text[place.start : place.end]
        found = [(place.start + a, place.start + b) for a, b in split_sentences(text)]
        alike = len(found) == len(passage.sentences)
        others = (Place(passage.document_id, passage.start, passage.end), *passage.repeated_at)
        return replace(
            passage,
            id=f"{place.document_id}:{place.start}-{place.end}",
            document_id=place.document_id,
            start=place.start,
            end=place.end,
            text=text,
            heading="",
            context=document.title if document.titled else "",
            heading_sentences=passage.heading_sentences if alike else 0,
            # Each sentence has the vector of the one that it repeats, if they can be told apart.
            sentences=tuple(found)
            if alike
            else ((place.start, place.end),) * len(passage.sentences),
            repeated_at=tuple(p for p in others if p != place),
        )


def resolve_filters(snapshot: Snapshot, filters: Filters | None) -> Scope | None:
    """What filters leave of a snapshot; None if there are none.

    Raises:
        FilterError: A field that no document has.
    """
    if not filters:
        return None
    known = {*_OWN_FIELDS, *(key for d in snapshot.documents.values() for key in d.metadata)}
    unknown = [field for field in filters if field not in known]
    if unknown:
        raise FilterError(
            f"no document has the field {', '.join(map(repr, unknown))}: there are "
            f"{', '.join(sorted(known))}"
        )
    documents = frozenset(
        document.id
        for document in snapshot.documents.values()
        if all(_passes(document, field, wanted) for field, wanted in filters.items())
    )
    passages = np.fromiter(
        (
            passage.document_id in documents
            or any(place.document_id in documents for place in passage.repeated_at)
            for passage in snapshot.passages
        ),
        bool,
        len(snapshot.passages),
    )
    return Scope(snapshot, documents, passages)


def _passes(document: Document, field: str, wanted: str | Sequence[str] | Range) -> bool:
    value = _value(document, field)
    if value is None:
        return False
    if isinstance(wanted, Range):
        return wanted.holds(value)
    accepted = [wanted] if isinstance(wanted, str) else wanted
    return value.casefold() in (one.casefold() for one in accepted)


def _value(document: Document, field: str) -> str | None:
    if field == "document_id":
        return document.id
    if field in _OWN_FIELDS:
        return str(getattr(document, field))
    return document.metadata.get(field)
