from __future__ import annotations

import pytest

from qa.logits import to_logit, to_probability, weigh


def test_probabilities_and_their_log_odds_are_each_others_inverse() -> None:
    for probability in (0.001, 0.3, 0.5, 0.99):
        assert to_probability(to_logit(probability)) == pytest.approx(probability)
    assert to_probability(0) == 0.5


def test_extremes_stay_finite() -> None:
    assert to_probability(-5000) == 0
    assert to_probability(5000) == 1
    assert to_logit(0) == pytest.approx(-13.8, abs=0.1)
    assert to_logit(1) == pytest.approx(13.8, abs=0.1)


def test_features_without_a_weight_do_not_count() -> None:
    assert weigh({"a": 2.0, "b": -1.0}, {"a": 3.0, "b": 1.0, "c": 100.0}) == 5
    with pytest.raises(KeyError):
        weigh({"a": 2.0}, {})
