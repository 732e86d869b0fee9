"""Files in, documents with exact text out, cut into passages that are slices of it."""

from corpus.documents import Corpus, CorpusError, Document, Failure, load_corpus
from corpus.language import Language, detect_language
from corpus.numbers import DIGIT_GROUPS, join_digit_groups
from corpus.passages import Passage, TokenCounter, split_passages
from corpus.sentences import Span, split_sentences

__all__ = [
    "DIGIT_GROUPS",
    "Corpus",
    "CorpusError",
    "Document",
    "Failure",
    "Language",
    "Passage",
    "Span",
    "TokenCounter",
    "detect_language",
    "join_digit_groups",
    "load_corpus",
    "split_passages",
    "split_sentences",
]
