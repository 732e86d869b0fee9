"""The metrics themselves, for one question or over many; pure functions of numbers and ids."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Judgements = Mapping[str, int]
"""Grades of what was judged, by id: above 0 is relevant, what is not named is not."""

BINS = 10


def recall_at(ranking: Sequence[str], judgements: Judgements, k: int) -> float:
    """Share of the relevant items that are among the first k (Manning et al., Introduction to
    Information Retrieval, 2008, chapter 8). 0 if nothing is relevant.
    """
    relevant = _relevant(judgements)
    return len(relevant.intersection(ranking[:k])) / len(relevant) if relevant else 0.0


def reciprocal_rank(ranking: Sequence[str], judgements: Judgements, k: int) -> float:
    """1 / rank of the first relevant item, 0 if none is among the first k (Voorhees, The TREC-8
    Question Answering Track Report, 1999).
    """
    rank = first_rank(ranking[:k], judgements)
    return 0.0 if rank is None else 1 / rank


def ndcg_at(ranking: Sequence[str], judgements: Judgements, k: int) -> float:
    """Normalised discounted cumulative gain: grades discounted by log2(1 + rank), over that of the
    best possible ranking (Järvelin and Kekäläinen, 2002, with trec_eval's discount from rank 1).
    0 if nothing is relevant.
    """
    gain = sum(
        max(0, judgements.get(item, 0)) / math.log2(1 + rank)
        for rank, item in enumerate(ranking[:k], start=1)
    )
    best = sorted((grade for grade in judgements.values() if grade > 0), reverse=True)
    ideal = sum(grade / math.log2(1 + rank) for rank, grade in enumerate(islice(best, k), start=1))
    return gain / ideal if ideal else 0.0


def first_rank(ranking: Sequence[str], judgements: Judgements) -> int | None:
    """Rank of the first relevant item, counted from 1; None if there is none."""
    relevant = _relevant(judgements)
    return next((i for i, item in enumerate(ranking, start=1) if item in relevant), None)


def _relevant(judgements: Judgements) -> set[str]:
    return {item for item, grade in judgements.items() if grade > 0}


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


def calibration_error(confidences: Floats, right: NDArray[np.bool_]) -> float:
    """Expected calibration error: how far the mean confidence of the answers in each tenth of the
    scale is from the share of them that is right, weighed by their number (Guo et al., "On
    Calibration of Modern Neural Networks", 2017, arXiv:1706.04599). NaN without answers.
    """
    if not len(right):
        return math.nan
    tenths = bin_confidences(confidences)
    gaps = np.bincount(tenths, weights=confidences - right, minlength=BINS)
    return float(np.abs(gaps).sum() / len(right))


def bin_confidences(confidences: Floats) -> NDArray[np.int64]:
    """Which tenth of the scale each confidence is in, from 0. Shape (n,)."""
    return np.minimum((np.asarray(confidences) * BINS).astype(np.int64), BINS - 1)


def risks(confidences: Floats, right: NDArray[np.bool_]) -> Floats:
    """The risk-coverage curve (El-Yaniv and Wiener, 2010): at position k - 1, the share of wrong
    answers among the k most confident ones. Shape (n,).

    Among answers of one confidence no order is known; each counts as wrong as they are on average.
    """
    _, group, counts = np.unique(-confidences, return_inverse=True, return_counts=True)
    wrong_share = np.bincount(group, weights=~right) / counts
    errors: Floats = np.repeat(wrong_share, counts)
    curve: Floats = np.cumsum(errors) / np.arange(1, len(errors) + 1)
    return curve


def aurc(confidences: Floats, right: NDArray[np.bool_]) -> float:
    """Area under the risk-coverage curve: the mean of its risks (Geifman et al., 2019,
    arXiv:1805.08206). Lower is better; 0 if every answer is right. NaN without answers.
    """
    return float(risks(confidences, right).mean()) if len(right) else math.nan
