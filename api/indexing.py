"""Building the index as the settings say: what the command line and the jobs have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from api.settings import Settings
from corpus import Failure, find_files, read_files, unknown
from index import (
    Build,
    Embedder,
    NothingToIndexError,
    Previous,
    Progress,
    SnapshotError,
    build_snapshot,
    read_manifest,
)

DEFAULT_CORPUS = Path(__file__).parent.parent / "corpus" / "documents"


def run_build(
    settings: Settings,
    paths: Sequence[Path] | None,
    *,
    reuse: bool,
    progress: Progress,
    waiting: Callable[[], None] = lambda: None,
    started: Callable[[], None] = lambda: None,
    dropped: Callable[[Sequence[Failure]], None] = lambda failures: None,
    restore: bool = False,
    may_be_empty: bool = False,
) -> Build | None:
    """Build the index from files and folders, and from what was uploaded, and publish it.

    One builder works at a time, whichever process it is in; another one waits for it.

    Args:
        settings: Where everything is.
        paths: What to read; None for what the current index was built from.
        reuse: Take over what has not changed from the current index.
        progress: Told what is being done.
        waiting: Called if another builder is at work.
        started: Called when no other builder is, before anything is read.
        dropped: Told what could not be read of new uploads, also if the build fails later.
        restore: Bring back the documents that were removed over HTTP.
        may_be_empty: If no document is left because they have been removed over HTTP, have no
            index, rather than keep the one there is.

    Returns:
        What was done; None if no document is left.

    Raises:
        CorpusError: A path does not exist, or two files would be the same document.
        SnapshotError: There is nothing to index, or the settings do not fit the model.
        EmbedderError, EmbeddedModelError: The embedding model cannot be loaded.
    """
    store, uploads = settings.store, settings.uploads
    with store.lock(waiting):
        started()
        unreadable = uploads.accept()
        dropped(unreadable)
        if restore:
            uploads.restore()
        sources = list(paths) if paths is not None else _sources(settings)
        files = uploads.add_to(find_files(sources))
        embedder = Embedder.load(settings.resolve_embedding_model())
        previous = _previous(settings, embedder) if reuse else None
        known = previous.document if previous else unknown
        try:
            build = build_snapshot(
                read_files(files, known, uploads.removed),
                embedder,
                store,
                settings.chunking,
                progress,
                previous=previous,
                sources=sources,
                total=len(files),
            )
        except NothingToIndexError:
            if not may_be_empty or not _may_be_retired(settings):
                raise
            store.retire()
            return None
    return replace(build, failures=(*unreadable, *build.failures))


def _sources(settings: Settings) -> list[Path]:
    """What the current index was built from, or the last one; the shipped documents if there is
    nothing at all.
    """
    store = settings.store
    try:
        directory = store.current()
    except SnapshotError:
        versions = store.versions()
        if not versions:
            return [] if any(settings.uploads.files.iterdir()) else [DEFAULT_CORPUS]
        directory = store.directory(versions[-1])
    return [Path(source) for source in read_manifest(directory).sources]


def _may_be_retired(settings: Settings) -> bool:
    """Whether what is served, if anything, holds what has been removed, and must not stay.

    Otherwise nothing is left by accident, such as a disk that is not there.
    """
    try:
        served = read_manifest(settings.store.current()).documents
    except SnapshotError:
        return True
    return any(entry.id in settings.uploads.removed for entry in served)


def _previous(settings: Settings, embedder: Embedder) -> Previous | None:
    try:
        return Previous(settings.store.current(), embedder.identity)
    except SnapshotError:
        return None
