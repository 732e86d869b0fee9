"""The commands that build the index and look at it: `campus-qa index ...`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.terminal import JsonFlag, clear_errors, print_json, read_settings, say, show_progress

if TYPE_CHECKING:
    from index import Build, Manifest

app = typer.Typer(no_args_is_help=True, help="Build the index and look at it.")

_WAITING = "another build is running: waiting for it to end"

Version = Annotated[str | None, typer.Argument(help="As `index list` names it.")]


@app.command("build", epilog="Example: campus-qa index build notes/ report.pdf archive.zip")
def index_build(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Files and folders [default: corpus/documents]", show_default=False),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Rebuild the index from these files and folders, and make it the current one.

    Documents uploaded over HTTP go in as well. Everything is read and embedded anew. Files that
    cannot be read are named; the others go in, and the exit status is 1.
    """
    from api.indexing import DEFAULT_CORPUS

    _run(paths or [DEFAULT_CORPUS], as_json, reuse=False)


@app.command("update", epilog="Example: campus-qa index update")
def index_update(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Files and folders [default: those of the current index]", show_default=False
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Bring the index up to date: only what is new or changed is embedded, what is gone is removed.

    The result is the same as that of `index build`. If nothing has changed, nothing is published.
    Files that cannot be read are named; the others go in, and the exit status is 1.
    """
    _run(paths, as_json, reuse=True)


@app.command("status", epilog="Example: campus-qa index status --json")
def index_status(as_json: JsonFlag = False) -> None:
    """Show what the current index holds and what made it."""
    from index import read_manifest

    settings = read_settings()
    with clear_errors():
        manifest = read_manifest(settings.store.current())
    if as_json:
        print_json(manifest.model_dump(mode="json"))
    else:
        _print_manifest(manifest)
        for entry in manifest.documents:
            typer.echo(f"  {entry.id}  {entry.title}  ({entry.passages} passages)")


@app.command("list", epilog="Example: campus-qa index list")
def index_list(as_json: JsonFlag = False) -> None:
    """List the versions of the index on disk, oldest first; the current one is marked.

    Versions that another version of this program has written are left out.
    """
    from index import SnapshotError

    store = read_settings().store
    with clear_errors():
        manifests = store.manifests()
        try:
            current = store.current_version()
        except SnapshotError:
            # Without documents no version is current; those before them are there all the same.
            if not manifests:
                raise
            current = ""
    if as_json:
        print_json(
            [
                {
                    "version": manifest.version,
                    "current": manifest.version == current,
                    "created_at": manifest.created_at,
                    **manifest.counts.model_dump(),
                }
                for manifest in manifests
            ]
        )
        return
    for manifest in manifests:
        mark = "*" if manifest.version == current else " "
        counts = manifest.counts
        typer.echo(
            f"{mark} {manifest.version}  {manifest.created_at}  "
            f"{counts.documents} documents, {counts.passages} passages"
        )


@app.command("verify", epilog="Example: campus-qa index verify --all")
def index_verify(
    version: Version = None,
    everything: Annotated[bool, typer.Option("--all", help="Check every version.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Check the current index, or another version: checksums, exact slices, counts, vectors.

    The exit status is 1 if anything is wrong.
    """
    from index import verify

    settings = read_settings()
    with clear_errors():
        store = settings.store
        if everything:
            directories = [store.directory(version) for version in store.versions()]
        else:
            directories = [store.directory(version) if version else store.current()]
        found = {directory.name: verify(directory) for directory in directories}
    if as_json:
        reports = [
            {"version": name, "ok": not problems, "problems": problems}
            for name, problems in found.items()
        ]
        print_json(reports if everything else reports[0])
    else:
        for name, problems in found.items():
            typer.echo("\n".join(f"{name}: {p}" for p in problems) or f"{name} is whole")
    if any(found.values()):
        raise typer.Exit(1)


@app.command("rollback", epilog="Example: campus-qa index rollback")
def index_rollback(version: Version = None, as_json: JsonFlag = False) -> None:
    """Make another version the current one; without a name, the one before the current one.

    A running service moves to it by itself. The version left stays on disk.
    """
    settings = read_settings()
    with clear_errors():
        manifest = settings.store.rollback(version, _say_once(_WAITING))
    if as_json:
        print_json(manifest.model_dump(mode="json"))
    else:
        _print_manifest(manifest)


def _run(paths: list[Path] | None, as_json: bool, *, reuse: bool) -> None:
    from api.indexing import run_build

    settings = read_settings()
    with clear_errors(), show_progress() as progress:
        build = run_build(
            settings,
            paths,
            reuse=reuse,
            restore=not reuse,
            progress=progress,
            waiting=_say_once(_WAITING),
        )
    if build is None:
        raise AssertionError("a build by hand is never empty")
    for failure in build.failures:
        say(f"not indexed: {failure.path}: {failure.reason}")
    if as_json:
        print_json(
            {
                **build.manifest.model_dump(mode="json"),
                "changed": build.changed,
                "embedded": {
                    "passages": build.embedded_passages,
                    "sentences": build.embedded_sentences,
                },
                "failures": [{"path": f.path, "reason": f.reason} for f in build.failures],
            }
        )
    else:
        _print_manifest(build.manifest)
        _print_build(build)
    if build.failures:
        raise typer.Exit(1)


def _say_once(message: str) -> Callable[[], None]:
    once = iter([message])

    def tell() -> None:
        for text in once:
            say(text)

    return tell


def _print_manifest(manifest: Manifest) -> None:
    counts = manifest.counts
    typer.echo(f"version    {manifest.version}")
    typer.echo(f"built      {manifest.created_at}")
    typer.echo(f"model      {manifest.model.name} ({manifest.model.dimension} dimensions)")
    typer.echo(
        f"holds      {counts.documents} documents, {counts.passages} passages, "
        f"{counts.sentences} sentences; {counts.repeats} passages say what another one says"
    )


def _print_build(build: Build) -> None:
    if build.changed:
        typer.echo(
            f"embedded   {build.embedded_passages} passages, {build.embedded_sentences} sentences"
        )
    else:
        typer.echo("nothing has changed")
