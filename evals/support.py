"""Whether the citations of an answer back its sentences: ALCE's citation recall and precision.

Gao et al., "Enabling Large Language Models to Generate Text with Citations", 2023,
arXiv:2305.14627, section 4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evals.matching import tokenize
from qa import Statement

Judge = Callable[[str, str], bool]
"""Whether a premise (first) supports a statement (second)."""

_SUPPORT = 0.8
_FRAME = frozenset({"selon", "according", "to"})
"""Words that name whose statement it is, and state nothing themselves."""


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
