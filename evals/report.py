"""The report of a run: one HTML page that needs nothing else."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from corpus import Passage, Place
from evals.measures import MEASURES
from evals.plots import plot_histogram, plot_intervals, plot_reliability, plot_risk
from evals.results import EvalResult, Item
from index import Snapshot
from qa import Citation

_HEADLINE = (
    "answer.hit",
    "retrieval.success@1",
    "retrieval.success@5",
    "citation.precision",
    "abstention.answered_rate_answerable",
    "abstention.refused_rate_unanswerable",
)
_BY_KIND = ("answer.hit", "retrieval.success@5", "abstention.coverage")


@dataclass(frozen=True, slots=True)
class _Shown:
    """A passage as it is shown: what is marked in it, and what it is there for."""

    note: str
    language: str
    title: str
    heading: str
    text: Markup


def render_report(result: EvalResult, snapshot: Snapshot) -> str:
    """The page: figures with intervals, plots, and every question with its answer and passages.

    Args:
        result: The run.
        snapshot: The index that it was made with.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    passages = {passage.id: passage for passage in snapshot.passages}
    metrics = {
        measure.full_name: (measure, getattr(result, measure.group)[measure.name])
        for measure in MEASURES
    }
    return environment.get_template("report.html.j2").render(
        result=result,
        model=snapshot.manifest.model.name,
        documents=len(snapshot.documents),
        headline=[metrics[name] for name in _HEADLINE if metrics[name][1].value is not None],
        metrics=list(metrics.values()),
        outcomes=Counter(item.outcome for item in result.items).most_common(),
        plots=_plots(result),
        items=[(item, _shown(item, passages, snapshot)) for item in result.items],
        kinds=sorted({item.kind for item in result.items}),
        languages=sorted({item.lang for item in result.items}),
    )


def _plots(result: EvalResult) -> list[tuple[str, Markup, tuple[str, ...]]]:
    """Title, picture, and the names of the series in it."""
    plots: list[tuple[str, Markup, tuple[str, ...]]] = []
    for name in _BY_KIND:
        group, metric = name.split(".")
        rows = [
            (f"{value} ({part.n})", getattr(part, group)[metric])
            for parts in result.breakdown.values()
            for value, part in parts.items()
        ]
        if any(found.value is not None for _, found in rows):
            title = f"{name} by {', '.join(result.breakdown)}"
            plots.append((title, plot_intervals(title, rows), ()))
    if result.risk_coverage:
        coverage, risk = (result.abstention[key].value for key in ("coverage", "risk"))
        chosen = (coverage, risk) if coverage is not None and risk is not None else None
        title = "Risk and coverage: what answering more costs"
        plots.append((title, plot_risk(title, result.risk_coverage, chosen), ("this run",)))
    scores: dict[str, list[float]] = {"right": [], "wrong": [], "no answer in the documents": []}
    judged = [item for item in result.items if item.right_if_answered is not None]
    for item in judged:
        right = "right" if item.right_if_answered else "wrong"
        name = right if item.answerable else "no answer in the documents"
        scores[name].append(item.confidence)
    if judged:
        title = "Reliability: how often answers of a confidence are right"
        confidences = [item.confidence for item in judged]
        right_ones = [bool(item.right_if_answered) for item in judged]
        plots.append((title, plot_reliability(title, confidences, right_ones), ()))
        title = "Confidence, by what the answer is worth"
        plots.append((title, plot_histogram(title, scores, "confidence", (0, 1)), tuple(scores)))
    latencies = [item.latency_ms for item in result.items if item.latency_ms is not None]
    if latencies:
        title = "Latency of questions asked one by one"
        reach = (0, 10 * math.ceil(max(latencies) / 10))
        picture = plot_histogram(title, {title: latencies}, "milliseconds", reach)
        plots.append((title, picture, ()))
    return plots


def _shown(item: Item, passages: dict[str, Passage], snapshot: Snapshot) -> list[_Shown]:
    """The cited passages with their quotes marked, then the missed evidence."""
    shown = []
    cited: dict[str, list[Citation]] = defaultdict(list)
    for citation in item.citations:
        cited[citation.passage_id].append(citation)
    for passage_id, citations in cited.items():
        note = " ".join(f"[{citation.marker}]" for citation in citations)
        passage = passages[passage_id]
        # Filters place it where the same is said, at places of that document.
        own = [c for c in citations if c.document_id == passage.document_id]
        spans = [(citation.start, citation.end) for citation in own]
        shown.append(_show(note, passage, spans, snapshot, "quote"))
    if item.outcome == "right" or not item.evidence:
        return shown
    ranks = {ranked.passage_id: rank for rank, ranked in enumerate(item.passages, start=1)}
    for passage in passages.values():
        spans = [(p.start, p.end) for p in item.evidence if _stands_in(p, passage)]
        if spans:
            rank = ranks.get(passage.id)
            note = f"evidence, passage {rank}" if rank else "evidence, not among the first ten"
            shown.append(_show(note, passage, spans, snapshot, "evidence"))
    return shown


def _stands_in(place: Place, passage: Passage) -> bool:
    return (
        place.document_id == passage.document_id
        and place.start < passage.end
        and passage.start < place.end
    )


def _show(
    note: str,
    passage: Passage,
    spans: list[tuple[int, int]],
    snapshot: Snapshot,
    name: str,
) -> _Shown:
    text = Markup("")
    last = 0
    for start, end in sorted(spans):
        first, until = max(start - passage.start, last), min(end, passage.end) - passage.start
        if until <= first:
            continue
        text += escape(passage.text[last:first])
        text += Markup('<mark class="{}">{}</mark>').format(name, passage.text[first:until])
        last = until
    text += escape(passage.text[last:])
    document = snapshot.documents[passage.document_id]
    return _Shown(note, document.language, document.title, passage.heading, text)
