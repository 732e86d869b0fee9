"""Pull quotes: paragraphs that say again what the body of the same document says."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from corpus.blocks import Block
from corpus.sentences import Span

_WORD = re.compile(r"\w+")
_QUOTED = re.compile(r"[«“\"][^«»“”\"]+[»”\"]")
_SHINGLE = 3
_QUOTED_SHARE = 0.6
_EXACT_SHARE = 1.0
_MIN_WORDS = 6


def find_repeats(text: str, blocks: Sequence[Block]) -> dict[int, int]:
    """Find paragraphs whose words stand elsewhere in the document.

    A paragraph wholly between quotation marks is a repeat when at least 60 % of its word trigrams
    occur in the other paragraphs (editors shorten what they pull out); any other paragraph only
    when all of them occur in one paragraph before it. Word trigrams are the shingles of Broder, "On
    the resemblance and containment of documents" (1997); the measure is his containment.

    Returns:
        For the position in `blocks` of each repeat, the position of the paragraph that shares most
        with it.
    """
    shingles = [_shingles(text[block.start : block.end]) for block in blocks]
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for position, block in enumerate(blocks):
        if block.level is None:
            for shingle in shingles[position]:
                holders[shingle].append(position)
    repeats: dict[int, int] = {}
    for position, block in enumerate(blocks):
        own = shingles[position]
        if block.level is not None or len(own) < _MIN_WORDS - _SHINGLE + 1:
            continue
        quoted = bool(_QUOTED.fullmatch(text, block.start, block.end))
        shared: dict[int, int] = defaultdict(int)
        covered = 0
        for shingle in own:
            others = [
                holder
                for holder in holders[shingle]
                if holder != position and holder not in repeats and (quoted or holder < position)
            ]
            covered += bool(others)
            for other in others:
                shared[other] += 1
        if not shared:
            continue
        best = max(shared, key=lambda other: (shared[other], -other))
        share = covered / len(own) if quoted else shared[best] / len(own)
        if share >= (_QUOTED_SHARE if quoted else _EXACT_SHARE):
            repeats[position] = best
    return repeats


def shared_words(text: str, one: Span, other: Span) -> int:
    """Number of different word trigrams that two spans of the text have in common."""
    return len(_shingles(text[slice(*one)]) & _shingles(text[slice(*other)]))


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    return {tuple(words[i : i + _SHINGLE]) for i in range(len(words) - _SHINGLE + 1)}
