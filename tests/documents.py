"""Documents made from a text, without a file."""

from __future__ import annotations

import hashlib
from typing import Literal

from corpus import Document, Language
from corpus.content import Block
from corpus.formats.markdown import find_markdown_blocks
from corpus.formats.text import find_text_blocks

Format = Literal["text", "markdown"]


def find_blocks(text: str, format: Format = "text") -> list[Block]:
    return find_markdown_blocks(text) if format == "markdown" else find_text_blocks(text)


def document(
    id: str,
    text: str,
    title: str = "",
    language: Language = "fr",
    *,
    format: Format = "text",
    pages: tuple[int, ...] = (),
) -> Document:
    """A document without a file; untitled if no title is given."""
    return Document(
        id=id,
        text=text,
        title=title or id,
        source=id,
        language=language,
        blocks=tuple(find_blocks(text, format)),
        pages=pages,
        path=f"{id}.txt",
        sha256=hashlib.sha256(f"{title}\n{text}".encode()).hexdigest(),
        titled=bool(title),
    )


def line_start(text: str, offset: int) -> int:
    """Where the line begins in which a block does: before the mark of a list item."""
    return text.rfind("\n", 0, offset) + 1
