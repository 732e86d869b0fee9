"""Comparing answers as text: SQuAD's normalisation and scores, for French and English."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from corpus import join_digit_groups

_TOKEN = re.compile(r"\w+|%")
_ARTICLES = frozenset({"le", "la", "les", "l", "un", "une", "des", "du", "d", "the", "a", "an"})


def normalise(text: str) -> list[str]:
    """The tokens that count: lower case, without punctuation and without articles.

    As in SQuAD's official evaluation (Rajpurkar et al., 2016, arXiv:1606.05250), with the French
    articles besides the English ones, elided or not, and digit groups joined ("1 600" is "1600").
    """
    folded = unicodedata.normalize("NFKC", join_digit_groups(text)).lower()
    return [token for token in _TOKEN.findall(folded) if token not in _ARTICLES]


def contains(text: str, span: str) -> bool:
    """Whether the tokens of `span` occur in those of `text`, in a row. False for an empty span."""
    tokens, wanted = normalise(text), normalise(span)
    return bool(wanted) and any(
        tokens[i : i + len(wanted)] == wanted for i in range(len(tokens) - len(wanted) + 1)
    )


def is_hit(text: str, answers: Sequence[str], required: Sequence[str]) -> bool:
    """Whether an answer's text holds all that is required, or else one of the accepted answers."""
    if required:
        return all(contains(text, span) for span in required)
    return any(contains(text, span) for span in answers)


def exact_match(prediction: str, answers: Sequence[str]) -> float:
    """1 if the prediction equals an accepted answer after normalisation, else 0."""
    return float(any(normalise(prediction) == normalise(answer) for answer in answers))


def token_f1(prediction: str, answers: Sequence[str]) -> float:
    """SQuAD's F1: harmonic mean of token precision and recall, the best over the answers."""
    return max((_f1(normalise(prediction), normalise(answer)) for answer in answers), default=0.0)


def _f1(prediction: list[str], answer: list[str]) -> float:
    if not prediction or not answer:
        return float(prediction == answer)
    common = sum((Counter(prediction) & Counter(answer)).values())
    return 2 * common / (len(prediction) + len(answer))
