"""What the HTTP routes accept and return besides the answers of `qa`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from qa import Mode

MAX_QUESTION = 2000
"""Longest question, in characters."""

MAX_TOP_K = 50


def check_text(value: str) -> str:
    """The value itself, if it can be asked; raises ValueError if it cannot."""
    if len(value) > MAX_QUESTION:
        raise ValueError(f"it has {len(value)} characters, the most is {MAX_QUESTION}")
    if not value.strip():
        raise ValueError("there is no text in it")
    if any(0xD800 <= ord(character) <= 0xDFFF for character in value):
        raise ValueError("it holds what is not a character (half of a surrogate pair)")
    return value


Text = Annotated[str, Field(min_length=1, max_length=MAX_QUESTION), AfterValidator(check_text)]
TopK = Annotated[int, Field(ge=1, le=MAX_TOP_K)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class AskRequest(_Request):
    """A question in French or English."""

    question: Text = Field(examples=["Combien de personnes travaillent à PariSanté Campus ?"])
    top_k: TopK | None = Field(None, description="how many passages come back with the answer")
    mode: Literal["extractive"] = Field(
        "extractive", description="sentences of the documents, verbatim"
    )


class SearchRequest(_Request):
    """A query in French or English."""

    query: Text = Field(examples=["entrepôts de données de santé"])
    top_k: TopK | None = Field(None, description="how many passages come back")
    mode: Mode = Field("hybrid", description="how passages are ranked")


class DocumentInfo(BaseModel):
    """An indexed document. `metadata` holds the other fields of its front matter; `sha256` is that
    of the file, front matter included.
    """

    id: str
    title: str
    source: str
    language: str
    characters: int
    passages: int
    sha256: str
    metadata: dict[str, str]


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
