"""Documents: what was read from a file, with its exact text and what is known of it."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from corpus.content import Block, Content, ContentError
from corpus.formats.markdown import plain_heading
from corpus.formats.text import find_text_blocks
from corpus.language import Language, detect_language

_TITLE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Document:
    """One source text and what is known of it.

    Attributes:
        id: Stable name made from `path`, safe in a URL.
        text: The exact text. Every offset in the project counts its code points.
        title: As the file gives it, else its first heading or line, else its file name.
        source: Where the text comes from, for the reader: as the file gives it, else its path.
        language: `fr` or `en`.
        blocks: Headings, paragraphs, list items and table rows, as spans of the text.
        pages: Where each page starts in the text; empty where the format has no pages.
        metadata: What else the file says of itself (date, author, licence, ...), as text.
        path: Below the folder that was asked for. What is inside an archive or a file of records
            has that file's path before its own: `notes.zip/a.md`, `faq.jsonl/17`.
        sha256: Of what was read: the file, the member of an archive, the record.
        titled: Whether the title is the document's own, not its file name.
        gaps: Parts that could not be read: where, and the reason.
    """

    id: str
    text: str
    title: str
    source: str
    language: Language
    blocks: tuple[Block, ...]
    pages: tuple[int, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    path: str = ""
    sha256: str = ""
    titled: bool = True
    gaps: tuple[tuple[str, str], ...] = ()

    def page_at(self, offset: int) -> int | None:
        """The number of the page, from 1, on which a character stands; None without pages."""
        return bisect_right(self.pages, offset) if self.pages else None


def make_document(content: Content, path: str, sha256: str) -> Document:
    """A document from what a reader made of a file.

    Raises:
        ContentError: There is no text.
    """
    if not content.text.strip():
        raise ContentError("it has no text")
    fields = dict(content.fields)
    own_title = fields.pop("title", "") or _first_heading(content)
    language = _known_language(fields.pop("language", "")) or detect_language(content.text)
    return Document(
        id=document_id(path),
        text=content.text,
        title=own_title or PurePosixPath(path).stem,
        source=fields.pop("source", "") or path,
        language=language,
        blocks=content.blocks,
        pages=content.pages,
        metadata=fields,
        path=path,
        sha256=sha256,
        titled=bool(own_title),
        gaps=content.gaps,
    )


def text_document(text: str, path: str, *, title: str = "", language: str = "") -> Document:
    """A document from a text at hand, as if it were a plain text file of this path.

    Raises:
        ContentError: There is no text.
    """
    fields = {"title": title, "language": language}
    given = {name: value for name, value in fields.items() if value}
    content = Content(text, tuple(find_text_blocks(text)), fields=given)
    return make_document(content, path, hashlib.sha256(text.encode()).hexdigest())


def document_id(path: str) -> str:
    """A readable name and eight digits that tell `a b.txt` from `a-b.txt`."""
    plain = unicodedata.normalize("NFKD", PurePosixPath(path).with_suffix("").as_posix())
    slug = re.sub(r"[^a-z0-9]+", "-", plain.encode("ascii", "ignore").decode().lower()).strip("-")
    digest = hashlib.sha256(unicodedata.normalize("NFC", path).encode()).hexdigest()
    return f"{slug[:64]}-{digest[:8]}".lstrip("-")


def _known_language(stated: str) -> Language | None:
    """`fr` or `en` from a code or a name ("fr-FR", "English"); None for anything else."""
    start = stated.lower()[:2]
    return "fr" if start == "fr" else "en" if start == "en" else None


def _first_heading(content: Content) -> str:
    """The first heading, else the first paragraph, if it can be a title."""
    first = next((b for b in content.blocks if b.level is not None), None)
    first = first or next(iter(content.blocks), None)
    if first is None or first.whole or first.end - first.start > _TITLE_LENGTH:
        return ""
    return plain_heading(content.text[first.start : first.end])
