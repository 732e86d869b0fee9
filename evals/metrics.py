"""Metrics over questions, each with a 95 % bootstrap interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

_RESAMPLES = 1000
_SEED = 20201204

Floats = NDArray[np.float64]


class Metric(BaseModel):
    """A value with the bounds of its 95 % interval; all three None where nothing was measured."""

    model_config = ConfigDict(frozen=True)

    value: float | None
    low: float | None
    high: float | None


def recall_at(ranking: Sequence[Any], relevant: set[Any], k: int) -> float:
    """Share of the relevant items that are among the first k (Manning et al., Introduction to
    Information Retrieval, 2008, chapter 8). Raises ZeroDivisionError if nothing is relevant.
    """
    return len(relevant.intersection(ranking[:k])) / len(relevant)


def reciprocal_rank(ranking: Sequence[Any], relevant: set[Any], k: int) -> float:
    """1 / rank of the first relevant item, 0 if none is among the first k (Voorhees, TREC-8)."""
    rank = first_rank(ranking[:k], relevant)
    return 0.0 if rank is None else 1 / rank


def ndcg_at(ranking: Sequence[Any], relevant: set[Any], k: int) -> float:
    """Normalised discounted cumulative gain for binary relevance: gains discounted by
    log2(1 + rank), over that of the best possible ranking (Järvelin and Kekäläinen, 2002).
    """
    gain = sum(1 / math.log2(2 + i) for i, item in enumerate(ranking[:k]) if item in relevant)
    ideal = sum(1 / math.log2(2 + i) for i in range(min(k, len(relevant))))
    return gain / ideal


def first_rank(ranking: Sequence[Any], relevant: set[Any]) -> int | None:
    """Rank of the first relevant item, counted from 1; None if there is none."""
    return next((i for i, item in enumerate(ranking, start=1) if item in relevant), None)


def auroc(scores: Floats, labels: NDArray[np.bool_]) -> float:
    """Probability that a random positive scores above a random negative, ties counting one half:
    the Mann-Whitney statistic (Hanley and McNeil, 1982). NaN if one class is missing.
    """
    positives, negatives = int(labels.sum()), int((~labels).sum())
    if not positives or not negatives:
        return math.nan
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    above = float(ranks[labels].sum()) - positives * (positives + 1) / 2
    return above / (positives * negatives)


def mean(values: Sequence[float]) -> Metric:
    """The mean over questions."""
    return bootstrap(np.asarray(values, np.float64)[:, None], lambda rows: float(rows.mean()))


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Metric:
    """Sum of numerators over sum of denominators, question by question."""
    rows = np.stack([np.asarray(numerators, float), np.asarray(denominators, float)], axis=1)

    def statistic(sample: Floats) -> float:
        total = float(sample[:, 1].sum())
        return float(sample[:, 0].sum()) / total if total else math.nan

    return bootstrap(rows, statistic)


def percentile(values: Sequence[float], percent: float) -> Metric:
    """A percentile over questions, interpolated linearly."""
    return bootstrap(
        np.asarray(values, np.float64)[:, None], lambda rows: float(np.percentile(rows, percent))
    )


def separation(scores: Sequence[float], labels: Sequence[bool]) -> Metric:
    """The AUROC of scores against labels."""
    rows = np.stack([np.asarray(scores, float), np.asarray(labels, float)], axis=1)
    return bootstrap(rows, lambda sample: auroc(sample[:, 0], sample[:, 1] > 0.5))


def bootstrap(rows: Floats, statistic: Callable[[Floats], float]) -> Metric:
    """A statistic of rows, shape (questions, columns), with its percentile bootstrap interval
    (Efron and Tibshirani, 1993): 1,000 resamples of whole questions, from a fixed seed.
    """
    if not len(rows):
        return Metric(value=None, low=None, high=None)
    value = statistic(rows)
    if math.isnan(value):
        return Metric(value=None, low=None, high=None)
    generator = np.random.default_rng(_SEED)
    samples = generator.integers(0, len(rows), size=(_RESAMPLES, len(rows)))
    statistics = np.array([statistic(rows[sample]) for sample in samples])
    low, high = np.nanpercentile(statistics, [2.5, 97.5])
    return Metric(value=round(value, 6), low=round(float(low), 6), high=round(float(high), 6))
