"""Conversations: what was asked before, and questions that lean on it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

_REMEMBERED = 3

_LEANS = re.compile(
    r"^\W*(?:et|mais|and|but|or|donc|alors|so|ok|then|dont|avec quel|pourquoi\W*$|why\W*$|"
    r"comment\W*$|how\W*$|lesquel|laquelle|lequel|which ones?\W*$|où\W*$|where\W*$|"
    r"quand\W*$|when\W*$|sous|sur quoi|on what|of what|de qui|by whom|par qui|following)\b"
    r"|\b(?:il|elle|ils|elles|en|y|lui|leur|celui|celle|ceux|celles|cela|ça|ce dernier|"
    r"cette dernière|l['’](?=a\b|ont\b|avait\b)|it|its|he|his|she|her|they|their|them|this|that|"
    r"these|those|there|one|ones)\b",
    re.IGNORECASE,
)


class Turn(BaseModel):
    """A question that was asked before, and what was answered."""

    model_config = ConfigDict(frozen=True)

    question: str = Field(min_length=1)
    answer: str = ""


def contextualise(question: str, history: Sequence[Turn]) -> str:
    """The question after those that were asked before, the last three of them at most."""
    return " ".join([*(turn.question for turn in history[-_REMEMBERED:]), question])


def leans(question: str) -> bool:
    """Whether a question has a word that points to what was said before."""
    return _LEANS.search(question) is not None
