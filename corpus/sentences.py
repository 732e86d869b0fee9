"""Sentence segmentation for French and English, as exact spans of the text."""

from __future__ import annotations

import re

from corpus.content import Span

# A run of terminal punctuation with the closing quotes and brackets that belong to it,
# and the marks of emphasis and notes that Markdown puts there.
_TERMINATOR = re.compile(r"[.!?…]+(?:[ \u00a0\u202f]?[»”\"’')\]]|[*_]{1,3}|\[\d+\])*(?=\s|$)")

# Words after which a full stop is part of the word; of those in the second list, only before a
# number. Compared in lower case, without the stop.
_ABBREVIATIONS = frozenset(
    """
    m mm mme mmes mlle mlles mgr dr drs pr prof st ste cf av apr env éd coll mr mrs ms jr sr vs
    e.g i.e
    """.split()
)
_BEFORE_NUMBER = frozenset(
    """
    p pp art al ex fig vol n no chap § tél approx janv févr avr juil sept oct nov déc jan feb aug
    dec
    """.split()
)
_INITIALS = re.compile(r"(?:^|[\s(«“\"-])(?:[A-ZÀ-Ý]\.-?)*[A-ZÀ-Ý]$")
_LIST_NUMBER = re.compile(r"\s*\(?\d{1,3}$")
_LAST_WORD = re.compile(r"[^\s(«“\"'’-]+$")
_LOOK_BACK = 40
_OPENING = "«“\"‘'([—–-¿¡"


def split_sentences(text: str, start: int = 0, end: int | None = None) -> list[Span]:
    """Split `text[start:end]` into sentences.

    A sentence ends at `.`, `!`, `?` or `…` (with any closing quotes) when white space follows and
    what comes next does not begin in lower case. Abbreviations ("M. Dupont"), initials ("J.-C.
    Smadja") and list numbers ("1. ") do not end one. Line breaks count as plain spaces: the
    caller hands in one paragraph at a time.

    Returns:
        Spans in reading order, trimmed of surrounding white space, none empty. Together they cover
        every character of the range that is not white space.
    """
    end = len(text) if end is None else end
    spans: list[Span] = []
    begin = start
    for match in _TERMINATOR.finditer(text, start, end):
        if match.end() < end and not _ends_sentence(text, begin, match, end):
            continue
        _append_trimmed(spans, text, begin, match.end())
        begin = match.end()
    _append_trimmed(spans, text, begin, end)
    return spans


def _ends_sentence(text: str, begin: int, terminator: re.Match[str], end: int) -> bool:
    following = text[terminator.end() : min(end, terminator.end() + 8)].lstrip()
    first = following.lstrip(_OPENING + " \u00a0\u202f")[:1]
    if first.islower():
        return False
    if terminator.group() != ".":
        return True
    before = text[max(begin, terminator.start() - _LOOK_BACK) : terminator.start()]
    word = _LAST_WORD.search(before)
    if word and word.group().lower() in _ABBREVIATIONS:
        return False
    if word and word.group().lower() in _BEFORE_NUMBER and first.isdigit():
        return False
    return not (_INITIALS.search(before) or _LIST_NUMBER.fullmatch(before))


def _append_trimmed(spans: list[Span], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    stripped = piece.strip()
    if stripped:
        offset = start + len(piece) - len(piece.lstrip())
        spans.append((offset, offset + len(stripped)))
