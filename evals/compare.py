"""Two runs of one question set, question by question."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from evals.intervals import NOTHING, Metric, difference, randomisation_test
from evals.measures import MEASURES, Measure
from evals.results import EvalResult, Item, Outcome, RunError


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class MetricComparison(_Frozen):
    """A metric in both runs, over the questions that it applies to in both.

    Attributes:
        n: How many questions those are.
        b_whole: b over all questions of its run, also those that the other run lacks or that it
            applies to there alone.
        difference: b less a, with its 95 % bootstrap interval.
        p_value: Of the paired randomisation test; None for latencies, which were taken at different
            times, so that a question's two figures are no pair, and where the metric is undefined
            for most of the swaps.
        verdict: `better` or `worse` where p is below 0.05 and the metric has a better side.
    """

    name: str
    n: int
    a: float | None
    b: float | None
    b_whole: float | None
    difference: Metric
    p_value: float | None
    verdict: Literal["better", "worse", "same"]


class Change(_Frozen):
    """A question that went otherwise: its outcome, or the rank of its evidence."""

    id: str
    lang: str
    kind: str
    question: str
    accepted: tuple[str, ...]
    outcome_a: Outcome
    outcome_b: Outcome
    rank_a: int | None
    rank_b: int | None
    answer_a: str
    answer_b: str


class Comparison(_Frozen):
    """What changed from run a to run b.

    Attributes:
        n: Questions in both runs.
        only_in_a, only_in_b: Ids of the others, which are left out of everything.
        better, worse: Questions answered rightly in one run alone; then those whose evidence moved
            up or down within the first ten, where the outcome did not tell.
        warnings: What makes the two runs less than comparable.
    """

    n: int
    only_in_a: tuple[str, ...]
    only_in_b: tuple[str, ...]
    metrics: tuple[MetricComparison, ...]
    better: tuple[Change, ...]
    worse: tuple[Change, ...]
    warnings: tuple[str, ...]


def compare(a: EvalResult, b: EvalResult) -> Comparison:
    """Compare two runs.

    Raises:
        RunError: They share no question, or an id stands for different questions.
    """
    in_a, in_b = ({item.id: item for item in run.items} for run in (a, b))
    shared = [key for key in in_a if key in in_b]
    if not shared:
        raise RunError("the two runs have no question in common: compare runs of one question set")
    for key in shared:
        if in_a[key].question != in_b[key].question:
            raise RunError(
                f"{key} is another question in each run ({in_a[key].question!r} and "
                f"{in_b[key].question!r}): compare runs of one question set"
            )
    pairs = [(in_a[key], in_b[key]) for key in shared]
    moves = [(_direction(one, other), one, other) for one, other in pairs]
    moves.sort(key=lambda move: -abs(move[0]))
    return Comparison(
        n=len(shared),
        only_in_a=tuple(key for key in in_a if key not in in_b),
        only_in_b=tuple(key for key in in_b if key not in in_a),
        metrics=tuple(_compare_metric(measure, pairs, b.items) for measure in MEASURES),
        better=tuple(_change(one, other) for move, one, other in moves if move > 0),
        worse=tuple(_change(one, other) for move, one, other in moves if move < 0),
        warnings=tuple(_warn(a, b, pairs)),
    )


def _warn(a: EvalResult, b: EvalResult, pairs: Sequence[tuple[Item, Item]]) -> Iterator[str]:
    for name, one, other in (("first", a, b), ("second", b, a)):
        known = {item.id for item in other.items}
        lost = sum(item.id not in known for item in one.items)
        if lost:
            yield f"{lost} questions are in the {name} run alone and left out"
    changed = [x.id for x, y in pairs if x.accepted != y.accepted]
    if changed:
        yield f"other answers are accepted for {len(changed)} questions, such as {changed[0]}"
    if a.mode != b.mode:
        yield f"passages were ranked by {a.mode} in the first run, by {b.mode} in the second"
    if a.gold != b.gold:
        yield "one of the runs answered each question from its own document alone"
    if a.reranker != b.reranker:
        yield f"the reranker was {a.reranker} in the first run, {b.reranker} in the second"


def _compare_metric(
    measure: Measure, pairs: Sequence[tuple[Item, Item]], all_b: Sequence[Item]
) -> MetricComparison:
    rows = [
        (one, other)
        for a, b in pairs
        if (one := measure.row(a)) is not None and (other := measure.row(b)) is not None
    ]
    whole = measure.rows(all_b)
    b_whole = _value(measure, whole) if len(whole) else None
    if not rows:
        return MetricComparison(
            name=measure.full_name,
            n=0,
            a=None,
            b=None,
            b_whole=b_whole,
            difference=NOTHING,
            p_value=None,
            verdict="same",
        )
    table = np.asarray(rows, np.float64)
    in_a, in_b = table[:, 0], table[:, 1]
    found = difference(in_a, in_b, measure.statistic)
    testable = found.value is not None and measure.group != "latency_ms"
    p_value = randomisation_test(in_a, in_b, measure.statistic) if testable else None
    if p_value is not None and math.isnan(p_value):
        p_value = None
    verdict: Literal["better", "worse", "same"] = "same"
    if p_value is not None and p_value < 0.05 and measure.higher_is_better is not None:
        verdict = "better" if ((found.value or 0) > 0) == measure.higher_is_better else "worse"
    return MetricComparison(
        name=measure.full_name,
        n=len(rows),
        a=_value(measure, in_a),
        b=_value(measure, in_b),
        b_whole=b_whole,
        difference=found,
        p_value=None if p_value is None else round(p_value, 6),
        verdict=verdict,
    )


def _value(
    measure: Measure, rows: np.ndarray[tuple[int, int], np.dtype[np.float64]]
) -> float | None:
    value = float(measure.statistic(rows[None])[0])
    return None if np.isnan(value) else round(value, 6)


def _direction(a: Item, b: Item) -> float:
    """Above 0 if b is better, below if it is worse; an outcome weighs more than any rank."""
    outcome = (b.outcome == "right") - (a.outcome == "right")
    return 2.0 * outcome or b.scores.get("mrr@10", 0.0) - a.scores.get("mrr@10", 0.0)


def _change(a: Item, b: Item) -> Change:
    return Change(
        id=a.id,
        lang=a.lang,
        kind=a.kind,
        question=a.question,
        accepted=a.accepted,
        outcome_a=a.outcome,
        outcome_b=b.outcome,
        rank_a=a.rank_of_evidence,
        rank_b=b.rank_of_evidence,
        answer_a=a.answer,
        answer_b=b.answer,
    )
