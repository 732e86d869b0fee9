"""OpenDocument texts: OASIS OpenDocument 1.3, part 3."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from io import BytesIO
from zipfile import ZipFile

from lxml import etree

from corpus.content import Content, ContentBuilder, ContentError
from corpus.formats.office import (
    BULLET,
    ListLevel,
    Numbering,
    add_table,
    clean_text,
    damage_refused,
    open_package,
    parse_xml,
    read_fields,
)

_Element = etree._Element

_URN = "urn:oasis:names:tc:opendocument:xmlns"
_NAMESPACES = {
    "draw": f"{_URN}:drawing:1.0",
    "office": f"{_URN}:office:1.0",
    "style": f"{_URN}:style:1.0",
    "table": f"{_URN}:table:1.0",
    "text": f"{_URN}:text:1.0",
}
_PREFIXES = {uri: prefix for prefix, uri in _NAMESPACES.items()}

_SIGNS = {"text:s": " ", "text:tab": " ", "text:line-break": "\n"}
# A bibliography says something of its own; other indexes repeat the text.
_WRAPPERS = {"text:section", "text:bibliography", "text:index-body", "text:numbered-paragraph"}
_BESIDE_TEXT = {"office:annotation", "text:ruby-text", "text:hidden-text", "text:script"}
_TITLE = re.compile(r"title|titre", re.IGNORECASE)
_MAX_REPEATED = 100
_DEEPEST = 9


def read(data: bytes) -> Content:
    """Read the body of an OpenDocument text, with its text boxes, then its notes.

    Headings and list items carry the marks that their styles count for them. Left out: headers
    and footers, tables of contents, comments, tracked deletions, hidden sections. There are no
    pages before the text is laid out.
    """
    with damage_refused(".odt"):
        package = open_package(data, ".odt")
        fields = read_fields(package, "meta.xml")
        builder = ContentBuilder()
        _add_document(package, builder)
    content = builder.build(fields)
    if not content.blocks:
        raise ContentError("it has no text")
    return content


def _add_document(package: BytesIO, builder: ContentBuilder) -> None:
    with ZipFile(package) as archive:
        if b"encryption-data" in archive.read("META-INF/manifest.xml"):
            raise ContentError("it is protected by a password: save it without one")
        names = [name for name in ("styles.xml", "content.xml") if name in archive.namelist()]
        parts = [parse_xml(archive.read(name)) for name in names]
    body = parts[-1].find("office:body/office:text", _NAMESPACES)
    if body is None:
        raise ContentError("it is an OpenDocument file, but not a text: save it as one")
    writer = _Writer(
        builder,
        parents={
            _get(style, "style:name"): _get(style, "style:parent-style-name")
            for part in parts
            for style in part.iter(_tag("style:style"))
        },
        lists={
            _get(style, "style:name"): _levels(style)
            for part in parts
            for style in part.iter(_tag("text:list-style"))
        },
        headings=Numbering(
            {
                depth: level
                for part in parts
                for style in part.iter(_tag("text:outline-style"))
                for depth, level in _levels(style).items()
            },
            otherwise=ListLevel(""),
        ),
    )
    writer.add(body)
    for note in writer.notes:
        writer.add(note)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Adds paragraphs, lists and tables to a builder, counting as it goes.

    Attributes:
        parents: The style that each style is based on.
        lists: The levels of each list style.
        headings: Counts the headings.
        counting: The last list of each style, which a later one may continue.
        notes: The bodies of the notes met so far.
    """

    builder: ContentBuilder
    parents: dict[str, str]
    lists: dict[str, dict[int, ListLevel]]
    headings: Numbering
    counting: dict[str, Numbering] = field(default_factory=dict)
    notes: list[_Element] = field(default_factory=list)

    def add(self, container: _Element) -> None:
        for child in container:
            name = _name(child)
            if name == "text:p":
                self._add_paragraph(child)
            elif name == "text:h":
                self._add_heading(child)
            elif name == "text:list":
                self._add_list(child)
            elif name == "table:table":
                self._add_table(child)
            elif name.startswith("draw:") or (
                name in _WRAPPERS and _get(child, "text:display") != "none"
            ):
                self.add(child)

    def _add_paragraph(self, paragraph: _Element, mark: str | None = None) -> None:
        beside: list[_Element] = []
        text = clean_text("".join(self._text(paragraph, beside)))
        if mark is not None:
            self.builder.item(f"{mark} {text}" if text else "")
        elif self._is_title(_get(paragraph, "text:style-name")):
            self.builder.heading(" ".join(text.split("\n")), 1)
        else:
            self.builder.paragraph(text)
        for box in beside:
            self.add(box)

    def _add_heading(self, heading: _Element, mark: str | None = None) -> None:
        level = int(_get(heading, "text:outline-level") or 1)
        if mark is None and _get(heading, "text:is-list-header") != "true":
            mark = self.headings.mark(level - 1)
        beside: list[_Element] = []
        text = " ".join(clean_text("".join(self._text(heading, beside))).split("\n"))
        self.builder.heading(f"{mark or ''} {text}" if text else "", level)
        for box in beside:
            self.add(box)

    def _add_list(
        self, element: _Element, style: str = "", numbering: Numbering | None = None, depth: int = 0
    ) -> None:
        own_style = _get(element, "text:style-name") or style
        if numbering is None or own_style != style:
            continues = _get(element, "text:continue-numbering") == "true" or _get(
                element, "text:continue-list"
            )
            if not continues or own_style not in self.counting:
                self.counting[own_style] = Numbering(self.lists.get(own_style, {}))
            numbering = self.counting[own_style]
        for item in element:
            start = _get(item, "text:start-value")
            mark = None if _name(item) == "text:list-item" else ""
            for child in item:
                name = _name(child)
                if name == "text:list":
                    self._add_list(child, own_style, numbering, depth + 1)
                elif name in ("text:p", "text:h"):
                    if mark is None:
                        mark = numbering.mark(depth, int(start) if start else None)
                    if name == "text:h":
                        self._add_heading(child, mark)
                    else:
                        self._add_paragraph(child, mark)
                    mark = ""

    def _add_table(self, table: _Element) -> None:
        rows = list(_rows(table))
        cells = [list(_cells(row)) for _, row in rows]
        if all(len(line) == 1 for line in cells):
            # A frame around text, not a table.
            for line in cells:
                for cell, _ in line:
                    self.add(cell)
            return
        header_rows = 0
        while header_rows < len(rows) and rows[header_rows][0]:
            header_rows += 1
        add_table(
            self.builder,
            [[(self._flat(cell), span) for cell, span in line] for line in cells],
            header_rows,
        )

    def _flat(self, cell: _Element) -> str:
        inner = ContentBuilder()
        replace(self, builder=inner).add(cell)
        return inner.build().text

    def _text(self, element: _Element, beside: list[_Element]) -> Iterator[str]:
        """The text in a paragraph; notes are put with the others, and boxes in `beside`."""
        yield _flow(element.text)
        for child in element:
            name = _name(child)
            if name in _SIGNS:
                yield _SIGNS[name]
            elif name == "text:note":
                self.notes.extend(child.iterchildren(_tag("text:note-body")))
            elif name.startswith("draw:"):
                beside.append(child)
            elif name and name not in _BESIDE_TEXT:
                yield from self._text(child, beside)
            yield _flow(child.tail)

    def _is_title(self, style: str) -> bool:
        seen: set[str] = set()
        while style and style not in seen:
            if _TITLE.fullmatch(style):
                return True
            seen.add(style)
            style = self.parents.get(style, "")
        return False


def _flow(text: str | None) -> str:
    return re.sub("[ \t\r\n]+", " ", text or "")


def _rows(container: _Element, *, in_header: bool = False) -> Iterator[tuple[bool, _Element]]:
    """The rows of a table, each with whether it is of the header."""
    for child in container:
        name = _name(child)
        if name == "table:table-row":
            for _ in range(_repeated(child, "table:number-rows-repeated")):
                yield in_header, child
        elif name == "table:table-header-rows":
            yield from _rows(child, in_header=True)
        elif name in ("table:table-rows", "table:table-row-group"):
            yield from _rows(child, in_header=in_header)


def _cells(row: _Element) -> Iterator[tuple[_Element, int]]:
    """The cells of a row, each with the columns it spans; a covered one is empty."""
    covered = 0
    for cell in row:
        for _ in range(_repeated(cell, "table:number-columns-repeated")):
            if _name(cell) == "table:table-cell":
                span = int(_get(cell, "table:number-columns-spanned") or 1)
                covered = span - 1
                yield cell, span
            elif covered:
                covered -= 1
            else:
                yield etree.Element("empty"), 1


def _repeated(element: _Element, attribute: str) -> int:
    return min(int(_get(element, attribute) or 1), _MAX_REPEATED)


def _levels(style: _Element) -> dict[int, ListLevel]:
    """The levels of a list style, or of the outline of the headings."""
    levels = {}
    for element in style:
        level = min(int(_get(element, "text:level") or 1), _DEEPEST)
        outermost = max(level + 1 - int(_get(element, "text:display-levels") or 1), 1)
        number_style = _get(element, "style:num-format")
        numbers = ".".join(f"%{at}" for at in range(outermost, level + 1))
        prefix, suffix = _get(element, "style:num-prefix"), _get(element, "style:num-suffix")
        template = clean_text(f"{prefix}{numbers}{suffix}") if number_style else ""
        levels[level - 1] = (
            ListLevel(template, number_style, int(_get(element, "text:start-value") or 1))
            if _name(element) in ("text:list-level-style-number", "text:outline-level-style")
            else BULLET
        )
    return levels


def _tag(name: str) -> str:
    prefix, local = name.split(":")
    return f"{{{_NAMESPACES[prefix]}}}{local}"


def _get(element: _Element, attribute: str) -> str:
    return element.get(_tag(attribute), "")


def _name(element: _Element) -> str:
    """Its tag as it is mostly written (`text:p`); empty for what is no element, or foreign."""
    if not isinstance(element.tag, str):
        return ""
    name = etree.QName(element)
    return f"{_PREFIXES.get(name.namespace or '', '')}:{name.localname}"
