"""What the commands share: settings, errors, progress and output on a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

if TYPE_CHECKING:
    from api.settings import Settings
    from index import Progress

JsonFlag = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on standard output.")
]


def read_settings() -> Settings:
    """The settings of the environment; names what is wrong and exits with 2 if they are not."""
    from api.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        for entry in error.errors():
            name = "CAMPUS_QA_" + "_".join(str(part) for part in entry["loc"]).upper()
            say(f"error: {name}: {entry['msg']}")
        raise typer.Exit(2) from error


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn the rooms' own errors, and Ctrl-C, into one clear line and exit status 1."""
    from api.tracing import TracingError
    from corpus import CorpusError
    from evals import QuestionSetError, RunError
    from index import EmbeddedModelError, EmbedderError, SnapshotError
    from qa import FilterError, ModeError, RerankerError, SpanReaderError

    known = (
        CorpusError,
        EmbeddedModelError,
        EmbedderError,
        FilterError,
        ModeError,
        QuestionSetError,
        RerankerError,
        RunError,
        SnapshotError,
        SpanReaderError,
        TracingError,
    )
    try:
        yield
    except (*known, OSError) as error:
        say(f"error: {error}")
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        say("stopped: the index is as it was")
        raise typer.Exit(1) from error


@contextmanager
def show_progress() -> Iterator[Progress]:
    """A progress bar on standard error, for people; nothing where it is not a terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    with Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as bars:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage)
            bars.update(tasks[stage], completed=done, total=total or None)

        yield show


def print_json(content: object) -> None:
    typer.echo(json.dumps(content, ensure_ascii=False, indent=2))


def say(message: str) -> None:
    """Tell a person, on standard error."""
    print(message, file=sys.stderr)
