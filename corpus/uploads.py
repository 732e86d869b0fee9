"""Uploads: documents handed over one by one, kept in a folder of the service's own."""

from __future__ import annotations

import os
import re
import tempfile
import time
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from corpus.documents import Document
from corpus.durability import sync
from corpus.sources import CorpusError, Failure, SourceFile, find_files, read_files

_LONGEST_NAME = 200
_FORBIDDEN = frozenset('/\\<>:"|?*')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)\s*(\.|$)", re.IGNORECASE)
_TURNS_TEXT_AROUND = re.compile("[\u202a-\u202e\u2066-\u2069]")
_TEMPORARY = ".receiving-"
_ABANDONED_AFTER = 24 * 3600
_MOST_TRIES = 2


class Uploads:
    """A folder with `files/`, what has been accepted; `incoming/`, what was handed over and not
    looked at yet; `checking/`, what a builder is looking at; and `removed/`, an empty file for each
    document to leave out, by id.

    Every change is one atomic step, so that a crash leaves either the old or the new. Any process
    may receive and remove at any time; of an upload and a removal the later one counts.
    """

    def __init__(self, folder: Path) -> None:
        self.files = folder / "files"
        self._incoming = folder / "incoming"
        self._checking = folder / "checking"
        self._removed = folder / "removed"

    def receive(self, files: Mapping[str, Iterable[bytes]]) -> None:
        """Keep files, given by name, until a builder accepts them; one of the same name takes the
        place of another. None is kept unless all of them can be.

        Raises:
            CorpusError: A name cannot be used (see `check_name`).
        """
        for name in files:
            check_name(name)
        self._incoming.mkdir(parents=True, exist_ok=True)
        written: dict[str, Path] = {}
        try:
            for name, chunks in files.items():
                descriptor, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=self._incoming)
                written[name] = Path(temporary)
                with os.fdopen(descriptor, "wb") as file:
                    file.writelines(chunks)
                    file.flush()
                    os.fsync(file.fileno())
            for name, path in written.items():
                _date(path)
                os.replace(path, self._incoming / unicodedata.normalize("NFC", name))
            sync(self._incoming)
        finally:
            for path in written.values():
                path.unlink(missing_ok=True)

    def accept(self) -> list[Failure]:
        """Take in what was received, in place of older files of the same names.

        A file that holds no document that can be read is dropped, and the older one stays. Only the
        builder that holds the index's lock may call it.

        Returns:
            What could not be read of the files that were dropped.
        """
        failures: list[Failure] = []
        for folder in (self._checking, self._incoming, self.files):
            folder.mkdir(parents=True, exist_ok=True)
        for source in self._received():
            received = source.file.stat().st_mtime_ns
            ids: set[str] = set()
            found: list[Failure] = []
            for result in self._look_at(source):
                if isinstance(result, Document):
                    ids.add(result.id)
                else:
                    found.append(result)
            wanted = {identifier for identifier in ids if self._removed_at(identifier) < received}
            if wanted:
                for identifier in wanted:
                    (self._removed / identifier).unlink(missing_ok=True)
                os.replace(source.file, self.files / source.path)
            else:
                # Unreadable, or removed again since.
                failures += found if not ids else []
                source.file.unlink()
        return failures

    def remove(self, document: Document) -> None:
        """Leave a document out from now on; the file it came from, if it was uploaded, goes.

        One of several in a file (an archive, records) is left out, and the file stays.
        """
        self._removed.mkdir(parents=True, exist_ok=True)
        marker = self._removed / document.id
        marker.touch()
        _date(marker)
        sync(self._removed)
        if "/" not in document.path:
            (self.files / document.path).unlink(missing_ok=True)

    def restore(self) -> None:
        """Leave nothing out any more."""
        for identifier in self.removed:
            (self._removed / identifier).unlink(missing_ok=True)

    @property
    def removed(self) -> frozenset[str]:
        """Ids of the documents to leave out."""
        try:
            return frozenset(path.name for path in self._removed.iterdir())
        except FileNotFoundError:
            return frozenset()

    def add_to(self, files: list[SourceFile]) -> list[SourceFile]:
        """Files to read, with the uploaded ones; of two with one path, the uploaded one."""
        own = find_files([self.files]) if self.files.is_dir() else []
        together = {unicodedata.normalize("NFC", file.path): file for file in (*files, *own)}
        return sorted(together.values(), key=lambda file: file.path)

    def _received(self) -> Iterator[SourceFile]:
        """Each file to look at, set aside first: one that comes in meanwhile is looked at later."""
        for file in self._incoming.glob(f"{_TEMPORARY}*"):
            if time.time() - file.stat().st_mtime > _ABANDONED_AFTER:
                file.unlink()
        # What a builder was looking at when it died.
        yield from find_files([self._checking])
        for source in find_files([self._incoming]):
            file = self._checking / source.path
            os.replace(source.file, file)
            yield SourceFile(file, source.path)

    def _look_at(self, source: SourceFile) -> Iterator[Document | Failure]:
        """What is in a file; a failure if looking at it has killed the process before."""
        tries = self._checking / f".{source.path}.tries"
        with tries.open("ab") as file:
            file.write(b".")
        try:
            if tries.stat().st_size > _MOST_TRIES:
                yield Failure(source.path, "the program broke down while reading it: it is damaged")
            else:
                yield from read_files([source])
        finally:
            tries.unlink()

    def _removed_at(self, identifier: str) -> int:
        try:
            return (self._removed / identifier).stat().st_mtime_ns
        except FileNotFoundError:
            return -1


def check_name(name: str) -> None:
    """Raise CorpusError unless a file of this name stays in its folder, on any system."""
    if not name.strip(" ."):
        raise CorpusError("a file needs a name")
    if _FORBIDDEN & set(name) or any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in name):
        raise CorpusError(f"{name!r} is not the name of a file: leave out folders and signs")
    if name.startswith("."):
        raise CorpusError(
            f"{name!r} would be hidden: give it a name that does not begin with a dot"
        )
    if any(0xD800 <= ord(c) <= 0xDFFF for c in name):
        raise CorpusError(f"{name!r} is not UTF-8: rename it")
    if _DEVICES.match(name) or _TURNS_TEXT_AROUND.search(name) or name != name.strip().rstrip("."):
        raise CorpusError(f"{name!r} is not a name that every system can keep: rename it")
    if len(name.encode()) > _LONGEST_NAME:
        raise CorpusError(f"{name[:40]!r}... is too long: the most is {_LONGEST_NAME} bytes")


def _date(path: Path) -> None:
    """Set the time of a file; the clock of the file system is too coarse to tell what was later."""
    now = time.time_ns()
    os.utime(path, ns=(now, now))
