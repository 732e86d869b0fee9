"""Whole answers: what a sentence leans on, and the list that an item belongs to."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from corpus import Document, Span

if TYPE_CHECKING:
    from qa.reader import Evidence

_OPENING = r"[«“\"*_\s]*(?:(?:et|mais|or|and|but)\s)?"
_POINTS_BACK = re.compile(
    rf"{_OPENING}(?:"
    r"(?:ce|cet|cette|ces)\sderni(?:er|ère)s?\b(?!\s(?:ans|années|mois|semaines|jours|temps)\b)|"
    r"cel(?:ui|le)s?-(?:ci|là)\b|ceux-(?:ci|là)\b|cela\b|ceci\b|ça\b|"
    r"en\seffet\b|c['’]est\s(?:pourquoi|ainsi)\b|d['’]où\b|"
    r"the\slatter\b|that(?:['’]s|\sis)\s(?:why|how)\b)",
    re.IGNORECASE,
)
_IMPERSONAL = (
    r"(?:n['’]|ne\s)?(?:y\s(?:a|avait|aura|eut)\b|faut|faudra|fallait|s['’]agi|existe|reste|semble|"
    r"convient|suffit|importe|"
    r"(?:est|était|sera)\s(?:pas\s)?(?:\w+\s)?(?:important|essentiel|possible|nécessaire|vrai|clair|"
    r"prévu|interdit|obligatoire|recommandé|conseillé|permis|utile|temps|question|à\snoter)\b)"
)
_PRONOUN = re.compile(
    rf"{_OPENING}(?:"
    rf"(?i:il|elle)\s(?!(?i:{_IMPERSONAL}))|(?i:ils|elles)\s|"
    r"(?i:c['’](?:est|était)|ce\ssont)\s|"
    r"(?:He|She|They|he|she|they)\s|"
    r"(?:It|it)\s(?!(?:is|was|has\sbeen|will\sbe)\s(?:\w+\s)?(?:announced|said|known|expected|"
    r"important|essential|possible|necessary|clear|worth|true|time)\b|seems|takes)|"
    r"(?:This|These)\s(?:is|are|was|were|has|have|will|would|can|means|allows|makes|gives)\b)"
)
_BECAUSE = re.compile(rf"{_OPENING}car\s", re.IGNORECASE)
_MARK = re.compile(r"(?:[-*+•–—▪◦●‣·]|\d{1,3}[.)])[ \t\u00a0\u202f]+(?=\S)")
_ASKS_SEVERAL = re.compile(
    r"\b(?:(?:quels|quelles)\s(?!que\b)|lesquel(?:le)?s\b|qui\ssont\b|listez?\b|énum[éè]re\w*\b|"
    r"cite[sz]?\b|nomme[sz]?\b|(?:what|who|which)\sare\b|which\s(?!is\b|was\b|has\b|does\b)\w+s\b|"
    r"which\s(?:two|three|four|five|six|seven|\d+)\b|list\s(?:of|the|all)\b|"
    r"name\s(?:all|(?:the\s)?(?:two|three|four|five|six|seven|\d+))\b)",
    re.IGNORECASE,
)
_LONGEST_LIST = 12
CLOSERS = "»”\"’') *_\u00a0\u202f"
"""What may stand after the last sign of a sentence."""


def complete(evidence: Evidence, document: Document, question: str) -> Evidence:
    """The same sentence, quoted with what it does not make sense without.

    That is the sentence before, if it begins with a word that points back ("Ce dernier", "This
    is"); the items that it announces, or else the sentence after it, if it ends with a colon; and
    for an item of a list, where the question asks for several things, the whole list with what
    announces it. All of one passage.
    """
    passage, text = evidence.passage, document.text
    sentences = passage.sentences
    if len(set(sentences)) < len(sentences):
        return evidence
    items = [_is_item(text, start) for start, _ in sentences]
    first = last = evidence.position
    if items[first] and _ASKS_SEVERAL.search(question):
        while first > passage.heading_sentences and items[first - 1]:
            first -= 1
        if first > 0 and _announces(text, sentences[first - 1]):
            first -= 1
        last = _last_item(items, last)
    elif _announces(text, sentences[last]):
        last = max(_last_item(items, last), min(last + 1, len(sentences) - 1))
    elif first > passage.heading_sentences and _leans(document, sentences[first - 1 : first + 1]):
        first -= 1
    if last - first > _LONGEST_LIST:
        return evidence
    return replace(evidence, first=first, last=last)


def _is_item(text: str, start: int) -> bool:
    """Whether a sentence stands in a list item: a line that begins with a mark."""
    return _MARK.match(text, text.rfind("\n", 0, start) + 1) is not None


def _last_item(items: list[bool], last: int) -> int:
    while last + 1 < len(items) and items[last + 1]:
        last += 1
    return last


def _announces(text: str, sentence: Span) -> bool:
    return text[slice(*sentence)].rstrip(CLOSERS).endswith(":")


def _leans(document: Document, pair: tuple[Span, ...]) -> bool:
    """Whether the second of two sentences points back to the first, which is no question. Mere
    pronouns do so within a paragraph.
    """
    (first, end), (start, _) = pair
    text = document.text
    if text[first:end].rstrip(CLOSERS).endswith("?"):
        return False
    if _POINTS_BACK.match(text, start):
        return True
    if "\n" in text[end:start]:
        return False
    french = document.language == "fr"
    return bool(_PRONOUN.match(text, start) or (french and _BECAUSE.match(text, start)))
