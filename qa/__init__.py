"""A question in, an answer with citations out, or an honest refusal."""

from qa.answer import Answer, Citation, OtherPlace, RetrievedPassage, SearchResult, Timings
from qa.answerer import DEFAULT_MIN_CONFIDENCE, DEFAULT_TOP_K, READ_PASSAGES, Answerer
from qa.filters import FilterError, Filters, Range
from qa.reranker import Reranker, RerankerError, load_reranker
from qa.retriever import Mode

__all__ = [
    "DEFAULT_MIN_CONFIDENCE",
    "DEFAULT_TOP_K",
    "READ_PASSAGES",
    "Answer",
    "Answerer",
    "Citation",
    "FilterError",
    "Filters",
    "Mode",
    "OtherPlace",
    "Range",
    "Reranker",
    "RerankerError",
    "RetrievedPassage",
    "SearchResult",
    "Timings",
    "load_reranker",
]
