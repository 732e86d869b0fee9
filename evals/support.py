"""Whether the citations of an answer back its sentences: ALCE's citation recall and precision.

Gao et al., "Enabling Large Language Models to Generate Text with Citations", 2023,
arXiv:2305.14627, section 4.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from corpus import split_sentences
from evals.matching import tokenize

Judge = Callable[[str, str], bool]
"""Whether a premise (first) supports a statement (second)."""

_MARKERS = re.compile(r"\s*\[(\d+)\]")
_SUPPORT = 0.8
_FRAME = frozenset({"selon", "according", "to"})
"""Words that name whose statement it is, and state nothing themselves."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of an answer, and the markers of the citations behind it."""

    text: str
    markers: tuple[int, ...]


def split_statements(answer: str) -> list[Statement]:
    """The sentences of an answer, in order; a marker belongs to the sentence that it follows."""
    plain = ""
    marked: list[tuple[int, int]] = []
    last = 0
    for match in _MARKERS.finditer(answer):
        plain += answer[last : match.start()]
        marked.append((len(plain), int(match[1])))
        last = match.end()
    plain += answer[last:]
    spans = [span for span in split_sentences(plain) if plain[slice(*span)].strip()]
    found: list[list[int]] = [[] for _ in spans]
    for position, marker in marked:
        before = [i for i, (start, _end) in enumerate(spans) if start < position]
        if before:
            found[before[-1]].append(marker)
    return [
        Statement(plain[start:end], tuple(markers))
        for (start, end), markers in zip(spans, found, strict=True)
    ]


def holds_words(premise: str, statement: str) -> bool:
    """Whether a premise holds every figure and at least 80 % of the words of a statement.

    ALCE asks a model for natural language inference. Answers that are slices of their documents
    infer nothing; for those of an LLM, hand `sentence_support` a judge that reads.
    """
    known = set(tokenize(premise))
    words = [word for word in tokenize(statement) if word not in _FRAME]
    if any(word not in known for word in words if any(c.isdigit() for c in word)):
        return False
    return sum(word in known for word in words) >= _SUPPORT * len(words)


def sentence_support(
    statements: Sequence[Statement], premises: dict[int, str], judge: Judge = holds_words
) -> tuple[float, float]:
    """ALCE's citation recall and citation precision of one answer.

    Recall is the share of sentences that all their citations together support. Precision is the
    share of citations that count: their sentence is supported, and they support it alone, or the
    others of that sentence do not without them. 0 where there is nothing to count.

    Args:
        statements: The sentences of the answer.
        premises: What each citation says, by its marker.
        judge: Decides what supports what.
    """
    supported = citations = counted = 0
    for statement in statements:
        cited = [premises[marker] for marker in statement.markers if marker in premises]
        citations += len(statement.markers)
        if not cited or not judge("\n".join(cited), statement.text):
            continue
        supported += 1
        for position, premise in enumerate(cited):
            others = "\n".join(cited[:position] + cited[position + 1 :])
            needed = not others or not judge(others, statement.text)
            counted += needed or judge(premise, statement.text)
    recall = supported / len(statements) if statements else 0.0
    return recall, counted / citations if citations else 0.0
