"""Repeats: paragraphs that say again what another paragraph of the same document says."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from corpus.content import Block, Span

_WORD = re.compile(r"\w+")
_QUOTED = re.compile(r"[«“\"][^«»“”\"]+[»”\"]")
_SHINGLE = 3
_QUOTED_SHARE = 0.6
_MIN_WORDS = 6

Shingles = set[tuple[str, ...]]


def find_repeats(text: str, blocks: Sequence[Block]) -> dict[int, int]:
    """Find the paragraphs that need not be indexed, because another one says the same.

    A paragraph is a repeat if an earlier one has the same words and signs. A paragraph wholly
    between quotation marks, a pull quote, is one already if at least 60 % of its word trigrams
    occur in one other paragraph (editors shorten what they pull out) and that paragraph has all its
    numbers and capitalised words: nothing it adds is lost. Word trigrams are the shingles of
    Broder, "On the resemblance and containment of documents" (1997); the measure is his
    containment.

    Returns:
        For the position in `blocks` of each repeat, the position of the paragraph that stands for
        it, which is not a repeat itself.
    """
    paragraphs = {i: text[b.start : b.end] for i, b in enumerate(blocks) if b.level is None}
    repeats = _same_text(paragraphs)
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    quotes = []
    for position, paragraph in paragraphs.items():
        if position in repeats:
            continue
        if _QUOTED.fullmatch(paragraph) and len(_WORD.findall(paragraph)) >= _MIN_WORDS:
            quotes.append(position)
        else:
            for shingle in _shingles(paragraph):
                holders[shingle].append(position)
    for position in quotes:
        own = _shingles(paragraphs[position])
        shared = Counter(holder for shingle in own for holder in holders[shingle])
        best = max(shared, key=lambda holder: (shared[holder], -holder), default=None)
        if (
            best is not None
            and shared[best] >= _QUOTED_SHARE * len(own)
            and _facts(paragraphs[position]) <= set(_WORD.findall(paragraphs[best]))
        ):
            repeats[position] = best
        else:
            for shingle in own:
                holders[shingle].append(position)
    return {position: repeats.get(holder, holder) for position, holder in repeats.items()}


def shared_words(text: str, one: Span, other: Span) -> int:
    """Number of different word trigrams that two spans of the text have in common."""
    return len(_shingles(text[slice(*one)]) & _shingles(text[slice(*other)]))


def _same_text(paragraphs: dict[int, str]) -> dict[int, int]:
    first: dict[str, int] = {}
    repeats = {}
    for position, paragraph in paragraphs.items():
        words = paragraph.split()
        if len(words) >= _MIN_WORDS:
            holder = first.setdefault(" ".join(words), position)
            if holder != position:
                repeats[position] = holder
    return repeats


def _facts(quote: str) -> set[str]:
    """Its numbers and capitalised words, but for the first word, which is always capitalised."""
    words = _WORD.findall(quote)
    return {word for word in words[1:] if word[0].isupper() or any(c.isdigit() for c in word)}


def _shingles(text: str) -> Shingles:
    words = _WORD.findall(text.lower())
    return {tuple(words[i : i + _SHINGLE]) for i in range(len(words) - _SHINGLE + 1)}
