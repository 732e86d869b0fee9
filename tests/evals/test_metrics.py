from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import ndcg_score, roc_auc_score

from evals.metrics import (
    auroc,
    mean,
    ndcg_at,
    percentile,
    ratio,
    recall_at,
    reciprocal_rank,
    separation,
)


def test_ranking_metrics_worked_by_hand() -> None:
    ranking, relevant = ["a", "b", "c", "d"], {"b", "d", "z"}
    assert recall_at(ranking, relevant, 1) == 0
    assert recall_at(ranking, relevant, 2) == pytest.approx(1 / 3)
    assert recall_at(ranking, relevant, 10) == pytest.approx(2 / 3)
    assert reciprocal_rank(ranking, relevant, 10) == 0.5
    assert reciprocal_rank(ranking, relevant, 1) == 0
    gain = 1 / math.log2(3) + 1 / math.log2(5)
    ideal = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    assert ndcg_at(ranking, relevant, 10) == pytest.approx(gain / ideal)


def test_ndcg_agrees_with_scikit_learn() -> None:
    generator = np.random.default_rng(1)
    for _ in range(50):
        labels = generator.integers(0, 2, 20)
        if not labels.any():
            continue
        scores = generator.permutation(20)
        ranking = np.argsort(-scores).tolist()
        relevant = set(np.flatnonzero(labels).tolist())
        expected = ndcg_score([labels], [scores], k=10)
        assert ndcg_at(ranking, relevant, 10) == pytest.approx(expected, abs=1e-9)


def test_auroc_agrees_with_scikit_learn() -> None:
    generator = np.random.default_rng(2)
    for _ in range(50):
        labels = generator.integers(0, 2, 40).astype(bool)
        scores = generator.integers(0, 8, 40).astype(float)
        assert auroc(scores, labels) == pytest.approx(roc_auc_score(labels, scores), abs=1e-9)


def test_intervals() -> None:
    values = np.random.default_rng(3).integers(0, 2, 400).tolist()
    metric = mean(values)
    spread = 1.96 * math.sqrt(np.var(values) / len(values))
    assert metric.value == pytest.approx(np.mean(values))
    assert metric.low == pytest.approx(np.mean(values) - spread, abs=0.01)
    assert metric.high == pytest.approx(np.mean(values) + spread, abs=0.01)
    assert mean(values) == metric


def test_ratio_and_percentile() -> None:
    assert ratio([1, 0, 2], [1, 1, 2]).value == 0.75
    assert percentile([1, 2, 3, 4, 5], 50).value == 3


def test_nothing_measured_is_said_so() -> None:
    for metric in (mean([]), ratio([], []), ratio([0], [0]), separation([0.1, 0.2], [True, True])):
        assert (metric.value, metric.low, metric.high) == (None, None, None)
