"""Uploads: documents handed over one by one, kept in a folder of the service's own."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from corpus.documents import Document
from corpus.sources import CorpusError, Failure, SourceFile, find_files, read_files

_LONGEST_NAME = 200
_FORBIDDEN = frozenset('/\\<>:"|?*')
_TEMPORARY = ".receiving-"


class Uploads:
    """A folder with `files/`, what has been accepted; `incoming/`, what was handed over and not
    looked at yet; and `removed.json`, the ids of documents to leave out.

    Every change is one atomic step, so that a crash leaves either the old or the new.
    """

    def __init__(self, folder: Path) -> None:
        self.files = folder / "files"
        self._incoming = folder / "incoming"
        self._removed = folder / "removed.json"

    def receive(self, name: str, chunks: Iterable[bytes]) -> None:
        """Keep a file until a builder accepts it; one of the same name takes its place.

        Raises:
            CorpusError: The name cannot be used (see `check_name`).
        """
        check_name(name)
        self._incoming.mkdir(parents=True, exist_ok=True)
        _write(self._incoming / name, chunks)

    def accept(self) -> list[Failure]:
        """Take in what was received, in place of older files of the same names.

        A file that holds no document that can be read is dropped, and the older one stays. Only the
        builder that holds the index's lock may call it.

        Returns:
            What could not be read of the files that were dropped.
        """
        failures: list[Failure] = []
        received = [self._incoming] if self._incoming.is_dir() else []
        for source in find_files(received):
            results = list(read_files([source]))
            documents = [result for result in results if isinstance(result, Document)]
            if documents:
                self.files.mkdir(parents=True, exist_ok=True)
                os.replace(source.file, self.files / source.path)
                self._set_removed(self.removed - {document.id for document in documents})
            else:
                failures += [result for result in results if isinstance(result, Failure)]
                source.file.unlink()
        return failures

    def remove(self, document: Document) -> None:
        """Leave a document out from now on; the file it came from, if it was uploaded, goes.

        One of several in a file (an archive, records) is left out, and the file stays.
        """
        self._set_removed(self.removed | {document.id})
        if "/" not in document.path:
            (self.files / document.path).unlink(missing_ok=True)

    def restore(self) -> None:
        """Leave nothing out any more."""
        self._set_removed(frozenset())

    @property
    def removed(self) -> frozenset[str]:
        """Ids of the documents to leave out."""
        try:
            return frozenset(json.loads(self._removed.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return frozenset()

    def add_to(self, files: list[SourceFile]) -> list[SourceFile]:
        """Files to read, with the uploaded ones; of two with one path, the uploaded one."""
        own = find_files([self.files]) if self.files.is_dir() else []
        together = {file.path: file for file in (*files, *own)}
        return [together[path] for path in sorted(together)]

    def _set_removed(self, ids: frozenset[str]) -> None:
        if ids != self.removed:
            self._removed.parent.mkdir(parents=True, exist_ok=True)
            _write(self._removed, [json.dumps(sorted(ids)).encode()])


def check_name(name: str) -> None:
    """Raise CorpusError unless a file of this name stays in its folder, on any system."""
    if not name.strip(" ."):
        raise CorpusError("a file needs a name")
    if _FORBIDDEN & set(name) or any(ord(c) < 32 or ord(c) == 127 for c in name):
        raise CorpusError(f"{name!r} is not the name of a file: leave out folders and signs")
    if name.startswith("."):
        raise CorpusError(
            f"{name!r} would be hidden: give it a name that does not begin with a dot"
        )
    if any(0xD800 <= ord(c) <= 0xDFFF for c in name):
        raise CorpusError(f"{name!r} is not UTF-8: rename it")
    if len(name.encode()) > _LONGEST_NAME:
        raise CorpusError(f"{name[:40]!r}... is too long: the most is {_LONGEST_NAME} bytes")


def _write(target: Path, chunks: Iterable[bytes]) -> None:
    descriptor, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
