"""The sentences of an answer, each with the markers of its citations."""

from __future__ import annotations

import re
from dataclasses import dataclass

from corpus import split_sentences

MARKERS = re.compile(r"\s*\[(\d+(?:\s*[,;]\s*\d+)*)\]")


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of an answer, and the markers of the citations behind it."""

    text: str
    markers: tuple[int, ...]


def split_statements(answer: str) -> list[Statement]:
    """The sentences of an answer, in order; a marker belongs to the sentence that it follows, or to
    the first.
    """
    plain = ""
    marked: list[tuple[int, int]] = []
    last = 0
    for match in MARKERS.finditer(answer):
        plain += answer[last : match.start()]
        marked += [(len(plain), int(number)) for number in re.findall(r"\d+", match[1])]
        last = match.end()
    plain += answer[last:]
    spans = [span for span in split_sentences(plain) if plain[slice(*span)].strip()]
    found: list[list[int]] = [[] for _ in spans]
    for position, marker in marked:
        before = [i for i, (start, _end) in enumerate(spans) if start < position]
        if spans:
            found[before[-1] if before else 0].append(marker)
    return [
        Statement(plain[start:end], tuple(markers))
        for (start, end), markers in zip(spans, found, strict=True)
    ]
