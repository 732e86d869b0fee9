"""Every metric of a run: what it is taken from, and how it is summed up over questions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from evals.intervals import NOTHING, Metric, Statistic, bootstrap
from evals.metrics import Floats, aurc, auroc, calibration_error, risks
from evals.results import Item, OperatingPoint, Summary

Row = tuple[float, ...]
_CURVE_POINTS = 200


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric over questions.

    Attributes:
        group, name: `answer`, `hit`.
        row: The numbers that a question adds; None where the metric does not apply to it.
        statistic: Of those rows.
        meaning: In a few words, for people.
        higher_is_better: False for latencies and risks, None where neither is.
    """

    group: str
    name: str
    row: Callable[[Item], Row | None]
    statistic: Statistic
    meaning: str
    higher_is_better: bool | None = True

    @property
    def full_name(self) -> str:
        return f"{self.group}.{self.name}"

    def rows(self, items: Iterable[Item]) -> Floats:
        """The rows of the questions that it applies to. Shape (questions, columns)."""
        rows = [row for item in items if (row := self.row(item)) is not None]
        return np.asarray(rows, np.float64)


def _score(name: str) -> Callable[[Item], Row | None]:
    return lambda item: (item.scores[name],) if name in item.scores else None


def _rank_within(k: int) -> Callable[[Item], Row | None]:
    def row(item: Item) -> Row | None:
        if "mrr@10" not in item.scores:
            return None
        return (float(item.rank_of_evidence is not None and item.rank_of_evidence <= k),)

    return row


def _good_of_all_citations(item: Item) -> Row | None:
    if "good_citations" not in item.scores:
        return None
    return item.scores["good_citations"], float(len(item.citations))


def _any_good_citation(item: Item) -> Row | None:
    return (float(item.scores["good_citations"] > 0),) if "good_citations" in item.scores else None


def _exact_of_all_citations(item: Item) -> Row | None:
    if "exact_citations" not in item.scores:
        return None
    return item.scores["exact_citations"], float(len(item.citations))


def _answered_answerable(item: Item) -> Row | None:
    return (float(item.answered),) if item.answerable else None


def _refused_unanswerable(item: Item) -> Row | None:
    return None if item.answerable else (float(not item.answered),)


def _confidence_and_answerable(item: Item) -> Row:
    return item.confidence, float(item.answerable)


def _confidence_and_right(item: Item) -> Row | None:
    right = item.right_if_answered
    return None if right is None else (item.confidence, float(right))


def _answered(item: Item) -> Row:
    return (float(item.answered),)


def _wrong_of_answered(item: Item) -> Row | None:
    if item.right_if_answered is None:
        return None
    return float(item.answered and not item.right_if_answered), float(item.answered)


def _latency(item: Item) -> Row | None:
    return None if item.latency_ms is None else (item.latency_ms,)


def _mean(samples: Floats) -> Floats:
    means: Floats = samples[..., 0].mean(axis=-1)
    return means


def _ratio(samples: Floats) -> Floats:
    """Sum of the first column over sum of the second: the mean over citations, not questions."""
    totals = samples.sum(axis=-2)
    with np.errstate(invalid="ignore"):
        ratios: Floats = totals[..., 0] / totals[..., 1]
    return ratios


def _percentile(percent: float) -> Statistic:
    return lambda samples: np.percentile(samples[..., 0], percent, axis=-1)


def _of_each(statistic: Callable[[Floats, Floats], float]) -> Statistic:
    return lambda samples: np.array([statistic(s[:, 0], s[:, 1]) for s in samples])


_AUROC = _of_each(lambda scores, labels: auroc(scores, labels > 0.5))
_AURC = _of_each(lambda scores, labels: aurc(scores, labels > 0.5))
_ECE = _of_each(lambda scores, labels: calibration_error(scores, labels > 0.5))


MEASURES: tuple[Measure, ...] = (
    *(
        Measure(
            "retrieval",
            f"recall@{k}",
            _score(f"recall@{k}"),
            _mean,
            f"share of the relevant passages among the first {k}",
        )
        for k in (1, 5, 10)
    ),
    Measure(
        "retrieval", "mrr@10", _score("mrr@10"), _mean, "1 / rank of the first relevant passage"
    ),
    Measure(
        "retrieval", "ndcg@10", _score("ndcg@10"), _mean, "discounted gain over the best possible"
    ),
    *(
        Measure(
            "retrieval",
            f"success@{k}",
            _rank_within(k),
            _mean,
            f"a relevant passage is among the first {k}",
        )
        for k in (1, 3, 5, 10)
    ),
    Measure("answer", "hit", _score("hit"), _mean, "the answer holds an accepted answer"),
    Measure(
        "answer", "exact_match", _score("exact_match"), _mean, "the short answer is an accepted one"
    ),
    Measure("answer", "f1", _score("f1"), _mean, "words the short answer shares with the best one"),
    Measure(
        "answer",
        "completeness",
        _score("completeness"),
        _mean,
        "share of a list's members that the answer holds",
    ),
    Measure(
        "citation",
        "precision",
        _good_of_all_citations,
        _ratio,
        "share of citations that hold an accepted answer or touch the evidence, of answerable "
        "questions",
    ),
    Measure(
        "citation",
        "recall",
        _any_good_citation,
        _mean,
        "answered answerable questions with at least one such citation",
    ),
    Measure(
        "citation",
        "exact",
        _exact_of_all_citations,
        _ratio,
        "share of citations that are exact slices of their document",
    ),
    Measure(
        "citation",
        "sentence_precision",
        _score("sentence_precision"),
        _mean,
        "share of citations that their sentence needs and is backed by",
    ),
    Measure(
        "citation",
        "sentence_recall",
        _score("sentence_recall"),
        _mean,
        "share of sentences that their citations back",
    ),
    Measure(
        "abstention",
        "answered_rate_answerable",
        _answered_answerable,
        _mean,
        "share of the answerable questions that is answered",
    ),
    Measure(
        "abstention",
        "refused_rate_unanswerable",
        _refused_unanswerable,
        _mean,
        "share of the unanswerable questions that is refused",
    ),
    Measure(
        "abstention",
        "auroc",
        _confidence_and_answerable,
        _AUROC,
        "how well the confidence tells answerable from unanswerable",
    ),
    Measure(
        "abstention",
        "auroc_right",
        _confidence_and_right,
        _AUROC,
        "how well the confidence tells right from wrong answers",
    ),
    Measure(
        "abstention",
        "aurc",
        _confidence_and_right,
        _AURC,
        "area under the risk-coverage curve",
        higher_is_better=False,
    ),
    Measure(
        "abstention",
        "ece",
        _confidence_and_right,
        _ECE,
        "how far the confidence is from the share that is right, on average",
        higher_is_better=False,
    ),
    Measure(
        "abstention",
        "coverage",
        _answered,
        _mean,
        "share of all questions that is answered",
        higher_is_better=None,
    ),
    Measure(
        "abstention",
        "risk",
        _wrong_of_answered,
        _ratio,
        "share of the answers given that is wrong",
        higher_is_better=False,
    ),
    *(
        Measure(
            "latency_ms",
            f"p{percent}",
            _latency,
            _percentile(percent),
            f"of questions asked one by one, percentile {percent}",
            higher_is_better=False,
        )
        for percent in (50, 95)
    ),
)
"""All metrics, in the order in which they are shown."""


def summarise(items: Sequence[Item]) -> Summary:
    """All metrics over these questions."""
    groups: dict[str, dict[str, Metric]] = defaultdict(dict)
    for measure in MEASURES:
        rows = measure.rows(items)
        found = bootstrap(rows, measure.statistic) if len(rows) else NOTHING
        groups[measure.group][measure.name] = found
    outcomes = Counter(str(item.outcome) for item in items)
    return Summary(n=len(items), outcomes=dict(outcomes.most_common()), **groups)


def break_down(items: Sequence[Item]) -> dict[str, dict[str, Summary]]:
    """All metrics by kind, by language and, where there are conversations, by turn."""
    keys: dict[str, Callable[[Item], str]] = {
        "kind": lambda item: item.kind,
        "language": lambda item: item.lang,
    }
    if any(item.conversation for item in items):
        names = {0: "single", 1: "first"}
        keys["turn"] = lambda item: names.get(item.turn, "follow-up")
    found = {}
    for name, key in keys.items():
        parts: dict[str, list[Item]] = defaultdict(list)
        for item in items:
            parts[key(item)].append(item)
        found[name] = {value: summarise(part) for value, part in sorted(parts.items())}
    return found


def trace_risk(items: Sequence[Item]) -> tuple[OperatingPoint, ...]:
    """The risk-coverage curve, at the thresholds that can be chosen, thinned out to some 200."""
    rows = np.asarray([row for i in items if (row := _confidence_and_right(i)) is not None])
    if not len(rows):
        return ()
    confidences = -np.sort(-rows[:, 0])
    curve = risks(rows[:, 0], rows[:, 1] > 0.5)
    # Answers of one confidence are given or withheld together.
    ends = np.flatnonzero(np.append(np.diff(confidences) < 0, True))
    if len(ends) > _CURVE_POINTS:
        ends = ends[np.unique(np.linspace(0, len(ends) - 1, _CURVE_POINTS).round().astype(int))]
    return tuple(
        OperatingPoint(
            threshold=float(confidences[end]),
            coverage=round((int(end) + 1) / len(rows), 6),
            risk=round(float(curve[end]), 6),
        )
        for end in ends
    )
