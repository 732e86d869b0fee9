"""The command line's evaluations: `campus-qa eval` and `campus-qa compare`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from api.terminal import JsonFlag, clear_errors, read_settings, say, show_progress

if TYPE_CHECKING:
    from api.settings import Settings
    from corpus import Document
    from evals import Change, Comparison, EvalResult, QuestionSet, SetCheck
    from index import Embedder, Progress, Snapshot


class _RunsByDefault(TyperGroup):
    """`eval SET` is `eval run SET`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or args[0] not in self.commands:
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_RunsByDefault, help="Measure on a question set; check one.")

SetArgument = Annotated[
    Path, typer.Argument(metavar="SET", help="JSON Lines, SQuAD JSON, or a BEIR folder.")
]
CorpusOption = Annotated[
    list[Path] | None,
    typer.Option(help="An index of this file or folder alone (may be repeated); or SET itself."),
]


@app.command(
    "run",
    epilog="Example: campus-qa eval evals/campus.jsonl --corpus corpus/documents --html run.html. "
    "To check a set: campus-qa eval check --help",
)
def run(
    question_set: SetArgument,
    corpus: CorpusOption = None,
    mode: Annotated[
        Literal["hybrid", "dense", "lexical"],
        typer.Option(help="How passages are ranked; hybrid is reranked too."),
    ] = "hybrid",
    json_file: Annotated[
        str | None,
        typer.Option(
            "--json", metavar="FILE", help="Write all results there; - is standard output."
        ),
    ] = None,
    html_file: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write a report to read in a browser."),
    ] = None,
    gold: Annotated[
        bool,
        typer.Option(
            "--gold",
            help="Answer each question from the documents of its evidence alone: reading without "
            "finding.",
        ),
    ] = False,
    misses: Annotated[
        bool, typer.Option("--misses", help="Show each question that was missed, with the cause.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Ask only the first questions.")] = None,
) -> None:
    """Ask every question of a set and measure retrieval, answers, citations and refusals.

    A set that carries its passages (SQuAD JSON, a BEIR folder) is measured on them, any other on
    the current index, unless --corpus names another corpus. The index made for a corpus is kept and
    used again while the documents are the same; the current index is never touched.
    """
    from api.models import Models
    from evals import evaluate, load_question_set, render_report

    settings = read_settings()
    with clear_errors():
        questions = load_question_set(question_set, limit)
        json_path = None if json_file in (None, "-") else Path(json_file or "")
        for path in (json_path, html_file):
            if path is not None:
                _require_writable(path)
        models = Models.load(settings)
        with show_progress() as progress:
            snapshot, left_out = _snapshot(
                questions, question_set, corpus, settings, models.embedder, progress
            )
            result = evaluate(
                questions,
                models.answerer(snapshot),
                mode=mode,
                gold=gold,
                name=question_set.name,
                progress=progress,
            )
        result = result.model_copy(update={"warnings": (*left_out, *result.warnings)})
        content = result.model_dump_json(indent=2)
        if json_path:
            json_path.write_text(content + "\n", encoding="utf-8")
        if html_file:
            html_file.write_text(render_report(result, snapshot), encoding="utf-8")
    _warn(result.warnings)
    if json_file == "-":
        typer.echo(content)
    else:
        _print_result(result)
        if misses:
            _print_misses(result)


@app.command(
    "check", epilog="Example: campus-qa eval check evals/campus.jsonl --corpus corpus/documents"
)
def check(
    question_set: SetArgument,
    corpus: CorpusOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Look for spans missing from the corpus, duplicates and what unbalances a set.

    Without --corpus, a set that carries its passages is held against them, any other against the
    documents of the current index. Exit status 1 if something makes figures wrong.
    """
    from evals import check_question_set, load_question_set

    settings = read_settings()
    with clear_errors():
        questions = load_question_set(question_set)
        documents, left_out = _documents(questions, question_set, corpus)
        if documents is None:
            documents = tuple(settings.store.load().documents.values())
        found = check_question_set(questions, documents)
    _warn(left_out)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        _print_check(found)
    if any(finding.severity == "error" for finding in found.findings):
        raise typer.Exit(1)


def compare(
    run_a: Annotated[Path, typer.Argument(metavar="RUN_A", help="The run before.")],
    run_b: Annotated[Path, typer.Argument(metavar="RUN_B", help="The run after.")],
    fail_if: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION",
            help='Exit with 1 if it holds (may be repeated): "answer.hit drops by more than 0.02", '
            '"... drops significantly", "latency_ms.p50 rises by more than 20 %", '
            '"citation.exact is below 1".',
        ),
    ] = None,
    show: Annotated[
        int, typer.Option(min=0, help="How many of the questions that changed are shown.")
    ] = 10,
    as_json: JsonFlag = False,
) -> None:
    """Compare two runs of a question set, question by question.

    A run is what `campus-qa eval SET --json FILE` wrote. Differences are tested with a paired
    randomisation test; what changed for better and worse is shown, best read first.
    """
    from evals import GateError, load_run, parse_gate
    from evals import compare as compare_runs

    try:
        gates = [parse_gate(text) for text in fail_if or []]
    except GateError as error:
        raise typer.BadParameter(str(error), param_hint="--fail-if") from error
    with clear_errors():
        found = compare_runs(load_run(run_a), load_run(run_b))
    _warn(found.warnings)
    failures = [failure for gate in gates if (failure := gate.check(found))]
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        _print_comparison(found, show)
    for failure in failures:
        say(f"failed: {failure}")
    if failures:
        raise typer.Exit(1)


def _require_writable(path: Path) -> None:
    """Say before the questions are asked that their results could not be kept."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name a file in it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to write {path} to")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise PermissionError(f"{path} cannot be written")


def _documents(
    questions: QuestionSet, path: Path, corpus: Sequence[Path] | None
) -> tuple[tuple[Document, ...] | None, list[str]]:
    """The corpus to measure on, None for that of the current index, and what it lacks."""
    from corpus import load_corpus
    from evals import QuestionSetError

    if not corpus:
        return questions.documents or None, []
    if [given.resolve() for given in corpus] == [path.resolve()]:
        if not questions.documents:
            raise QuestionSetError(f"{path} carries no passages: name its corpus with --corpus")
        return questions.documents, []
    loaded = load_corpus(corpus)
    return loaded.documents, [f"not in the corpus: {f.path}: {f.reason}" for f in loaded.failures]


def _snapshot(
    questions: QuestionSet,
    path: Path,
    corpus: Sequence[Path] | None,
    settings: Settings,
    embedder: Embedder,
    progress: Progress,
) -> tuple[Snapshot, list[str]]:
    from evals import cached_snapshot

    documents, left_out = _documents(questions, path, corpus)
    if documents is None:
        return settings.store.load(), left_out
    cache = settings.eval_cache
    return cached_snapshot(documents, embedder, settings.chunking, cache, progress), left_out


_SHOWN_WARNINGS = 20


def _warn(warnings: Sequence[str]) -> None:
    for warning in warnings[:_SHOWN_WARNINGS]:
        say(f"warning: {warning}")
    if len(warnings) > _SHOWN_WARNINGS:
        say(f"warning: {len(warnings) - _SHOWN_WARNINGS} more, in --json and --html")


def _print_result(result: EvalResult) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=f"{result.n} questions, {result.mode}, index {result.index_version}")
    for column in ("metric", "value", "95 % interval"):
        table.add_column(column, justify="left" if column == "metric" else "right")
    for group in ("retrieval", "answer", "citation", "abstention", "latency_ms"):
        for name, metric in getattr(result, group).items():
            if metric.value is not None:
                interval = f"{metric.low:.3f} to {metric.high:.3f}"
                table.add_row(f"{group}.{name}", f"{metric.value:.3f}", interval)
    console = Console()
    console.print(table)
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in result.outcomes.items())
    console.print(f"outcomes: {outcomes}", highlight=False)
    for name, parts in result.breakdown.items():
        if len(parts) > 1:
            by = Table(title=f"by {name}")
            for column in (name, "n", "recall@5", "hit", "answered or refused rightly"):
                by.add_column(column, justify="left" if column == name else "right")
            for value, part in parts.items():
                rate = part.outcomes.get("right", 0) / part.n
                figures = (part.retrieval["recall@5"].value, part.answer["hit"].value, rate)
                shown = ("-" if figure is None else f"{figure:.3f}" for figure in figures)
                by.add_row(escape(value), str(part.n), *shown)
            console.print(by)


def _print_misses(result: EvalResult) -> None:
    for item in result.items:
        if item.outcome != "right":
            typer.echo(f"\n{item.id} ({item.kind}, {item.lang}): {item.question}")
            typer.echo(f"  {item.outcome}, confidence {item.confidence:.2f}: {item.answer}")
            accepted = " | ".join(item.accepted) or "nothing: the documents do not tell"
            rank = item.rank_of_evidence or "-"
            typer.echo(f"  accepted: {accepted} (evidence at rank {rank})")


def _print_check(found: SetCheck) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    share = (found.n - found.answerable) / found.n
    console.print(
        f"{found.n} questions, {share:.0%} unanswerable, {found.conversations} conversations"
    )
    for name in ("kinds", "languages", "documents"):
        counts = ", ".join(f"{key} {count}" for key, count in getattr(found, name).items())
        if counts:
            console.print(f"{name}: {counts}", markup=False)
    colours = {"error": "red", "warning": "yellow"}
    for finding in found.findings:
        colour = colours[finding.severity]
        where = f"{finding.question}: " if finding.question else ""
        console.print(f"[{colour}]{finding.severity}[/]: {escape(where + finding.message)}")
    if not found.findings:
        console.print("[green]nothing found that is wrong[/]")


def _print_comparison(found: Comparison, show: int) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    table = Table(title=f"{found.n} questions in both runs")
    for column in ("metric", "n", "a", "b", "b - a", "95 % interval", "p", ""):
        left = column in ("metric", "")
        table.add_column(column, justify="left" if left else "right", no_wrap=column == "metric")
    equal = []
    colours = {"better": "green", "worse": "red", "same": "default"}
    for metric in found.metrics:
        move = metric.difference
        if metric.a is None or metric.b is None or move.value is None:
            continue
        if move.value == move.low == move.high == 0:
            equal.append(metric.name)
            continue
        verdict = "" if metric.verdict == "same" else f"[{colours[metric.verdict]}]{metric.verdict}"
        table.add_row(
            metric.name,
            str(metric.n),
            f"{metric.a:.3f}",
            f"{metric.b:.3f}",
            f"{move.value:+.3f}",
            f"{move.low:+.3f} to {move.high:+.3f}",
            "-" if metric.p_value is None else f"{metric.p_value:.3f}",
            verdict,
        )
    if table.row_count:
        console.print(table)
    if equal:
        console.print(f"no difference: {', '.join(equal)}", soft_wrap=True)
    for title, changes in (("Better in b", found.better), ("Worse in b", found.worse)):
        console.print(f"\n{title}: {len(changes)} questions")
        for change in changes[:show]:
            _print_change(change)


def _print_change(change: Change) -> None:
    typer.echo(f"\n{change.id} ({change.kind}, {change.lang}): {change.question}")
    if change.accepted:
        typer.echo(f"  accepted: {' | '.join(change.accepted)}")
    for name in ("a", "b"):
        outcome, rank, answer = (
            getattr(change, f"{field}_{name}") for field in ("outcome", "rank", "answer")
        )
        typer.echo(f"  {name}: {outcome}, evidence at rank {rank or '-'}: {answer}")
