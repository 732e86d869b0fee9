"""Comparing answers as text: SQuAD's normalisation and scores, for French and English."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence

from corpus import join_digit_groups

_TOKEN = re.compile(r"\d+(?:[.,]\d+)+|\w+|%")
_ARTICLES = frozenset({"le", "la", "les", "l", "un", "une", "des", "du", "d", "the", "a", "an"})
_ELISION = re.compile(r"\b(l|d|j|m|t|s|n|c|(?:jus|lors|puis|quoi)?qu)['’]", re.IGNORECASE)
_PUNCTUATION = str.maketrans("", "", string.punctuation + "«»“”„‘’‚…–—·•")


def tokenize(text: str, *, articles: bool = False) -> list[str]:
    """Words, numbers and per cent signs in lower case: what `contains` compares.

    Digit groups are joined ("1 600" is "1600"), a decimal is one number, and articles are dropped
    unless they are asked for.
    """
    folded = unicodedata.normalize("NFKC", join_digit_groups(text)).lower()
    tokens = _TOKEN.findall(folded)
    return tokens if articles else [token for token in tokens if token not in _ARTICLES]


def contains(text: str, span: str) -> bool:
    """Whether the tokens of `span` occur in those of `text`, in a row. False for an empty span.

    A span of articles alone ("un an", where "an" is an English one) is looked for with them; one
    without any token ("€") as it is written.
    """
    if wanted := tokenize(span):
        return contains_tokens(tokenize(text), wanted)
    if wanted := tokenize(span, articles=True):
        return contains_tokens(tokenize(text, articles=True), wanted)
    return bool(span.strip()) and span in text


def contains_tokens(tokens: list[str], wanted: list[str]) -> bool:
    """Whether the tokens wanted occur in a row. False if none are wanted."""
    return bool(wanted) and any(
        tokens[i : i + len(wanted)] == wanted for i in range(len(tokens) - len(wanted) + 1)
    )


def is_hit(text: str, answers: Sequence[str], required: Sequence[str]) -> bool:
    """Whether an answer's text holds all that is required, or else one of the accepted answers."""
    if required:
        return all(contains(text, span) for span in required)
    return any(contains(text, span) for span in answers)


def completeness(text: str, required: Sequence[str]) -> float:
    """Share of the required spans that an answer's text holds: recall over the list's members."""
    return sum(contains(text, span) for span in required) / len(required)


def normalise(text: str) -> list[str]:
    """The tokens that SQuAD's exact match and F1 compare, for French as well.

    As in SQuAD's official evaluation (Rajpurkar et al., 2016, arXiv:1606.05250): lower case,
    punctuation deleted, articles dropped, split at white space. Besides: typographic punctuation is
    deleted too, elisions are parted ("l'école"), French articles are dropped (d'Hoffschmidt et al.,
    FQuAD, 2020, arXiv:2002.06071), and digit groups are joined ("1 600" is "1600").
    """
    folded = unicodedata.normalize("NFKC", join_digit_groups(text)).lower()
    plain = _ELISION.sub(r"\1 ", folded).translate(_PUNCTUATION)
    return [token for token in plain.split() if token not in _ARTICLES]


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
