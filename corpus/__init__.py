"""Files in, documents with exact text out, cut into passages that are slices of it."""

from corpus.documents import Corpus, CorpusError, Document, Failure, load_corpus
from corpus.language import Language, detect_language
from corpus.passages import Passage, TokenCounter, split_passages
from corpus.sentences import Span, split_sentences

__all__ = [
    "Corpus",
    "CorpusError",
    "Document",
    "Failure",
    "Language",
    "Passage",
    "Span",
    "TokenCounter",
    "detect_language",
    "load_corpus",
    "split_passages",
    "split_sentences",
]
