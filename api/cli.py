"""The command line: `campus-qa`."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from api import cli_doctor, cli_eval, cli_index, cli_keys, cli_mcp
from api.terminal import JsonFlag, clear_errors, read_settings, say

if TYPE_CHECKING:
    from api.settings import Settings
    from qa import Answerer, Filters

# The rooms are imported where they are used: --help and bad usage answer at once.

app = typer.Typer(
    name="campus-qa",
    help="Answer questions about your own documents, with citations that are exact slices of them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(cli_index.app, name="index")
app.add_typer(cli_eval.app, name="eval")
app.add_typer(cli_keys.app, name="keys")
app.command(
    "compare",
    epilog='Example: campus-qa compare before.json after.json --fail-if "answer.hit drops by more '
    'than 0.02"',
)(cli_eval.compare)
app.command("doctor", epilog="Example: campus-qa doctor --json")(cli_doctor.doctor)
app.command("mcp", epilog="Example: campus-qa mcp --http --port 8001")(cli_mcp.mcp)

FilterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="FIELD=VALUE",
        help="Only documents like this (may be repeated): language=fr, date=2021..2025, "
        "document_id=..., or any field of their own.",
    ),
]
TopK = Annotated[int | None, typer.Option(min=1, max=50, help="How many passages come back.")]


@app.command(epilog='Example: campus-qa ask "Qui dirige PariSanté Campus ?"')
def ask(
    question: Annotated[str, typer.Argument(help="In French or English.")],
    top_k: TopK = None,
    mode: Annotated[
        Literal["extractive", "generative"] | None,
        typer.Option(
            help="Sentences of the documents, verbatim, or worded by the LLM, the default where "
            "one is configured."
        ),
    ] = None,
    after: Annotated[
        list[str] | None,
        typer.Option(metavar="QUESTION", help="What was asked before (may be repeated)."),
    ] = None,
    filter: FilterOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Answer a question, with citations."""
    from qa import Turn

    settings = read_settings()
    text, filters = _text(question), _filters(filter)
    history = [Turn(question=_text(asked)) for asked in after or []]
    with clear_errors():
        answerer = _answerer(settings)
        answer = answerer.ask(text, top_k or settings.top_k, filters, history, mode)
    if as_json:
        typer.echo(answer.model_dump_json(indent=2))
        return
    typer.echo(answer.answer)
    if answer.fallback:
        say(f"in the documents' own words: {answer.fallback}")
    typer.echo()
    for citation in answer.citations:
        heading = f", {citation.heading}" if citation.heading else ""
        typer.echo(f"[{citation.marker}] {citation.title}{heading}")
        typer.echo(f"    {citation.source}, characters {citation.start}-{citation.end}")
    if not answer.answered:
        typer.echo("Nearest passages:")
        for passage in answer.passages:
            typer.echo(f"  {passage.title}, characters {passage.start}-{passage.end}")


@app.command(epilog='Example: campus-qa search "entrepôts de données" --mode lexical')
def search(
    query: Annotated[str, typer.Argument(help="In French or English.")],
    top_k: TopK = None,
    mode: Annotated[
        Literal["hybrid", "dense", "lexical"],
        typer.Option(help="How passages are ranked; hybrid is reranked too."),
    ] = "hybrid",
    filter: FilterOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Find passages, best first."""
    settings = read_settings()
    text, filters = _text(query), _filters(filter)
    with clear_errors():
        result = _answerer(settings).search(text, top_k or settings.top_k, mode, filters)
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
        return
    if not result.passages:
        typer.echo("No passage found.")
    for rank, passage in enumerate(result.passages, start=1):
        place = f"{passage.title}, characters {passage.start}-{passage.end}"
        typer.echo(f"{rank}. {passage.score:.3f}  {place}\n{passage.text}\n")


@app.command(epilog="Example: campus-qa serve --port 8080")
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the port.")] = 1,
) -> None:
    """Start the HTTP service."""
    from api.http import create_app
    from api.listening import listen, require_free
    from api.logs import configure_logs
    from api.metrics import shared_by_workers

    settings = read_settings()
    configure_logs(settings)
    with clear_errors():
        # Before the model is loaded, which takes seconds.
        require_free(host, port)
        service = create_app(settings)
    # Of several workers each makes its own; this one has shown that it can be made.
    with shared_by_workers(settings.home) if workers > 1 else nullcontext():
        listen(service if workers == 1 else "api.http:create_app", host, port, workers)


def main() -> None:
    """Entry point of the `campus-qa` command."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    app()


def _answerer(settings: Settings) -> Answerer:
    from api.models import Models

    snapshot = settings.store.load()
    return Models.load(settings).answerer(snapshot)


def _filters(given: list[str] | None) -> Filters | None:
    """The filters of the command line: the same field twice is either value."""
    from qa import Range

    ranges: dict[str, Range] = {}
    values: dict[str, list[str]] = {}
    for text in given or []:
        field, equals, value = text.partition("=")
        first, dots, last = value.partition("..")
        if not field or not equals:
            raise typer.BadParameter(f"{text!r} is not FIELD=VALUE", param_hint="--filter")
        if dots:
            ranges[field] = Range(**{k: v for k, v in (("first", first), ("last", last)) if v})
        else:
            values.setdefault(field, []).append(value)
    return {**values, **ranges} or None


def _text(value: str) -> str:
    from api.schemas import check_text

    try:
        return check_text(value)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
