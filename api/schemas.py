"""What the HTTP routes accept and return besides the answers of `qa`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
)

from api.jobs import Job
from index import Chunking, Counts, ModelIdentity
from qa import AnswerMode, Mode, Range

MAX_QUESTION = 2000
"""Longest question, in characters."""

MAX_TOP_K = 50
MAX_HISTORY = 50
MAX_ANSWER = 20_000


def check_text(value: str) -> str:
    """The value itself, if it can be asked; raises ValueError if it cannot."""
    if len(value) > MAX_QUESTION:
        raise ValueError(f"it has {len(value)} characters, the most is {MAX_QUESTION}")
    if not value.strip():
        raise ValueError("there is no text in it")
    return check_characters(value)


def check_characters(value: str) -> str:
    """The value itself, if it can be read and sent back; raises ValueError if it cannot."""
    if any(0xD800 <= ord(character) <= 0xDFFF for character in value):
        raise ValueError("it holds what is not a character (half of a surrogate pair)")
    return value


def take_whole(value: object) -> object:
    """A whole number however it is written: 5.0 is an integer in JSON Schema, and so in ours."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Text = Annotated[
    str,
    Field(min_length=1, max_length=MAX_QUESTION, json_schema_extra={"pattern": r"\S"}),
    AfterValidator(check_text),
]
TopK = Annotated[int, Field(ge=1, le=MAX_TOP_K), BeforeValidator(take_whole)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


def _kind_of_filter(value: object) -> str:
    return "value" if isinstance(value, str) else "values" if isinstance(value, list) else "range"


# Told apart beforehand, so that an error names what was meant and not all that could have been.
GivenFilter = Annotated[
    Annotated[str, Tag("value")]
    | Annotated[list[str], Tag("values")]
    | Annotated[Range, Tag("range")],
    Discriminator(_kind_of_filter),
]
GivenFilters = Annotated[
    dict[str, GivenFilter] | None,
    Field(
        description="which documents count: for each field (document_id, title, source, language, "
        "path, or one of the documents' own, such as date) a value, one of several, or from one to "
        "another",
        examples=[{"language": "fr", "date": {"from": "2021", "to": "2025-06"}}],
    ),
]


class GivenTurn(_Request):
    """What was asked before, and what was answered."""

    question: Text
    answer: str = Field("", max_length=MAX_ANSWER)


class AskRequest(_Request):
    """A question in French or English."""

    question: Text = Field(examples=["Combien de personnes travaillent à PariSanté Campus ?"])
    top_k: TopK | None = Field(None, description="how many passages come back with the answer")
    mode: AnswerMode | None = Field(
        None,
        description="`extractive`: sentences of the documents, verbatim; `generative`: worded by "
        "the configured LLM and checked against the documents, the default where there is one",
    )
    history: list[GivenTurn] = Field(
        [], max_length=MAX_HISTORY, description="what was asked and answered before, in order"
    )
    filters: GivenFilters = None
    stream: bool = Field(False, description="whether the answer comes as it forms, as events")


class SearchRequest(_Request):
    """A query in French or English."""

    query: Text = Field(examples=["entrepôts de données de santé"])
    top_k: TopK | None = Field(None, description="how many passages come back")
    mode: Mode = Field("hybrid", description="how passages are ranked; hybrid alone is reranked")
    filters: GivenFilters = None


class DocumentInfo(BaseModel):
    """An indexed document.

    `path` is where it stands below the folder that was indexed, or inside an archive; `pages` is
    null where the format has none; `passages` counts those that no earlier document says already;
    `metadata` holds what else the file says of itself (date, author, licence, ...); `sha256` is
    that of the file as it was read.
    """

    id: str
    title: str
    path: str
    source: str
    language: str
    characters: int
    pages: int | None
    passages: int
    sha256: str
    metadata: dict[str, str]


class Heading(BaseModel):
    """A heading of a document; `level` is 1 for the outermost."""

    text: str
    level: int
    start: int
    page: int | None


class Gap(BaseModel):
    """A part of a document that could not be read, and why."""

    where: str
    reason: str


class DocumentDetails(DocumentInfo):
    """An indexed document with its headings, and what of it could not be read."""

    headings: list[Heading]
    gaps: list[Gap]


class DocumentList(BaseModel):
    """The indexed documents, sorted by id."""

    documents: list[DocumentInfo]
    index_version: str


class Health(BaseModel):
    """The process is alive."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Questions can be answered, from this version of the index."""

    status: Literal["ready"] = "ready"
    index_version: str


class JobList(BaseModel):
    """The jobs of the service, newest first."""

    jobs: list[Job]


class RebuildRequest(_Request):
    """How to rebuild the index."""

    reuse: bool = Field(
        False,
        description="take over what has not changed, instead of reading and embedding it anew; the "
        "result is the same",
    )


class RollbackRequest(_Request):
    """Which version to go back to."""

    version: str | None = Field(None, description="by default, the one before the current one")


class IndexVersion(BaseModel):
    """A version of the index on disk."""

    version: str
    current: bool
    created_at: str
    documents: int
    passages: int


class IndexInfo(BaseModel):
    """The current index and the versions on disk, oldest first.

    `sources` are the files and folders it was built from, besides what was uploaded.
    """

    version: str
    created_at: str
    model: ModelIdentity
    chunking: Chunking
    counts: Counts
    sources: list[str]
    versions: list[IndexVersion]
