"""A question in, an answer with citations out, or an honest refusal."""

from qa.answer import (
    Answer,
    AnswerMode,
    Citation,
    OtherPlace,
    Retrieved,
    RetrievedPassage,
    Said,
    SearchResult,
    Timings,
)
from qa.answerer import (
    DEFAULT_MIN_CONFIDENCE,
    DEFAULT_TOP_K,
    READ_PASSAGES,
    Answerer,
    ModeError,
)
from qa.conversation import Turn
from qa.filters import FilterError, Filters, Range
from qa.generator import DEFAULT_SECONDS as DEFAULT_LLM_SECONDS
from qa.generator import Generator
from qa.reranker import Reranker, RerankerError, load_reranker
from qa.retriever import Mode
from qa.span_reader import SpanReader, SpanReaderError
from qa.statements import Statement, split_statements

__all__ = [
    "DEFAULT_LLM_SECONDS",
    "DEFAULT_MIN_CONFIDENCE",
    "DEFAULT_TOP_K",
    "READ_PASSAGES",
    "Answer",
    "AnswerMode",
    "Answerer",
    "Citation",
    "FilterError",
    "Filters",
    "Generator",
    "Mode",
    "ModeError",
    "OtherPlace",
    "Range",
    "Reranker",
    "RerankerError",
    "Retrieved",
    "RetrievedPassage",
    "Said",
    "SearchResult",
    "SpanReader",
    "SpanReaderError",
    "Statement",
    "Timings",
    "Turn",
    "load_reranker",
    "split_statements",
]
