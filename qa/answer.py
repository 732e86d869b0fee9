"""What the service says: answers, citations and search results, as they leave it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from corpus import Language


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Highlight(_Frozen):
    """Where the short answer stands, in code points of the document's text."""

    start: int
    end: int


class Citation(_Frozen):
    """A quote that backs the answer: `document.text[start:end] == quote`, in code points.

    `page` is that of its beginning, null where the format has no pages; `highlight` is where the
    short answer stands, null where it is not in this quote; `score` is the share of belief, among
    all sentences read, that it is this one that answers; where an LLM worded the answer, how well
    it bears out what is said, as log odds.
    """

    marker: int
    document_id: str
    title: str
    source: str
    page: int | None
    heading: str
    quote: str
    start: int
    end: int
    highlight: Highlight | None
    passage_id: str
    score: float


class OtherPlace(_Frozen):
    """Where else the documents say the same, in code points of that document's text."""

    document_id: str
    title: str
    start: int
    end: int


class RetrievedPassage(_Frozen):
    """A passage and how well it fits: `document.text[start:end] == text`, in code points.

    `page` is that of its beginning, null where the format has no pages; `also_at` are the places
    of the same document and of others that say the same and are not indexed again; `score` is the
    reranker's, the embedded one's being the probability that the passage answers, or without one
    that of the mode: the hybrid score, the cosine, or how much of the query's terms it covers.
    """

    passage_id: str
    document_id: str
    title: str
    source: str
    page: int | None
    heading: str
    text: str
    start: int
    end: int
    score: float
    also_at: tuple[OtherPlace, ...]


class Timings(_Frozen):
    """Milliseconds spent in each stage."""

    embed: float = 0
    retrieve: float = 0
    rerank: float = 0
    read: float = 0
    generate: float = 0
    total: float = 0


AnswerMode = Literal["extractive", "generative"]


class Answer(_Frozen):
    """An answer with its citations, or a refusal.

    A refusal has `answered` false, no short answer, no citations, and the nearest passages.
    `passages` are the nearest ones, as many as were asked for; a cited sentence may stand in a
    further one. `confidence` is the estimated probability that the sentence that the reader picked
    answers the question. `understood_as` is the question as it was looked up, where what was asked
    before became part of it. `mode` is `generative`, and `model` the LLM's name, where an LLM
    worded the answer; where it was to and the documents' own sentences stand in, `fallback` says
    why.
    """

    question: str
    understood_as: str | None
    language: Language
    answered: bool
    answer: str
    short_answer: str | None
    confidence: float
    mode: AnswerMode
    model: str | None
    fallback: str | None
    citations: tuple[Citation, ...]
    passages: tuple[RetrievedPassage, ...]
    index_version: str
    timings_ms: Timings


class Retrieved(_Frozen):
    """The first event of an answer that forms: what it will be based on."""

    passages: tuple[RetrievedPassage, ...]


class Said(_Frozen):
    """A further piece of an answer's text."""

    text: str


class SearchResult(_Frozen):
    """The passages found for a query, best first."""

    passages: tuple[RetrievedPassage, ...]
    index_version: str
    timings_ms: Timings
