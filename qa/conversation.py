"""Conversations: a question after what was asked before."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

REMEMBERED = 3

_GOES_ON = re.compile(
    r"\W*(?:et|mais|and|but|what about|how about|qu['’]en est-il)\b", re.IGNORECASE
)


class Turn(BaseModel):
    """A question that was asked before, and what was answered."""

    model_config = ConfigDict(frozen=True)

    question: str = Field(min_length=1)
    answer: str = ""


def contextualise(question: str, history: Sequence[Turn]) -> str:
    """The question after those that were asked before, the last three of them at most."""
    return " ".join([*(turn.question for turn in history[-REMEMBERED:]), question])


def goes_on(question: str) -> bool:
    """Whether a question says by its first words that it goes on from what was asked before."""
    return _GOES_ON.match(question) is not None
