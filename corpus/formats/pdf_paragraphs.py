"""Lines of pages as the paragraphs, list items, table rows and headings that they make up."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, groupby, pairwise

from corpus.formats.pdf_layout import Column, Line
from corpus.tables import render_rows

_STOPS = (".", "!", "?", "…", ":", ";")
_CLOSERS = "»”\"’') \u00a0\u202f"
_OPENERS = "«“\"‘'([ \u00a0\u202f"
_ITEM = re.compile(r"(?:[-*•–—▪◦●‣·]|\(?(?:\d{1,3}|[a-h]|[ivx]+)[.)])[ \u00a0\u202f]+(?=\S)")

_USUAL_LEADING = 1.25
_WIDER = 1.2
_HEADING_LEADING = 1.5
_INDENT = 0.6
_FARTHEST_INDENT = 3.0
_SPACE = 0.25
_SHORT = 0.75
_ALIGNED = 3.0

_LARGER = 1.15
_BOLD_LARGER = 1.07
_SMALLER = 0.93
_LONGEST_HEADING = 200
_LONGEST_BOLD_HEADING = 120

_YEARS = re.compile(r"[12]\d{3}(?: ?[-–/] ?\d{2,4})?")
_NUMBER = re.compile(r"^\s*\d+(?:\.\d+)*[.)]?\s+")
_SMALL_NUMBER = re.compile(r"\d{1,3}")
_WORDS = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_CUT_WORD = re.compile(r"(?:^|[^\w-])([\w-]*\w)-$")
_KEPT_BEFORE = frozenset("peut non vice demi avant après self well".split())
_KEPT_AFTER = frozenset("je tu il elle on nous vous ils elles ce ci là même mêmes y en moi".split())


@dataclass(slots=True)
class Paragraph:
    """Lines that read on, each with the number of its page, from 0.

    Attributes:
        level: Of a heading, 1 to 6, else None.
        text: The lines as one.
        page_breaks: Where in the text a new page begins.
        cells: The texts of the cells of a row of a table.
    """

    lines: list[Line]
    pages: list[int]
    level: int | None = None
    text: str = ""
    page_breaks: list[int] = field(default_factory=list)
    cells: tuple[str, ...] = ()

    @property
    def is_item(self) -> bool:
        return self.level is None and bool(_ITEM.match(self.lines[0].text))

    @property
    def is_row(self) -> bool:
        return self.lines[0].is_row

    @property
    def size(self) -> float:
        return self.lines[0].size

    @property
    def bold(self) -> bool:
        return self.lines[0].bold


def find_paragraphs(
    pages: Sequence[Sequence[Column]], body: float, outline: Mapping[tuple[int, str], int]
) -> list[Paragraph]:
    """Put lines together by spacing, indents, type and the way their text goes on.

    Args:
        pages: The columns of each page.
        body: The size of type of most of the text.
        outline: The level of each bookmark, by the number of its page and its folded title.
    """
    paragraphs = _Gatherer(pages, body, outline).gather()
    # How often each word occurs tells soft hyphens from true ones.
    words = Counter(
        word.casefold()
        for columns in pages
        for column in columns
        for line in column.lines
        for word in _WORDS.findall(line.text)
    )
    for paragraph in paragraphs:
        _write(paragraph, words)
    _find_headings(paragraphs, body, outline)
    return list(_with_headers(paragraphs))


def fold(title: str) -> str:
    """A title as it is compared: outlines leave numbers out, or put other spaces."""
    return " ".join(_NUMBER.sub("", title).split()).casefold()


class _Gatherer:
    def __init__(
        self,
        pages: Sequence[Sequence[Column]],
        body: float,
        outline: Mapping[tuple[int, str], int],
    ) -> None:
        self._pages = pages
        self._body = body
        self._outline = outline
        # A page with short lines alone does not show how wide they could be; others do.
        self._rights: dict[tuple[bool, int], float] = defaultdict(float)
        for column in (column for columns in pages for column in columns):
            key = column.parted, round(column.left / 6)
            self._rights[key] = max(self._rights[key], column.right)
        self._leadings = self._usual_leadings()

    def gather(self) -> list[Paragraph]:
        paragraphs: list[Paragraph] = []
        for number, columns in enumerate(self._pages):
            for column in columns:
                for i, line in enumerate(column.lines):
                    if i:
                        following = column.lines[i + 1] if i + 1 < len(column.lines) else None
                        goes_on = not self._begins(paragraphs[-1], line, following, number, column)
                    else:
                        goes_on = self._resume(paragraphs, line)
                    if goes_on:
                        paragraphs[-1].lines.append(line)
                        paragraphs[-1].pages.append(number)
                    else:
                        paragraphs.append(Paragraph([line], [number]))
        return paragraphs

    def _resume(self, paragraphs: list[Paragraph], line: Line) -> bool:
        """Whether a column's first line goes on with what another began; brings that to the end.

        Notes at the foot of the page, in smaller type, may stand between them.
        """
        for i in range(len(paragraphs) - 1, -1, -1):
            last = paragraphs[i].lines[-1]
            if paragraphs[i].pages[0] != paragraphs[-1].pages[0]:
                return False
            if not (last.is_row or line.is_row) and _same_type(last, line):
                if not _reads_on(last, line):
                    return False
                paragraphs.append(paragraphs.pop(i))
                return True
            if last.size >= _SMALLER * self._body:
                return False
        return False

    def _begins(
        self,
        paragraph: Paragraph,
        line: Line,
        following: Line | None,
        number: int,
        column: Column,
    ) -> bool:
        first, last = paragraph.lines[0], paragraph.lines[-1]
        step = last.base - line.base
        named = any((number, fold(text)) in self._outline for text in (last.text, line.text))
        if named or line.is_row or last.is_row or not _same_size(last, line):
            return True
        if line.size >= _LARGER * self._body:
            return step > _HEADING_LEADING * line.size or line.bold != last.bold
        if not 0 < step <= _WIDER * self._leading(line.size) + 0.5:
            return True
        reads_on = _reads_on(last, line)
        if line.bold != last.bold:
            return not reads_on
        room = self._room(last, column)
        has_room = room > _first_word(line)
        if _ITEM.match(line.text):
            aligned = paragraph.is_item and abs(line.left - first.left) < _ALIGNED
            moved = abs(line.left - last.left) > _ALIGNED
            return aligned or moved or has_room or _ended(last)
        if reads_on:
            return False
        indent = (line.left - last.left) / line.size
        if indent > _INDENT and not paragraph.is_item:
            hangs = following is not None and abs(following.left - line.left) < _ALIGNED
            return has_room or (_ended(last) and not (hangs and len(paragraph.lines) == 1))
        if indent < -_FARTHEST_INDENT or (paragraph.is_item and line.left < first.left + 1):
            return has_room or _ended(last)
        if indent < -_INDENT and len(paragraph.lines) > 1:
            return has_room or _ended(last)
        width = column.right - column.left
        return has_room and (_ended(last) or room > (1 - _SHORT) * width)

    def _leading(self, size: float) -> float:
        return self._leadings.get(round(size * 2), _USUAL_LEADING * size)

    def _usual_leadings(self) -> dict[int, float]:
        """From baseline to baseline, by size, where a line ended because it was full."""
        steps: dict[int, Counter[float]] = defaultdict(Counter)
        for column in (column for columns in self._pages for column in columns):
            for last, line in zip(column.lines, column.lines[1:], strict=False):
                step = last.base - line.base
                if (
                    _same_type(last, line)
                    and not (last.is_row or line.is_row)
                    and 0 < step < 3 * line.size
                    and self._room(last, column) <= _first_word(line)
                ):
                    steps[round(line.size * 2)][round(step * 2) / 2] += 1
        return {size: counts.most_common(1)[0][0] for size, counts in steps.items()}

    def _room(self, line: Line, column: Column) -> float:
        """How much of the column's width a line leaves free at its end."""
        return self._rights[column.parted, round(column.left / 6)] - line.right


def _same_size(a: Line, b: Line) -> bool:
    return abs(a.size - b.size) < 0.08 * max(a.size, b.size)


def _same_type(a: Line, b: Line) -> bool:
    return _same_size(a, b) and a.bold == b.bold


def _ended(line: Line) -> bool:
    return line.text.rstrip(_CLOSERS).endswith(_STOPS)


def _reads_on(last: Line, line: Line) -> bool:
    """Whether words alone show that a line goes on with the one before."""
    cut = _CUT_WORD.search(last.text)
    return bool(cut) or (not _ended(last) and _begins_lower(line.text))


def _begins_lower(text: str) -> bool:
    return text.lstrip(_OPENERS)[:1].islower()


def _first_word(line: Line) -> float:
    """The width of a line's first word with the space before it."""
    # Not at a no-break space: what stands before it could not have stayed behind.
    word = len(line.text.split(" ")[0]) / len(line.text)
    return (line.right - line.left) * word + _SPACE * line.size


def _write(paragraph: Paragraph, words: Mapping[str, int]) -> None:
    """Write the paragraph's text, and where a page begins in it."""
    if paragraph.is_row:
        paragraph.cells = tuple("".join(_pieces(cell, words)) for cell in paragraph.lines[0].cells)
        paragraph.text = "  ".join(paragraph.cells)
        return
    pieces = _pieces([line.text for line in paragraph.lines], words)
    paragraph.text = "".join(pieces)
    starts = accumulate(map(len, pieces))
    for start, (page, following) in zip(starts, pairwise(paragraph.pages), strict=False):
        paragraph.page_breaks.extend([start] * (following - page))


def _pieces(lines: Sequence[str], words: Mapping[str, int]) -> list[str]:
    """What the lines are in one text: each with a space, or with half a word, at its end."""
    return [*(_before(line, following, words) for line, following in pairwise(lines)), lines[-1]]


def _before(line: str, following: str, words: Mapping[str, int]) -> str:
    cut = _CUT_WORD.search(line)
    if cut is None:
        return f"{line} "
    if _begins_lower(following) and not _keeps_hyphen(cut[1], following, words):
        return line[:-1]
    return line


def _keeps_hyphen(head: str, following: str, words: Mapping[str, int]) -> bool:
    """Whether a hyphen at a line's end is the word's own: as the rest of the text has it, if it
    does, else by how French and English compounds are made.
    """
    rest = _WORDS.match(following)
    if rest is None or "-" in head or not head[-1].isalpha():
        return True
    head, tail = head.casefold(), rest[0].casefold()
    compound, whole = words.get(f"{head}-{tail}", 0), words.get(head + tail, 0)
    if compound or whole:
        return compound > whole
    return head in _KEPT_BEFORE or tail in _KEPT_AFTER


def _find_headings(
    paragraphs: Sequence[Paragraph], body: float, outline: Mapping[tuple[int, str], int]
) -> None:
    """Give headings their level: the outline's, else by the rank of their type."""
    bold = sum(len(p.text) for p in paragraphs if p.bold)
    bold_stands_out = 2 * bold < sum(len(p.text) for p in paragraphs)
    headings: list[Paragraph] = []
    levels: dict[tuple[float, bool], int] = {}
    for i, paragraph in enumerate(paragraphs):
        named = outline.get((paragraph.pages[0], fold(paragraph.text)))
        last = i + 1 == len(paragraphs)
        if named is not None:
            paragraph.level = named
        if named is not None or _is_heading(paragraph, body, last, bold_stands_out):
            headings.append(paragraph)
    for paragraph in headings:
        if paragraph.level is not None:
            style = _style(paragraph)
            levels[style] = min(levels.get(style, paragraph.level), paragraph.level)
    for style in sorted({_style(p) for p in headings if p.level is None}, reverse=True):
        larger = [level for other, level in levels.items() if other > style]
        levels.setdefault(style, max(larger, default=0) + 1)
    for paragraph in headings:
        if paragraph.level is None:
            paragraph.level = levels[_style(paragraph)]


def _style(paragraph: Paragraph) -> tuple[float, bool]:
    return round(paragraph.size * 2) / 2, paragraph.bold


def _is_heading(paragraph: Paragraph, body: float, last: bool, bold_stands_out: bool) -> bool:
    text = paragraph.text.rstrip(_CLOSERS)
    names = _YEARS.fullmatch(text) or sum(c.isalpha() for c in text) > 1
    if paragraph.is_row or not names or text.endswith((".", ";", ",")):
        return False
    bold = paragraph.bold and bold_stands_out
    if paragraph.size >= (_BOLD_LARGER if bold else _LARGER) * body:
        return len(text) <= _LONGEST_HEADING
    return (
        bold
        and not last
        and paragraph.size >= _SMALLER * body
        and len(text) <= _LONGEST_BOLD_HEADING
        and not text.endswith(":")
    )


def _with_headers(paragraphs: Sequence[Paragraph]) -> Iterator[Paragraph]:
    """The paragraphs; below a header in bold, the rows of a table repeat it instead.

    A row with an empty cell stays as it is: it does not show which one is empty.
    """
    for is_table, group in groupby(paragraphs, key=lambda paragraph: paragraph.is_row):
        first, *others = group
        # A number is a value, or that of a page in a table of contents; a year may be a header.
        if is_table and first.bold and not any(_SMALL_NUMBER.fullmatch(c) for c in first.cells):
            # On each page of a long table, its header stands again.
            others = [row for row in others if row.cells != first.cells]
            rows = [row for row in others if len(row.cells) == len(first.cells)]
            if 2 * sum(row.bold for row in rows) < len(rows):
                for row in rows:
                    row.text = next(render_rows(first.cells, [row.cells]))
                if len(rows) == len(others):
                    yield from others
                    continue
        yield first
        yield from others
