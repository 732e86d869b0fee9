"""Conditions under which a comparison fails, as people write them: "answer.hit drops by more than
0.02".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from evals.compare import Comparison
from evals.measures import MEASURES

_GRAMMAR = (
    'METRIC drops|rises, alone or with "by more than X", "by more than X %" or "significantly"; '
    "METRIC is below|above X"
)

_CONDITION = re.compile(
    r"""(?P<metric>[\w@.]+)\s+
    (?: (?P<move>drops|rises)
        (?:\s+by\s+more\s+than\s+ (?P<by>\d*\.?\d+) \s*(?P<percent>%)?
          | \s+(?P<sure>significantly) )?
      | is\s+ (?P<side>below|above)\s+ (?P<bound>-?\d*\.?\d+) )""",
    re.VERBOSE,
)


class GateError(ValueError):
    """A condition that cannot be read; the message says what can."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition under which a comparison fails.

    Attributes:
        text: As it was written.
        metric: Full name of the metric.
        sign: -1 where it fails below, 1 where it fails above.
        amount: How far b may move from a, or what it may not pass.
        relative: Whether the amount is a share of a's value.
        absolute: Whether b alone counts, all of it.
        significant: Whether only a move with p below 0.05 fails.
    """

    text: str
    metric: str
    sign: int
    amount: float
    relative: bool = False
    absolute: bool = False
    significant: bool = False

    def check(self, comparison: Comparison) -> str | None:
        """Why the comparison fails; None if it does not.

        What was not measured fails, and so does a second run that lacks questions of the first: a
        gate that cannot see must not open.
        """
        found = next(metric for metric in comparison.metrics if metric.name == self.metric)
        if self.absolute:
            if found.b_whole is None:
                return f"{self.text}: {self.metric} was not measured in the second run"
            failed = self.sign * (found.b_whole - self.amount) > 0
            return f"{self.text}: it is {found.b_whole:.4g}" if failed else None
        if comparison.only_in_a:
            return f"{self.text}: {len(comparison.only_in_a)} questions are not in the second run"
        if found.a is None or found.b is None:
            return f"{self.text}: {self.metric} was not measured in both runs"
        allowed = self.amount * abs(found.a) if self.relative else self.amount
        # A move of 0.02 as floating point may be a hair more.
        failed = self.sign * (found.b - found.a) > allowed + 1e-9
        if self.significant and found.p_value is not None:
            failed = failed and found.p_value < 0.05
        figures = f"{found.a:.4g} in the first run, {found.b:.4g} in the second"
        return f"{self.text}: {figures}" if failed else None


def parse_gate(text: str) -> Gate:
    """Read a condition. Raises GateError if it is not one, or names no metric."""
    match = _CONDITION.fullmatch(" ".join(text.split()))
    if match is None:
        raise GateError(f"{text!r} is not a condition: {_GRAMMAR}")
    names = [measure.full_name for measure in MEASURES]
    if match["sure"] and match["metric"].startswith("latency_ms."):
        raise GateError(f"{text!r}: latencies of two runs are not tested, say by how much instead")
    if match["metric"] not in names:
        raise GateError(f"{match['metric']!r} is not a metric: {', '.join(names)}")
    if match["side"]:
        sign = -1 if match["side"] == "below" else 1
        return Gate(text, match["metric"], sign, float(match["bound"]), absolute=True)
    return Gate(
        text,
        match["metric"],
        -1 if match["move"] == "drops" else 1,
        float(match["by"] or 0) / (100 if match["percent"] else 1),
        relative=bool(match["percent"]),
        significant=bool(match["sure"]),
    )
