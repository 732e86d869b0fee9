"""What a file holds: its exact text, and the structure of that text as spans of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Span = tuple[int, int]
"""A half-open range of character offsets, in code points: `text[start:end]`."""

_MARK = re.compile(r"(?:[-*+•–—▪◦●‣·]|\d{1,3}[.)])[ \t\u00a0\u202f]+(?=\S)")


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, a paragraph, a list item or a table row: `text[start:end]`.

    Attributes:
        level: 1 to 6 for headings, else None.
        whole: It is not made of sentences and must stay in one piece: a table row.
    """

    start: int
    end: int
    level: int | None = None
    whole: bool = False

    @property
    def span(self) -> Span:
        return self.start, self.end


@dataclass(frozen=True, slots=True)
class Content:
    """What a reader makes of a file.

    Attributes:
        text: The exact text; every offset counts its code points.
        blocks: In reading order, without overlap, none empty or with white space at its ends.
        pages: Where each page (or slide) starts in the text, the first at 0; empty where the format
            has none.
        fields: What the file says of itself, as text: `title`, `language`, `source`, `date`,
            `modified`, `author`, ... Only what is there; dates as ISO 8601 where they can be.
        gaps: Parts that could not be read, each with where it is and the reason.
    """

    text: str
    blocks: tuple[Block, ...]
    pages: tuple[int, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    gaps: tuple[tuple[str, str], ...] = ()


class ContentError(Exception):
    """A file that cannot be read; the message says why and what to do, without naming the file."""


class ContentBuilder:
    """Puts a text together block by block, for formats that are not plain text.

    Paragraphs and headings are set apart by an empty line, list items and table rows by a line
    break. White space at the ends of a block is dropped; inside, it is kept as it is given.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._blocks: list[Block] = []
        self._pages: list[int] = []
        self._tight = False
        self._new_page = False

    def heading(self, text: str, level: int) -> None:
        """Add a heading; `level` is 1 for the outermost, and at most 6."""
        self._add(text, Block(0, 0, min(max(level, 1), 6)), tight=False)

    def paragraph(self, text: str, page_breaks: Sequence[int] = ()) -> None:
        """Add a paragraph; `page_breaks` are the places in it where a new page begins."""
        start = self._add(text, Block(0, 0), tight=False)
        self._pages.extend(start + offset for offset in page_breaks)

    def item(self, text: str, page_breaks: Sequence[int] = ()) -> None:
        """Add a list item, with its mark ("- ", "1. ") if it is to have one.

        The mark is in the text, but not in the block: a quote begins after it. `page_breaks` are
        the places in the text where a new page begins.
        """
        found = _MARK.match(text.strip())
        mark = found.end() if found else 0
        start = self._add(text, Block(0, 0), tight=True, mark=mark)
        self._pages.extend(start - mark + offset for offset in page_breaks)

    def row(self, text: str) -> None:
        """Add a table row, as `corpus.tables.render_rows` writes it."""
        self._add(text, Block(0, 0, whole=True), tight=True)

    def page(self) -> None:
        """Begin a page: the next block is its first. A page without blocks still counts."""
        if self._new_page:
            self._pages.append(self._length)
        self._new_page = True

    def build(
        self,
        fields: Mapping[str, str] | None = None,
        gaps: tuple[tuple[str, str], ...] = (),
    ) -> Content:
        if self._new_page:
            self._pages.append(self._length)
            self._new_page = False
        return Content(
            "".join(self._parts), tuple(self._blocks), tuple(self._pages), fields or {}, gaps
        )

    def _add(self, text: str, block: Block, *, tight: bool, mark: int = 0) -> int:
        """Add a block, which begins after a mark of so many characters; return where it starts."""
        text = text.strip()
        if not text:
            return self._length
        if self._length:
            self._append("\n" if tight and self._tight else "\n\n")
        self._tight = tight
        if self._new_page:
            self._pages.append(self._length if self._pages else 0)
            self._new_page = False
        start = self._length + mark
        self._append(text)
        self._blocks.append(Block(start, self._length, block.level, block.whole))
        return start

    def _append(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)
