"""Plots as inline SVG: they follow the page's light or dark colours, and need no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup

from evals.intervals import Metric
from evals.metrics import bin_confidences
from evals.results import OperatingPoint

_WIDTH = 460
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 10, 38
_ROW = 24
_LABELS = 170
_BINS = 25


def plot_intervals(title: str, rows: Sequence[tuple[str, Metric]]) -> Markup:
    """A dot with its 95 % interval for each row, on a scale from 0 to 1."""
    height = _TOP + _ROW * len(rows) + _BOTTOM
    x = _Scale(_LABELS, _WIDTH - _RIGHT, 1.0)
    parts = [_vertical_scale(x, height)]
    for number, (label, metric) in enumerate(rows):
        y = _TOP + _ROW * (number + 0.5)
        parts.append(_text(_LABELS - 8, y + 4, label, "end"))
        if metric.value is None or metric.low is None or metric.high is None:
            parts.append(_text(x(0) + 6, y + 4, "not measured", "start"))
            continue
        told = f"{label}: {metric.value:.3f} ({metric.low:.3f} to {metric.high:.3f})"
        parts.append(
            Markup(
                "<g><title>{}</title>"
                '<line class="range" x1="{:.1f}" x2="{:.1f}" y1="{y}" y2="{y}"/>'
                '<circle class="dot" cx="{:.1f}" cy="{y}" r="4.5"/></g>'
            ).format(told, x(metric.low), x(metric.high), x(metric.value), y=y)
        )
    return _svg(title, height, parts)


def plot_risk(
    title: str, curve: Sequence[OperatingPoint], chosen: tuple[float, float] | None
) -> Markup:
    """The risk-coverage curve, with the coverage and risk that the run has."""
    height = 260
    x, y = _plane(height, top=1.0)
    parts = [_axes(x, y, height, 1.0, "share of questions answered", "share of answers wrong")]
    told = "; ".join(
        f"{point.risk:.0%} wrong of {point.coverage:.0%} answered"
        for point in (curve[i * (len(curve) - 1) // 4] for i in range(5))
    )
    path = " ".join(f"{x(point.coverage):.1f},{y(point.risk):.1f}" for point in curve)
    parts.append(Markup('<polyline class="curve" points="{}"/>').format(path))
    if chosen:
        coverage, risk = chosen
        here = f"this run: {coverage:.1%} answered, {risk:.1%} of the answers wrong"
        parts.append(
            Markup(
                '<g><title>{}</title><circle class="chosen" cx="{:.1f}" cy="{:.1f}" r="6"/></g>'
            ).format(here, x(coverage), y(risk))
        )
    return _svg(f"{title}: {told}", height, parts)


def plot_reliability(title: str, confidences: Sequence[float], right: Sequence[bool]) -> Markup:
    """For each tenth of the scale, the share of answers that is right over their mean confidence:
    on the diagonal, a confidence of 0.8 is right four times in five. The larger a dot, the more
    answers it stands for.
    """
    height = 260
    x, y = _plane(height, top=1.0)
    parts = [_axes(x, y, height, 1.0, "confidence", "share right")]
    parts.append(_line(x(0), x(1), y(0), y(1)))
    given, truth = np.asarray(confidences), np.asarray(right, float)
    tenths = bin_confidences(given)
    told = []
    for tenth in np.unique(tenths):
        own = tenths == tenth
        mean, share, count = given[own].mean(), truth[own].mean(), int(own.sum())
        told.append(f"{count} at {mean:.2f}: {share:.0%} right")
        radius = 3 + 9 * np.sqrt(count / len(given))
        parts.append(
            Markup(
                '<g><title>{}</title><circle class="dot" cx="{:.1f}" cy="{:.1f}" r="{:.1f}"/></g>'
            ).format(told[-1], x(mean), y(share), radius)
        )
    return _svg(f"{title}: {'; '.join(told)}", height, parts)


def plot_histogram(
    title: str, series: Mapping[str, Sequence[float]], label: str, reach: tuple[float, float]
) -> Markup:
    """Stacked counts; each series has the class `series-1`, `series-2`, ... of its position."""
    edges = np.linspace(*reach, _BINS + 1)
    counts = {name: np.histogram(values, edges)[0] for name, values in series.items()}
    highest = max(1, int(np.sum(list(counts.values()), axis=0).max()))
    height = 260
    x, y = _plane(height, top=highest)
    parts = [_axes(x, y, height, highest, label, "questions", reach)]
    base = np.zeros(_BINS)
    step = (x(1) - x(0)) / _BINS
    for position, (name, found) in enumerate(counts.items(), start=1):
        for i, count in enumerate(found):
            if count:
                told = f"{name}, {edges[i]:.4g} to {edges[i + 1]:.4g}: {count}"
                parts.append(
                    Markup(
                        '<rect class="series-{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" '
                        'height="{:.1f}"><title>{}</title></rect>'
                    ).format(
                        position,
                        x(0) + i * step + 0.5,
                        y(base[i] + count),
                        step - 1,
                        y(base[i]) - y(base[i] + count),
                        told,
                    )
                )
        base += found
    told = "; ".join(
        f"{name}: {len(values)} questions, median {np.median(values):.3g}"
        for name, values in series.items()
        if len(values)
    )
    return _svg(f"{title}: {told}", height, parts)


class _Scale:
    """Maps 0 to `top` onto pixels."""

    def __init__(self, start: float, end: float, top: float) -> None:
        self._start, self._end, self._top = start, end, top

    def __call__(self, value: float) -> float:
        return self._start + (self._end - self._start) * value / self._top


def _plane(height: int, top: float) -> tuple[_Scale, _Scale]:
    return _Scale(_LEFT, _WIDTH - _RIGHT, 1.0), _Scale(height - _BOTTOM, _TOP, top)


def _axes(
    x: _Scale,
    y: _Scale,
    height: int,
    top: float,
    x_label: str,
    y_label: str,
    reach: tuple[float, float] = (0.0, 1.0),
) -> Markup:
    parts = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        value = reach[0] + (reach[1] - reach[0]) * share
        parts.append(_text(x(share), height - _BOTTOM + 16, f"{value:.4g}", "middle"))
    for share in (0.0, 0.5, 1.0):
        level = y(top * share)
        parts.append(_line(x(0), x(1), level, level))
        parts.append(_text(x(0) - 6, level + 4, f"{top * share:.3g}", "end"))
    parts.append(_text((x(0) + x(1)) / 2, height - 4, x_label, "middle"))
    parts.append(
        Markup(
            '<text class="label" transform="translate(11 {}) rotate(-90)" text-anchor="middle">{}'
            "</text>"
        ).format((_TOP + height - _BOTTOM) / 2, y_label)
    )
    return Markup("").join(parts)


def _vertical_scale(x: _Scale, height: int) -> Markup:
    parts = []
    for tenths in (0, 2, 4, 6, 8, 10):
        place = x(tenths / 10)
        parts.append(_line(place, place, _TOP, height - _BOTTOM))
        parts.append(_text(place, height - _BOTTOM + 16, f"{tenths / 10:.1f}", "middle"))
    return Markup("").join(parts)


def _line(x1: float, x2: float, y1: float, y2: float) -> Markup:
    return Markup('<line class="grid" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>').format(
        x1, x2, y1, y2
    )


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text class="label" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        x, y, anchor, text
    )


def _svg(title: str, height: int, parts: Sequence[Markup]) -> Markup:
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        _WIDTH, height, title, Markup("").join(parts)
    )
