"""Whole answers: what a sentence leans on, and the list that an item belongs to."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from corpus import Span

if TYPE_CHECKING:
    from qa.reader import Evidence

_LEANS = re.compile(
    r"(?:[-*•–]\s)?(?:et |mais |or |and |but )?(?:"
    r"(?:ce|cet|cette|ces) derni(?:er|ère)s?|cel(?:ui|le)s?-(?:ci|là)|ceux-(?:ci|là)|"
    r"cela|ceci|ça|car|en effet|c['’]est pourquoi|c['’]est ainsi|d['’]où|"
    r"(?:il|elle)(?! (?:y a|y avait|faut|faudra|fallait|fallut|s['’]agit|s['’]agissait|est "
    r"(?:important|essentiel|possible|nécessaire|vrai|clair|prévu|à noter)|existe|reste|semble|"
    r"convient|suffit|importe|pleut)\b)|ils|elles|"
    r"the latter|this|that is (?:why|how)|these|those|he|she|they|"
    r"it(?! (?:is (?:important|essential|possible|necessary|true|clear|worth)|seems|takes)\b)"
    r")\b",
    re.IGNORECASE,
)
_ITEM = re.compile(r"(?:[-*+•–—▪◦●‣·]|\d{1,3}[.)])[ \t\u00a0\u202f]+(?=\S)")
_ASKS_SEVERAL = re.compile(
    r"\b(?:(?:quel|lesquel)(?:le)?s|qui sont|liste|énumér\w+|cite[sz]?|nomme[sz]?|"
    r"what are|who are|which \w+ are|which (?:two|three|four|five|six|seven|\d+)|"
    r"(?:list|name) (?:of|the|all)|les (?:deux|trois|quatre|cinq|six|sept|\d+))\b",
    re.IGNORECASE,
)
_LONGEST_LIST = 12
_CLOSERS = "»”\"’') *_\u00a0\u202f"


def complete(evidence: Evidence, text: str, question: str) -> Evidence:
    """The same sentence, quoted with what it does not make sense without.

    That is the sentence before, if it begins with a word that points back ("Ce dernier", "This"),
    the items that it announces, if it ends with a colon, and for an item of a list, where the
    question asks for several things, the whole list with what announces it. All of one passage.

    Args:
        evidence: The sentence.
        text: Of its document.
        question: As it was asked.
    """
    sentences = evidence.passage.sentences
    first = last = evidence.position
    items = [_ITEM.match(text, start) is not None for start, _ in sentences]
    if items[first] and _ASKS_SEVERAL.search(question):
        while first > 0 and items[first - 1]:
            first -= 1
        if first > 0 and _announces(text, sentences[first - 1]):
            first -= 1
    elif first > evidence.passage.heading_sentences and _leans(
        text, *sentences[first - 1 : first + 1]
    ):
        first -= 1
    if (items[last] and first < last) or _announces(text, sentences[last]):
        while last + 1 < len(sentences) and items[last + 1]:
            last += 1
    if last - first > _LONGEST_LIST:
        return evidence
    return replace(evidence, first=first, last=last)


def _leans(text: str, before: Span, sentence: Span) -> bool:
    """Whether a sentence points back to the one before, unless that is a question."""
    if text[slice(*before)].rstrip(_CLOSERS).endswith("?"):
        return False
    return _LEANS.match(text, sentence[0]) is not None


def _announces(text: str, sentence: Span) -> bool:
    return text[slice(*sentence)].rstrip(_CLOSERS).endswith(":")
