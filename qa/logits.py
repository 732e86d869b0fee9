"""Logistic models: features weighed, log odds, probabilities."""

from __future__ import annotations

import math
from collections.abc import Mapping

_SURE = 1e-6


def weigh(weights: Mapping[str, float], features: Mapping[str, float]) -> float:
    """The sum of features, each times its weight. Features without a weight do not count."""
    return sum(weight * features[name] for name, weight in weights.items())


def to_probability(logit: float) -> float:
    """The probability whose log odds these are, however large they are."""
    return (1 + math.tanh(logit / 2)) / 2


def to_logit(probability: float) -> float:
    """The log odds of a probability; 0 and 1, whose are not finite, are taken as very near."""
    kept = min(max(probability, _SURE), 1 - _SURE)
    return math.log(kept / (1 - kept))
