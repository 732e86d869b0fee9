"""HTML elements as text: blocks, and what flows in them, as a browser lays them out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lxml import etree

from corpus.content import ContentBuilder
from corpus.formats.office import add_table, clean_text
from corpus.tables import render_rows

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LISTS = frozenset({"ul", "ol", "menu", "dir"})
_BLOCKS = frozenset(
    """
    address article aside blockquote body caption center dd details div dl dt fieldset figcaption
    figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main nav p pre search
    section summary table tbody td tfoot th thead tr ul ol menu dir
    """.split()
)
_NEVER_SHOWN = frozenset(
    """
    annotation audio button canvas datalist dialog embed iframe input noframes noscript object
    option script select style svg template textarea title video
    """.split()
)
_FURNITURE = frozenset({"nav", "footer", "aside"})
_FURNITURE_ROLES = frozenset({"navigation", "contentinfo", "complementary", "search"})
# What print styles leave out, and the marks that documentation and wikis put beside headings.
_FURNITURE_CLASSES = frozenset({"noprint", "headerlink", "mw-editsection"})
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)

_SPACE = re.compile(r"[ \t\r\n\f]+")
_LINE_BREAK = re.compile(r" *\n *")
_STOPS = (":", "?", "!", ".", "…")
_DIGITS = re.compile(r"\s*[+−-]?\d+\s*")
_SUPERSCRIPT = str.maketrans("0123456789+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")

_MAX_SPAN = 1000
_MAX_REACHING = 64
_MAX_REPEATED = 2**20
_MAX_NAME = 200
_MAX_CELL = 1000


def add_html(builder: ContentBuilder, element: etree._Element, *, furniture: bool = True) -> None:
    """Add all that an element shows, in reading order.

    Without `furniture`, what surrounds the text on every page of a site is left out: navigation,
    footers, asides, and what is not printed.
    """
    _Renderer(builder, furniture).render(element)


def html_text(element: etree._Element, *, furniture: bool = True) -> str:
    """The text that `add_html` would add to an empty builder."""
    builder = ContentBuilder()
    add_html(builder, element, furniture=furniture)
    return builder.build().text


@dataclass(frozen=True, slots=True)
class _Cell:
    text: str
    is_name: bool
    columns: int
    rows: int


class _Renderer:
    """Walks through elements as a browser lays them out: blocks, and text that flows in them."""

    def __init__(self, builder: ContentBuilder, furniture: bool) -> None:
        self._builder = builder
        self._furniture = furniture
        self._pieces: list[str] = []
        self._sup_start = 0
        self._preformatted = 0
        self._heading: int | None = None
        self._level = 0
        self._details = 0
        self._counts: list[int | None] = []
        self._marks: list[str] = []
        self._in_term = False
        self._terms: list[str] = []
        self._repeatable = _MAX_REPEATED

    def render(self, root: etree._Element) -> None:
        walk = etree.iterwalk(root, events=("start", "end"))
        passed: etree._Element | None = None
        for event, element in walk:
            if event == "start":
                hidden = self._is_hidden(element)
                if hidden or (element.tag == "table" and _is_data(element)):
                    if element.tag in _BLOCKS:
                        self._flush()
                    if not hidden:
                        self._add_table(element)
                    walk.skip_subtree()
                    passed = element
                else:
                    self._open(element)
                    self._write(element.text)
                continue
            if element is passed:
                passed = None
            else:
                self._close(element)
            if element is not root:
                self._write(element.tail)
        self._flush()
        self._settle_terms()

    def _is_hidden(self, element: etree._Element) -> bool:
        return (
            element.tag in _NEVER_SHOWN
            or element.get("hidden", "until-found") != "until-found"
            or element.get("aria-hidden") == "true"
            or bool(_HIDDEN_STYLE.search(element.get("style", "")))
            or (not self._furniture and _is_furniture(element))
        )

    def _open(self, element: etree._Element) -> None:
        tag = element.tag
        if tag == "br":
            self._pieces.append("\n")
        elif tag == "sup":
            self._sup_start = len(self._pieces)
        elif tag in _BLOCKS:
            self._flush()
        if tag in _HEADINGS:
            self._heading = _HEADINGS[tag]
        elif tag == "summary":
            # What a reader opens an answer with is its heading.
            self._heading = self._level + self._details
        elif tag == "details":
            self._details += 1
        elif tag == "pre":
            self._preformatted += 1
        elif tag in _LISTS:
            first = _number(element.get("start"), 1)
            self._counts.append(first if tag == "ol" else None)
        elif tag == "li":
            self._marks.append(self._next_mark(element))
        elif tag == "dt":
            self._in_term = True
        elif tag == "dd":
            self._marks.append(self._take_terms())

    def _close(self, element: etree._Element) -> None:
        tag = element.tag
        if tag in _BLOCKS:
            self._flush()
        if tag == "sup":
            raised = "".join(self._pieces[self._sup_start :])
            if _DIGITS.fullmatch(raised):
                # Else ten to the sixth would be a hundred and six.
                self._pieces[self._sup_start :] = [raised.strip().translate(_SUPERSCRIPT)]
        elif tag in _HEADINGS or tag == "summary":
            self._heading = None
        elif tag == "details":
            self._details -= 1
        elif tag == "pre":
            self._preformatted -= 1
        elif tag in _LISTS:
            self._counts.pop()
        elif tag in ("li", "dd"):
            self._marks.pop()
        elif tag == "dt":
            self._in_term = False
        elif tag == "dl":
            self._settle_terms()

    def _write(self, text: str | None) -> None:
        if text:
            self._pieces.append(text if self._preformatted else _SPACE.sub(" ", text))

    def _flush(self) -> None:
        """Add the text since the last block began or ended, as what it stands in."""
        text = "".join(self._pieces)
        self._pieces.clear()
        if not text.strip():
            return
        if self._preformatted:
            parts = [text.replace("\r\n", "\n").strip("\n")]
        else:
            lines = _LINE_BREAK.sub("\n", text).strip("\n")
            parts = [part for part in map(clean_text, re.split("\n{2,}", lines)) if part]
        for part in parts:
            self._add(part)

    def _add(self, text: str) -> None:
        if self._in_term and self._heading is None:
            self._terms.append(_SPACE.sub(" ", text))
            return
        self._settle_terms()
        mark = self._marks[-1] if self._marks else ""
        if self._marks:
            self._marks[-1] = ""
        if self._heading is not None:
            self._builder.heading(_SPACE.sub(" ", text), self._heading)
            self._level = self._level if self._details else self._heading
        elif mark:
            self._builder.item(mark + text)
        else:
            self._builder.paragraph(text)

    def _next_mark(self, element: etree._Element) -> str:
        count = self._counts[-1] if self._counts else None
        if count is None:
            return "- "
        count = _number(element.get("value"), count)
        self._counts[-1] = count + 1
        return f"{count}. "

    def _take_terms(self) -> str:
        """What a definition begins with: its terms and, unless they end with a stop, a colon."""
        terms = ", ".join(self._terms)
        self._terms.clear()
        return f"{terms}{'' if terms.endswith(_STOPS) else ':'} " if terms else ""

    def _settle_terms(self) -> None:
        """Add the terms that no definition followed."""
        terms = ", ".join(self._terms)
        self._terms.clear()
        if terms:
            self._builder.item(terms)

    def _add_table(self, table: etree._Element) -> None:
        self._settle_terms()
        for caption in table.iterchildren("caption"):
            self._builder.paragraph(html_text(caption, furniture=self._furniture))
        rows = [row for row in self._rows(table) if any(cell.text for cell in row)]
        lead = next((at for at, row in enumerate(rows) if len(row) > 1), 0)
        header = lead
        while header < len(rows) and all(cell.is_name for cell in rows[header]):
            header += 1
        named = lead < header < len(rows) and all(
            len(cell.text) <= _MAX_NAME for row in rows[lead:header] for cell in row
        )
        plain = not any(cell.is_name for row in rows for cell in row)
        even = len(rows) > 2 and len({len(row) for row in rows}) == 1
        if named or (plain and even):
            cells = [[(cell.text, cell.columns) for cell in row] for row in rows]
            add_table(self._builder, cells, header if named else 0)
            return
        for row in rows:
            first, *others = (cell.text for cell in row)
            if others and row[0].is_name and not row[1].is_name:
                lines = render_rows([first], [[", ".join(filter(None, others))]])
            else:
                lines = render_rows([], [[first, *others]])
            for line in lines:
                self._builder.row(line)

    def _rows(self, table: etree._Element) -> Iterator[list[_Cell]]:
        """The cells of each row, those that reach down from rows above it included."""
        reaching: dict[int, _Cell] = {}
        for element in table.iter("tr"):
            if self._is_hidden(element):
                continue
            own = [self._cell(cell) for cell in element.iterchildren("td", "th")]
            own.reverse()
            row: list[_Cell] = []
            below: dict[int, _Cell] = {}
            column = 0
            while own or reaching:
                if column in reaching:
                    cell = reaching.pop(column)
                elif own:
                    cell = own.pop()
                else:
                    column = min(reaching)
                    continue
                row.append(cell)
                if cell.rows > 1 and column < _MAX_REACHING:
                    below[column] = self._repeat(cell)
                column += cell.columns
            reaching = below
            yield row

    def _cell(self, element: etree._Element) -> _Cell:
        if self._is_hidden(element):
            text = ""
        elif len(element):
            text = html_text(element, furniture=self._furniture)
        else:
            text = clean_text(_SPACE.sub(" ", element.text or ""))
        columns = _number(element.get("colspan"), 1)
        rows = _number(element.get("rowspan"), 1)
        return _Cell(text, element.tag == "th", columns, rows)

    def _repeat(self, cell: _Cell) -> _Cell:
        text = cell.text if len(cell.text) <= self._repeatable else ""
        self._repeatable -= len(text)
        return replace(cell, text=text, rows=cell.rows - 1)


def _is_furniture(element: etree._Element) -> bool:
    return (
        element.tag in _FURNITURE
        or element.get("role") in _FURNITURE_ROLES
        or not _FURNITURE_CLASSES.isdisjoint(element.get("class", "").split())
    )


def _is_data(table: etree._Element) -> bool:
    """Whether a table is one of data, not one that lays out a page."""
    rows = list(table.iter("tr"))
    if (
        table.get("role") in ("presentation", "none")
        or table.find(".//table") is not None
        or any(table.find(f".//{heading}") is not None for heading in _HEADINGS)
        or not any(len(row) > 1 for row in rows)
    ):
        return False
    if table.find(".//th") is not None:
        return True
    cells = (cell for row in rows for cell in row)
    return len(rows) > 1 and all(sum(map(len, cell.itertext())) <= _MAX_CELL for cell in cells)


def _number(value: str | None, default: int) -> int:
    """A positive number as HTML has them, within bounds, else the default."""
    if value is None or not re.fullmatch(r"[1-9]\d{0,3}", value.strip(), re.ASCII):
        return default
    return min(int(value), _MAX_SPAN)
