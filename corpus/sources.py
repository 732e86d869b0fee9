"""Sources: files, folders and archives in, documents out, one at a time."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path, PurePosixPath

from corpus.content import ContentError
from corpus.documents import Document, make_document
from corpus.formats import READABLE, ocr, read_content
from corpus.formats.records import RecordFailure, split_records

RECORDS = (".json", ".jsonl", ".ndjson")
ARCHIVES = (".zip",)
FORMATS = (*READABLE, *RECORDS, *ARCHIVES)
"""The file name endings that can be read."""

MAX_FILE_BYTES = 512 * 2**20
_MAX_ARCHIVE_BYTES = 4 * 2**30
_MAX_MEMBERS = 100_000
_PARSERS = """
charset-normalizer lxml markdown-it-py openpyxl py3langid pypdfium2 python-docx python-pptx pyyaml
""".split()


class CorpusError(Exception):
    """Paths that cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to read, and its path below the folder that was asked for."""

    file: Path
    path: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A file, or a part of one, that could not be read, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """What was read from some paths: the documents, in order of path, and what failed."""

    documents: tuple[Document, ...]
    failures: tuple[Failure, ...]


Known = Callable[[str, str], Document | None]
"""Gives the document that was made of a path and a sha256 before, if there is one."""


def unknown(path: str, sha256: str) -> None:
    """Nothing was read before."""


def find_files(paths: Sequence[Path]) -> list[SourceFile]:
    """Find the files of files and folders (recursively; hidden files are left out), by path.

    Raises:
        CorpusError: A path does not exist, or two files would be the same document.
    """
    found: dict[str, SourceFile] = {}
    seen: set[Path] = set()
    for source in _walk(paths):
        if source.file.resolve() in seen:
            continue
        seen.add(source.file.resolve())
        other = found.setdefault(source.path, source)
        if other is not source:
            raise CorpusError(
                f"{other.file} and {source.file} would both be the document {source.path!r}: "
                "give the folder that holds both instead"
            )
    return [found[path] for path in sorted(found)]


def read_files(
    files: Sequence[SourceFile],
    known: Known = unknown,
    excluded: Container[str] = (),
) -> Iterator[Document | Failure]:
    """Read files into documents, one at a time, in order of path.

    A file that cannot be read becomes a `Failure`; so does a part of one (a scanned page, a record,
    a member of an archive), and the rest of it is read all the same.

    Args:
        files: As `find_files` gives them.
        known: Spares reading again what has not changed.
        excluded: Ids of documents to leave out.
    """
    seen: set[str] = set()
    for source in files:
        for result in _read_file(source, known):
            if isinstance(result, Document):
                if result.id in excluded:
                    continue
                if result.id in seen:
                    yield Failure(result.path, "there is another document of this path")
                    continue
                seen.add(result.id)
            yield result


def load_corpus(paths: Sequence[Path]) -> Corpus:
    """Read files and folders at once.

    Raises:
        CorpusError: As `find_files`, or nothing could be read.
    """
    documents: list[Document] = []
    failures: list[Failure] = []
    for result in read_files(find_files(paths)):
        if isinstance(result, Document):
            documents.append(result)
        else:
            failures.append(result)
    if not documents:
        reasons = "".join(f"\n  {failure.path}: {failure.reason}" for failure in failures)
        raise CorpusError(
            f"no document could be read from {', '.join(map(str, paths)) or 'nothing'}{reasons}"
        )
    return Corpus(tuple(documents), tuple(failures))


@cache
def reader_version() -> str:
    """A digest of the code that reads and cuts documents, and of the parsers it uses, tesseract
    among them if it is there.

    Documents read by the same version from the same bytes are the same.
    """
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    for name in _PARSERS:
        digest.update(f"{name} {version(name)}\n".encode())
    digest.update(str(ocr.unavailable()).encode())
    return digest.hexdigest()


def _walk(paths: Sequence[Path]) -> Iterator[SourceFile]:
    for path in paths:
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                relative = file.relative_to(path)
                if file.is_file() and not any(part.startswith(".") for part in relative.parts):
                    yield SourceFile(file, relative.as_posix())
        elif path.exists():
            yield SourceFile(path, path.name)
        else:
            raise CorpusError(f"{path} does not exist")


def _read_file(source: SourceFile, known: Known) -> Iterator[Document | Failure]:
    path = os.fsencode(source.path).decode(errors="replace")
    if path != source.path:
        yield Failure(path, "its name is not UTF-8: rename it")
        return
    ending = PurePosixPath(path).suffix.lower()
    if ending not in FORMATS:
        yield Failure(path, _unsupported(ending))
        return
    try:
        size = source.file.stat().st_size
        if ending in ARCHIVES:
            yield from _read_archive(source.file, path, known)
        elif size > MAX_FILE_BYTES:
            yield Failure(path, _too_large(size))
        else:
            yield from _read_bytes(source.file.read_bytes(), path, known)
    except OSError as error:
        yield Failure(path, f"it cannot be read: {error.strerror or error}")


def _read_bytes(data: bytes, path: str, known: Known) -> Iterator[Document | Failure]:
    ending = PurePosixPath(path).suffix.lower()
    if ending in RECORDS:
        yield from _read_records(data, path)
        return
    if ending not in READABLE:
        yield Failure(path, _unsupported(ending))
        return
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        document = known(path, sha256) or make_document(read_content(data, ending), path, sha256)
    except ContentError as error:
        yield Failure(path, str(error))
        return
    yield document
    for where, reason in document.gaps:
        yield Failure(f"{path}, {where}", reason)


def _read_records(data: bytes, path: str) -> Iterator[Document | Failure]:
    try:
        for record in split_records(data, PurePosixPath(path).suffix.lower()):
            own = f"{path}/{record.key}" if record.key else path
            if isinstance(record, RecordFailure):
                yield Failure(own, record.reason)
                continue
            parts = [record.content.text, sorted(record.content.fields.items())]
            sha256 = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
            try:
                yield make_document(record.content, own, sha256)
            except ContentError as error:
                yield Failure(own, str(error))
    except ContentError as error:
        yield Failure(path, str(error))


def _read_archive(file: Path, path: str, known: Known) -> Iterator[Document | Failure]:
    try:
        with zipfile.ZipFile(file) as archive:
            members = sorted(archive.infolist(), key=lambda member: member.filename)
            if len(members) > _MAX_MEMBERS:
                yield Failure(path, f"it holds more than {_MAX_MEMBERS} files: split it")
                return
            if sum(member.file_size for member in members) > _MAX_ARCHIVE_BYTES:
                yield Failure(path, _too_large(sum(member.file_size for member in members)))
                return
            for member in members:
                parts = PurePosixPath(member.filename).parts
                hidden = any((p.startswith(".") and p != "..") or p == "__MACOSX" for p in parts)
                if not member.is_dir() and not hidden:
                    yield from _read_member(archive, member, path, known)
    except zipfile.BadZipFile as error:
        yield Failure(path, f"it is not a whole ZIP archive: {error}")


def _read_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: str, known: Known
) -> Iterator[Document | Failure]:
    name = member.filename
    own = f"{path}/{name}"
    if name.startswith("/") or "\\" in name or ".." in PurePosixPath(name).parts:
        yield Failure(own, "its name leads out of the archive")
    elif PurePosixPath(name).suffix.lower() in ARCHIVES:
        yield Failure(own, "archives inside archives are not read: unpack it")
    elif member.flag_bits & 0x1:
        yield Failure(own, "it is protected by a password: save it without one")
    elif member.file_size > MAX_FILE_BYTES:
        yield Failure(own, _too_large(member.file_size))
    else:
        try:
            with archive.open(member) as file:
                data = file.read(MAX_FILE_BYTES)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            yield Failure(own, f"it cannot be unpacked: {error}")
            return
        yield from _read_bytes(data, own, known)


def _unsupported(ending: str) -> str:
    return f"the format {ending or '(no ending)'} is not supported; use one of {', '.join(FORMATS)}"


def _too_large(size: int) -> str:
    return f"it is too large ({size / 2**20:.0f} MB): split it"
