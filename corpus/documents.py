"""Documents: files read into exact text, with what their front matter says of them."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from corpus.blocks import Format, find_blocks, plain_heading
from corpus.language import Language, detect_language

FORMATS: dict[str, Format] = {".txt": "text", ".md": "markdown", ".markdown": "markdown"}
"""File name endings that can be read, and how each is parsed."""

_FRONT_MATTER = re.compile(r"---[ \t]*\r?\n(.*?\r?\n)?---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_TITLE_LENGTH = 200


class CorpusError(Exception):
    """A path or a document that cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Document:
    """One source text and what is known of it.

    Attributes:
        id: Stable name made from the file's path, safe in a URL.
        text: The exact text. Every offset in the project counts its code points.
        title: From the front matter, else the first heading or line, else the file name.
        source: Where the text comes from, for the reader: the front matter's, else the file's path.
        language: `fr` or `en`.
        format: How the text is structured.
        metadata: The other fields of the front matter (date, licence, ...), as text.
        sha256: Of the file as it was read, front matter included.
    """

    id: str
    text: str
    title: str
    source: str
    language: Language
    format: Format
    metadata: dict[str, str] = field(default_factory=dict)
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be read, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """What was read from some paths: the documents, sorted by id, and the files that failed."""

    documents: tuple[Document, ...]
    failures: tuple[Failure, ...]


def load_corpus(paths: Sequence[Path]) -> Corpus:
    """Read files and folders (recursively; hidden files are left out) into documents.

    A file that cannot be read becomes a `Failure`; the others are read all the same.

    Raises:
        CorpusError: A path does not exist, two files would share an id, or nothing could be read.
    """
    documents: dict[str, Document] = {}
    origin: dict[str, Path] = {}
    failures: list[Failure] = []
    for path, relative in _files(paths):
        try:
            document = read_document(path, relative)
        except CorpusError as error:
            failures.append(Failure(os.fsencode(path).decode(errors="replace"), str(error)))
            continue
        if document.id in documents:
            raise CorpusError(
                f"{origin[document.id]} and {path} would both be the document {document.id!r}: "
                "give the folder that holds both instead"
            )
        documents[document.id] = document
        origin[document.id] = path
    if not documents:
        reasons = "".join(f"\n  {failure.path}: {failure.reason}" for failure in failures)
        raise CorpusError(
            f"no document could be read from {', '.join(map(str, paths)) or 'nothing'}{reasons}"
        )
    return Corpus(tuple(documents[key] for key in sorted(documents)), tuple(failures))


def read_document(path: Path, relative: Path) -> Document:
    """Read one file. `relative` is its path below the folder asked for; the id is made of it.

    Raises:
        CorpusError: The format is not known, the text or the name is not UTF-8, the text is empty,
            or its front matter is not YAML.
    """
    format = FORMATS.get(path.suffix.lower())
    if format is None:
        raise CorpusError(
            f"the format {path.suffix or '(no ending)'} is not supported; "
            f"use one of {', '.join(FORMATS)}"
        )
    try:
        relative.as_posix().encode()
    except UnicodeEncodeError as error:
        raise CorpusError("its name is not UTF-8: rename it") from error
    try:
        raw = path.read_bytes()
        content = raw.decode("utf-8-sig")
    except OSError as error:
        raise CorpusError(f"it cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"it is not UTF-8 text (byte {error.start}): save it in that encoding"
        ) from error
    fields, text = _split_front_matter(content)
    if not text.strip():
        raise CorpusError("it has no text")
    title = fields.pop("title", "") or _first_heading(text, format) or path.stem
    language = _known_language(fields.pop("language", "")) or detect_language(text)
    return Document(
        id=_document_id(relative),
        text=text,
        title=title,
        source=fields.pop("source", "") or relative.as_posix(),
        language=language,
        format=format,
        metadata=fields,
        sha256=hashlib.sha256(raw).hexdigest(),
    )


def _files(paths: Sequence[Path]) -> Iterator[tuple[Path, Path]]:
    seen: set[Path] = set()
    for path in paths:
        if path.is_dir():
            found = [(file, file.relative_to(path)) for file in sorted(path.rglob("*"))]
        elif path.exists():
            found = [(path, Path(path.name))]
        else:
            raise CorpusError(f"{path} does not exist")
        for file, relative in found:
            hidden = path.is_dir() and any(part.startswith(".") for part in relative.parts)
            if file.is_file() and not hidden and file.resolve() not in seen:
                seen.add(file.resolve())
                yield file, relative


def _split_front_matter(content: str) -> tuple[dict[str, str], str]:
    match = _FRONT_MATTER.match(content)
    if not match:
        return {}, content
    try:
        # The base loader leaves every value as it is written: a date is no reason to fail.
        fields = yaml.load(match.group(1) or "", Loader=yaml.BaseLoader)  # noqa: S506
    except yaml.YAMLError as error:
        raise CorpusError(f"its front matter is not valid YAML: {error}") from error
    if fields and not isinstance(fields, dict):
        # Not fields but a text that begins with a rule.
        return {}, content
    plain = {}
    for key, value in (fields or {}).items():
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(item, str) for item in values):
            raise CorpusError(
                f"its front matter has a {key!r} that is not a text or a list of texts"
            )
        plain[str(key)] = ", ".join(values).strip()
    return {key: value for key, value in plain.items() if value}, content[match.end() :]


def _known_language(stated: str) -> Language | None:
    """`fr` or `en` from a code or a name ("fr-FR", "English"); None for anything else."""
    start = stated.lower()[:2]
    return "fr" if start == "fr" else "en" if start == "en" else None


def _first_heading(text: str, format: Format) -> str | None:
    blocks = find_blocks(text, format)
    first = next((b for b in blocks if b.level is not None), blocks[0] if blocks else None)
    if first is None or first.end - first.start > _TITLE_LENGTH:
        return None
    return plain_heading(text[first.start : first.end])


def _document_id(relative: Path) -> str:
    """A readable name and eight digits that tell `a b.txt` from `a-b.txt`."""
    plain = unicodedata.normalize("NFKD", relative.with_suffix("").as_posix())
    slug = re.sub(r"[^a-z0-9]+", "-", plain.encode("ascii", "ignore").decode().lower()).strip("-")
    digest = hashlib.sha256(unicodedata.normalize("NFC", relative.as_posix()).encode()).hexdigest()
    return f"{slug[:64]}-{digest[:8]}".lstrip("-")
