"""Files in, documents with exact text out, cut into passages that are slices of it."""

from corpus.content import Block, Span
from corpus.documents import Document, text_document
from corpus.duplicates import NearDuplicates
from corpus.durability import sync
from corpus.formats.html import plain_title
from corpus.formats.markdown import plain_heading
from corpus.language import Language, detect_language
from corpus.numbers import DIGIT_GROUPS, join_digit_groups
from corpus.passages import Passage, Place, TokenCounter, split_passages
from corpus.sentences import split_sentences
from corpus.sources import (
    FORMATS,
    Corpus,
    CorpusError,
    Failure,
    find_files,
    load_corpus,
    read_files,
    reader_version,
    unknown,
)
from corpus.uploads import Uploads, check_name
from corpus.values import MONTHS, Value, find_values, in_digits, is_given

__all__ = [
    "DIGIT_GROUPS",
    "FORMATS",
    "MONTHS",
    "Block",
    "Corpus",
    "CorpusError",
    "Document",
    "Failure",
    "Language",
    "NearDuplicates",
    "Passage",
    "Place",
    "Span",
    "TokenCounter",
    "Uploads",
    "Value",
    "check_name",
    "detect_language",
    "find_files",
    "find_values",
    "in_digits",
    "is_given",
    "join_digit_groups",
    "load_corpus",
    "plain_heading",
    "plain_title",
    "read_files",
    "reader_version",
    "split_passages",
    "split_sentences",
    "sync",
    "text_document",
    "unknown",
]
