"""How sure a figure is: bootstrap intervals, and the paired randomisation test."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from evals.metrics import Floats

_RESAMPLES = 1000
_PERMUTATIONS = 5000
_SEED = 20201204
_CHUNK = 2_000_000

Statistic = Callable[[Floats], Floats]
"""Of samples of rows, shape (samples, questions, columns), one value each, shape (samples,)."""


class Metric(BaseModel):
    """A value with the bounds of its 95 % interval; all three None where nothing was measured."""

    model_config = ConfigDict(frozen=True)

    value: float | None
    low: float | None
    high: float | None


NOTHING = Metric(value=None, low=None, high=None)


def bootstrap(rows: Floats, statistic: Statistic) -> Metric:
    """A statistic of rows, shape (questions, columns), with its percentile bootstrap interval
    (Efron and Tibshirani, 1993): 1,000 resamples of whole questions, from a fixed seed.
    """
    if not len(rows):
        return NOTHING
    value = float(statistic(rows[None])[0])
    if math.isnan(value):
        return NOTHING
    generator = np.random.default_rng(_SEED)
    found = []
    for size in _chunks(_RESAMPLES, len(rows)):
        chosen = generator.integers(0, len(rows), size=(size, len(rows)))
        found.append(statistic(rows[chosen]))
    low, high = np.nanpercentile(np.concatenate(found), [2.5, 97.5])
    return Metric(value=round(value, 6), low=round(float(low), 6), high=round(float(high), 6))


def randomisation_test(a: Floats, b: Floats, statistic: Statistic) -> float:
    """Two-sided p value of the paired randomisation test (Noreen, 1989; Smucker et al., "A
    Comparison of Statistical Significance Tests for Information Retrieval Evaluation", 2007).

    Under the null hypothesis it does not matter which run a question's row came from: rows are
    swapped at random, 5,000 times from a fixed seed, and p is the share of differences at least as
    large as the one observed, which counts as one of them. All swaps are tried if there are fewer.
    Swaps for which the statistic is undefined do not count; NaN if most are.

    Args:
        a: Rows of the questions in one run, shape (questions, columns).
        b: Rows of the same questions in the other.
        statistic: What is compared.
    """
    differ = np.flatnonzero((a != b).any(axis=1))
    observed = _difference(a, b, statistic)
    if not len(differ) or math.isnan(observed):
        return 1.0
    exact = 2 ** len(differ) <= _PERMUTATIONS
    generator = np.random.default_rng(_SEED)
    count, defined, extreme = 0, 0, 0
    total = 2 ** len(differ) if exact else _PERMUTATIONS
    for size in _chunks(total, len(a)):
        if exact:
            numbers = np.arange(count, count + size)[:, None]
            swap = (numbers >> np.arange(len(differ)) & 1).astype(bool)
        else:
            swap = generator.integers(0, 2, size=(size, len(differ))).astype(bool)
        found = _swapped_differences(a, b, differ, swap, statistic)
        defined += int((~np.isnan(found)).sum())
        # Sums in another order differ in the last bits.
        extreme += int((np.abs(found) >= abs(observed) - 1e-12).sum())
        count += size
    if 2 * defined < count:
        return math.nan
    return extreme / defined if exact else (extreme + 1) / (defined + 1)


def _swapped_differences(
    a: Floats,
    b: Floats,
    differ: NDArray[np.intp],
    swap: NDArray[np.bool_],
    statistic: Statistic,
) -> Floats:
    samples_a, samples_b = (np.repeat(rows[None], len(swap), axis=0) for rows in (a, b))
    chosen = swap[:, :, None]
    samples_a[:, differ] = np.where(chosen, b[differ], a[differ])
    samples_b[:, differ] = np.where(chosen, a[differ], b[differ])
    return statistic(samples_a) - statistic(samples_b)


def difference(a: Floats, b: Floats, statistic: Statistic) -> Metric:
    """A statistic of b less that of a, with its bootstrap interval; rows as in the test above."""
    columns = a.shape[1]

    def less(samples: Floats) -> Floats:
        return statistic(samples[..., columns:]) - statistic(samples[..., :columns])

    return bootstrap(np.concatenate([a, b], axis=1), less)


def _difference(a: Floats, b: Floats, statistic: Statistic) -> float:
    return float(statistic(b[None])[0] - statistic(a[None])[0])


def _chunks(total: int, questions: int) -> list[int]:
    """Sizes that add up to `total`, each small enough to be held in memory."""
    size = max(1, _CHUNK // questions)
    return [min(size, total - first) for first in range(0, total, size)]
