from __future__ import annotations

import math

import ir_measures
import numpy as np
import pytest
from ir_measures import RR, R, ScoredDoc, nDCG
from sklearn.metrics import roc_auc_score

from evals.metrics import aurc, auroc, first_rank, ndcg_at, recall_at, reciprocal_rank, risks


def test_ranking_metrics_worked_by_hand() -> None:
    ranking, judgements = ["a", "b", "c", "d"], {"b": 1, "d": 2, "z": 1, "a": 0}
    assert recall_at(ranking, judgements, 1) == 0
    assert recall_at(ranking, judgements, 2) == pytest.approx(1 / 3)
    assert recall_at(ranking, judgements, 10) == pytest.approx(2 / 3)
    assert first_rank(ranking, judgements) == 2
    assert reciprocal_rank(ranking, judgements, 10) == 0.5
    assert reciprocal_rank(ranking, judgements, 1) == 0
    gain = 1 / math.log2(3) + 2 / math.log2(5)
    ideal = 2 + 1 / math.log2(3) + 1 / math.log2(4)
    assert ndcg_at(ranking, judgements, 10) == pytest.approx(gain / ideal)


def test_without_anything_relevant_they_are_zero() -> None:
    for metric in (recall_at, reciprocal_rank, ndcg_at):
        assert metric(["a"], {"a": 0}, 10) == 0
        assert metric([], {"a": 1}, 10) == 0


def test_ranking_metrics_agree_with_ir_measures() -> None:
    generator = np.random.default_rng(1)
    names = [f"d{i:02}" for i in range(30)]
    for _ in range(200):
        grades = generator.integers(0, 4, 30) * (generator.random(30) < 0.3)
        judgements = {n: int(g) for n, g in zip(names, grades, strict=True) if g}
        if not judgements:
            continue
        ranking = generator.permutation(names)[: generator.integers(1, 30)].tolist()
        run = [ScoredDoc("q", name, -rank) for rank, name in enumerate(ranking)]
        measures = [R @ 1, R @ 5, R @ 10, RR @ 10, nDCG @ 10]
        expected = ir_measures.calc_aggregate(measures, {"q": judgements}, run)
        for k, measure in ((1, R @ 1), (5, R @ 5), (10, R @ 10)):
            assert recall_at(ranking, judgements, k) == pytest.approx(expected[measure], abs=1e-9)
        assert reciprocal_rank(ranking, judgements, 10) == pytest.approx(
            expected[RR @ 10], abs=1e-9
        )
        assert ndcg_at(ranking, judgements, 10) == pytest.approx(expected[nDCG @ 10], abs=1e-9)


def test_auroc_agrees_with_scikit_learn() -> None:
    generator = np.random.default_rng(2)
    for _ in range(50):
        labels = generator.integers(0, 2, 40).astype(bool)
        scores = generator.integers(0, 8, 40).astype(float)
        assert auroc(scores, labels) == pytest.approx(roc_auc_score(labels, scores), abs=1e-9)


def test_risk_and_coverage_worked_by_hand() -> None:
    confidences = np.array([0.2, 0.9, 0.6, 0.8])
    right = np.array([False, True, True, False])
    assert risks(confidences, right).tolist() == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])
    assert aurc(confidences, right) == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert aurc(confidences, np.ones(4, bool)) == 0
    assert aurc(confidences, np.zeros(4, bool)) == 1


def test_the_area_is_the_mean_over_all_orders_of_equally_confident_answers() -> None:
    generator = np.random.default_rng(4)
    confidences = generator.integers(0, 4, 25) / 4
    right = generator.integers(0, 2, 25).astype(bool)
    areas = []
    for _ in range(4000):
        shuffled = generator.permutation(25)
        order = shuffled[np.argsort(-confidences[shuffled], kind="stable")]
        areas.append(np.mean(np.cumsum(~right[order]) / np.arange(1, 26)))
    assert aurc(confidences, right) == pytest.approx(np.mean(areas), abs=0.005)
