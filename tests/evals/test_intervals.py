from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from evals.intervals import bootstrap, difference, randomisation_test
from evals.metrics import Floats


def mean(samples: Floats) -> Floats:
    found: Floats = samples[..., 0].mean(axis=-1)
    return found


def column(values: object) -> Floats:
    return np.asarray(values, np.float64)[:, None]


def test_an_interval_is_the_one_of_scipy() -> None:
    values = np.random.default_rng(3).gamma(2, 1, 300)
    metric = bootstrap(column(values), mean)
    expected = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=9999, random_state=1
    ).confidence_interval
    assert metric.value == pytest.approx(values.mean(), abs=1e-6)
    assert metric.low == pytest.approx(expected.low, abs=0.02)
    assert metric.high == pytest.approx(expected.high, abs=0.02)
    assert bootstrap(column(values), mean) == metric


def test_nothing_measured_is_said_so() -> None:
    assert bootstrap(np.empty((0, 1)), mean).value is None
    never = bootstrap(column([1, 2]), lambda samples: np.full(len(samples), math.nan))
    assert (never.value, never.low, never.high) == (None, None, None)


@pytest.mark.parametrize("size", [8, 60])
def test_the_randomisation_test_is_the_one_of_scipy(size: int) -> None:
    """All swaps are tried for 8 questions, 5,000 drawn for 60."""
    generator = np.random.default_rng(size)
    a = generator.random(size)
    b = a + generator.normal(0.05, 0.2, size)
    expected = stats.permutation_test(
        (a, b),
        lambda x, y, axis: np.mean(y - x, axis=axis),
        permutation_type="samples",
        n_resamples=20_000,
        vectorized=True,
        random_state=1,
    ).pvalue
    found = randomisation_test(column(a), column(b), mean)
    assert found == pytest.approx(expected, abs=1e-9 if size == 8 else 0.02)


def test_equal_runs_do_not_differ() -> None:
    values = column([0, 1, 1])
    assert randomisation_test(values, values, mean) == 1
    assert difference(values, values, mean).value == 0


def test_a_clear_difference_is_sure_and_its_interval_above_zero() -> None:
    a, b = column(np.zeros(40)), column(np.arange(40) % 4 > 0)
    assert randomisation_test(a, b, mean) < 0.001
    found = difference(a, b, mean)
    assert found.value == pytest.approx(0.75)
    assert found.low is not None
    assert found.low > 0.5


def test_swaps_without_a_value_do_not_count() -> None:
    """The mean of the rows whose second column is set; where none is, there is none."""

    def where_set(samples: Floats) -> Floats:
        with np.errstate(invalid="ignore"):
            found: Floats = (samples[..., 0] * samples[..., 1]).sum(-1) / samples[..., 1].sum(-1)
        return found

    a = np.array([[0.0, 1], [1, 0], [1, 0], [1, 0]])
    b = np.array([[1.0, 1], [1, 1], [0, 1], [1, 1]])
    assert 0 < randomisation_test(a, b, where_set) <= 1
    assert math.isnan(
        randomisation_test(
            a,
            b,
            lambda samples: np.where(
                (samples == b).all(axis=(1, 2)) | (samples == a).all(axis=(1, 2)),
                samples[:, 0, 0],
                math.nan,
            ),
        )
    )


def test_chunks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    a = column(np.random.default_rng(1).random(30))
    b = column(np.random.default_rng(2).random(30))
    whole = (bootstrap(a, mean), randomisation_test(a, b, mean))
    monkeypatch.setattr("evals.intervals._CHUNK", 1000)
    assert (bootstrap(a, mean), randomisation_test(a, b, mean)) == whole
