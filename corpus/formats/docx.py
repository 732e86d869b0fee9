"""Word documents: Office Open XML, ECMA-376 part 1, chapter 17 (WordprocessingML)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO

from docx import Document
from docx.exceptions import PythonDocxError
from docx.opc.constants import RELATIONSHIP_TYPE as RT
from docx.oxml.ns import nsmap, qn
from lxml import etree

from corpus.content import Content, ContentBuilder, ContentError
from corpus.formats.office import (
    BULLET,
    Cell,
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

_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_PARAGRAPH, _TABLE, _ROW, _CELL = map(qn, ("w:p", "w:tbl", "w:tr", "w:tc"))
_TEXT_BOX = qn("w:txbxContent")
_VALUE = qn("w:val")
_TEXT = {qn("w:t"), qn("m:t")}
_SIGNS = {
    qn("w:tab"): " ",
    qn("w:ptab"): " ",
    qn("w:br"): "\n",
    qn("w:cr"): "\n",
    qn("w:noBreakHyphen"): "\u2011",
}
_WRAPPERS = {
    *map(qn, ("w:sdt", "w:sdtContent", "w:customXml", "w:ins", "w:moveTo")),
    f"{_MC}AlternateContent",
    f"{_MC}Choice",
}
# The fallback repeats what it stands in for.
_DROPPED = {qn("w:del"), qn("w:moveFrom"), f"{_MC}Fallback"}
_BESIDE_TEXT = {
    *map(qn, ("w:pPr", "w:rPr", "w:sdtPr", "w:rt", "w:drawing", "w:pict", "w:object")),
    *_DROPPED,
}
_HEADING = re.compile(r"(?:heading|titre) ?([1-9])", re.IGNORECASE)
_TITLE = re.compile(r"title|titre", re.IGNORECASE)
_CONTENTS = re.compile(r"toc ?(?:[1-9]|heading)|table of figures", re.IGNORECASE)
_NUMBER_STYLES = {"lowerLetter": "a", "upperLetter": "A", "lowerRoman": "i", "upperRoman": "I"}


def read(data: bytes) -> Content:
    """Read the body of a Word document, with its text boxes, then its notes.

    Headings are told by style or outline level; headings and list items carry the marks that Word
    counts for them; tracked changes are taken as accepted. Left out: headers and footers, tables
    of contents, comments, hidden text. There are no pages before the text is laid out.
    """
    with damage_refused(".docx", PythonDocxError):
        package = open_package(data, ".docx")
        fields = read_fields(package, "docProps/core.xml")
        builder = ContentBuilder()
        _add_document(package, builder)
    content = builder.build(fields)
    if not content.blocks:
        raise ContentError("it has no text")
    return content


def _add_document(package: BytesIO, builder: ContentBuilder) -> None:
    document = Document(package)
    parts = {
        relation.reltype: parse_xml(relation.target_part.blob)
        for relation in document.part.rels.values()
        if relation.reltype in (RT.STYLES, RT.NUMBERING, RT.FOOTNOTES, RT.ENDNOTES)
    }
    writer = _Writer(builder, _Styles(parts.get(RT.STYLES)), _read_lists(parts.get(RT.NUMBERING)))
    writer.add(document.element.body)
    for kind in (RT.FOOTNOTES, RT.ENDNOTES):
        for note in parts.get(kind, ()):
            # The other types are the lines that set notes apart.
            if note.get(qn("w:type"), "normal") == "normal":
                writer.add(note)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Adds paragraphs and tables to a builder, counting the items of lists on the way."""

    builder: ContentBuilder
    styles: _Styles
    lists: dict[str, Numbering]

    def add(self, container: _Element) -> None:
        for block in _inside(container, _PARAGRAPH, _TABLE):
            if block.tag == _TABLE:
                self._add_table(block)
            else:
                self._add_paragraph(block)

    def _add_paragraph(self, paragraph: _Element) -> None:
        style = self.styles.of(paragraph)
        if style.is_contents:
            return
        numbering = self.lists.get(style.list)
        mark = "" if numbering is None else numbering.mark(style.depth)
        text = clean_text("".join(_text(paragraph)))
        marked = f"{mark} {text}" if text else ""
        if style.level is not None:
            self.builder.heading(" ".join(marked.split("\n")), style.level)
        elif numbering is not None:
            self.builder.item(marked)
        else:
            self.builder.paragraph(text)
        for box in _text_boxes(paragraph):
            self.add(box)

    def _add_table(self, table: _Element) -> None:
        rows = [
            (row, list(_inside(row, _CELL)))
            for row in _inside(table, _ROW)
            if _find(row, "w:trPr/w:del") is None
        ]
        if all(len(cells) == 1 for _, cells in rows):
            # A frame around text, not a table.
            for _, (cell,) in rows:
                self.add(cell)
            return
        header_rows = 0
        while header_rows < len(rows) and _is_on(rows[header_rows][0], "w:trPr/w:tblHeader"):
            header_rows += 1
        add_table(
            self.builder,
            [[*_skipped(row), *map(self._cell, cells)] for row, cells in rows],
            header_rows or int(self.styles.has_header_row(table)),
        )

    def _cell(self, cell: _Element) -> Cell:
        inner = ContentBuilder()
        if _find(cell, "w:tcPr/w:vMerge") is None or _value(cell, "w:tcPr/w:vMerge") == "restart":
            replace(self, builder=inner).add(cell)
        return inner.build().text, int(_value(cell, "w:tcPr/w:gridSpan") or 1)


def _inside(container: _Element, *tags: str) -> Iterator[_Element]:
    """The elements with these tags, be they in content controls or tracked insertions."""
    for child in container:
        if child.tag in tags:
            yield child
        elif child.tag in _WRAPPERS and not _is_placeholder(child):
            yield from _inside(child, *tags)


def _text(element: _Element) -> Iterator[str]:
    for child in element:
        if child.tag in _TEXT:
            yield (child.text or "").replace("\n", " ")
        elif child.tag in _SIGNS:
            yield _SIGNS[child.tag]
        elif not (
            child.tag in _BESIDE_TEXT or _is_on(child, "w:rPr/w:vanish") or _is_placeholder(child)
        ):
            yield from _text(child)


def _text_boxes(element: _Element) -> Iterator[_Element]:
    if next(element.iter(_TEXT_BOX), None) is None:
        return
    for child in element:
        if child.tag == _TEXT_BOX:
            yield child
        elif child.tag not in _DROPPED:
            yield from _text_boxes(child)


def _is_placeholder(element: _Element) -> bool:
    """Whether it is a content control that still shows its prompt ("Click here to enter text")."""
    return _is_on(element, "w:sdtPr/w:showingPlcHdr")


def _skipped(row: _Element) -> list[Cell]:
    before = int(_value(row, "w:trPr/w:gridBefore") or 0)
    return [("", before)] if before else []


def _find(element: _Element, path: str) -> _Element | None:
    return element.find(path, nsmap)


def _value(element: _Element, path: str) -> str | None:
    found = _find(element, path)
    return None if found is None else found.get(_VALUE)


def _is_on(element: _Element, path: str) -> bool:
    found = _find(element, path)
    return found is not None and found.get(_VALUE) not in ("0", "false", "off")


@dataclass(frozen=True, slots=True)
class _Style:
    """What a paragraph's own properties and its styles make of it.

    Attributes:
        level: For a heading, from 1.
        list: The `numId` of the list it is in; empty where it is in none.
        depth: Its level in the list, from 0.
        is_contents: It is an entry of a table of contents.
    """

    level: int | None
    list: str
    depth: int
    is_contents: bool


class _Styles:
    def __init__(self, styles: _Element | None) -> None:
        elements = () if styles is None else styles.iterchildren(qn("w:style"))
        self._styles = {style.get(qn("w:styleId")): style for style in elements}

    def of(self, paragraph: _Element) -> _Style:
        chain = self._chain(_value(paragraph, "w:pPr/w:pStyle"))
        numbers = [_value(at, "w:pPr/w:numPr/w:numId") for at in (paragraph, *chain)]
        depths = [_value(at, "w:pPr/w:numPr/w:ilvl") for at in (paragraph, *chain)]
        return _Style(
            level=_level((paragraph, *chain)),
            list=next(filter(None, numbers), ""),
            depth=int(next(filter(None, depths), 0)),
            is_contents=any(_CONTENTS.fullmatch(name) for at in chain for name in _names(at)),
        )

    def has_header_row(self, table: _Element) -> bool:
        """Whether the table's style sets its first row apart, and the table makes use of that."""
        look = _find(table, "w:tblPr/w:tblLook")
        if look is None:
            return False
        first_row = look.get(qn("w:firstRow"))
        if first_row is None:
            first_row = str(int(look.get(_VALUE, "0"), 16) >> 5 & 1)
        return first_row in ("1", "true", "on") and any(
            part.get(qn("w:type")) == "firstRow"
            for style in self._chain(_value(table, "w:tblPr/w:tblStyle"))
            for part in style.iterchildren(qn("w:tblStylePr"))
        )

    def _chain(self, style_id: str | None) -> list[_Element]:
        """The style and those it is based on, nearest first."""
        chain: list[_Element] = []
        while (style := self._styles.get(style_id)) is not None and style not in chain:
            chain.append(style)
            style_id = _value(style, "w:basedOn")
        return chain


def _level(chain: tuple[_Element, ...]) -> int | None:
    for element in chain:
        if outline := _value(element, "w:pPr/w:outlineLvl"):
            # The tenth is body text.
            return int(outline) + 1 if int(outline) < 9 else None
        for name in _names(element):
            if match := _HEADING.fullmatch(name):
                return int(match[1])
            if _TITLE.fullmatch(name):
                return 1
    return None


def _names(style: _Element) -> list[str]:
    return [name for name in (_value(style, "w:name"), style.get(qn("w:styleId"))) if name]


def _read_lists(numbering: _Element | None) -> dict[str, Numbering]:
    """The lists by their `numId`; those of one definition count on, unless they override it."""
    if numbering is None:
        return {}
    definitions = list(numbering.iterchildren(qn("w:abstractNum")))
    linked = {_value(definition, "w:styleLink"): definition for definition in definitions}
    linked.pop(None, None)
    levels = {
        definition.get(qn("w:abstractNumId")): _levels(
            linked.get(_value(definition, "w:numStyleLink"), definition)
        )
        for definition in definitions
    }
    shared = {key: Numbering(value) for key, value in levels.items()}
    lists = {}
    for instance in numbering.iterchildren(qn("w:num")):
        definition = _value(instance, "w:abstractNumId")
        own = dict(levels[definition])
        for override in instance.iterchildren(qn("w:lvlOverride")):
            depth = int(override.get(qn("w:ilvl"), 0))
            own.update(_levels(override))
            if start := _value(override, "w:startOverride"):
                own[depth] = replace(own.get(depth, BULLET), start=int(start))
        overridden = _find(instance, "w:lvlOverride") is not None
        lists[instance.get(qn("w:numId"), "")] = (
            Numbering(own) if overridden else shared[definition]
        )
    return lists


def _levels(definition: _Element) -> dict[int, ListLevel]:
    levels = {}
    for level in definition.iterchildren(qn("w:lvl")):
        kind = _value(level, "w:numFmt") or "decimal"
        template = clean_text(_value(level, "w:lvlText") or "")
        if kind == "none":
            template = re.sub("%[1-9]", "", template)
        levels[int(level.get(qn("w:ilvl"), 0))] = (
            BULLET
            if kind == "bullet"
            else ListLevel(
                template, _NUMBER_STYLES.get(kind, "1"), int(_value(level, "w:start") or 1)
            )
        )
    return levels
