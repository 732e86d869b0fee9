"""PowerPoint presentations: Office Open XML, ECMA-376 part 1, chapters 19 to 21."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lxml import etree
from pptx import Presentation
from pptx.enum.shapes import PP_PLACEHOLDER
from pptx.exc import PythonPptxError
from pptx.oxml.ns import qn
from pptx.shapes.autoshape import Shape
from pptx.shapes.base import BaseShape
from pptx.shapes.graphfrm import GraphicFrame
from pptx.shapes.group import GroupShape
from pptx.slide import Slide
from pptx.table import _Row
from pptx.util import Cm

from corpus.content import Content, ContentBuilder, ContentError
from corpus.formats.office import (
    Cell,
    add_table,
    clean_text,
    count_as,
    damage_refused,
    open_package,
    parse_xml,
    read_fields,
    write_number,
)
from corpus.tables import render_rows

_Element = etree._Element

# What the slide's master repeats on every slide.
_FURNITURE = {
    PP_PLACEHOLDER.DATE,
    PP_PLACEHOLDER.FOOTER,
    PP_PLACEHOLDER.HEADER,
    PP_PLACEHOLDER.SLIDE_NUMBER,
}
_SAME_LINE = Cm(0.5)
_NAMESPACES = {
    "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
    "c": "http://schemas.openxmlformats.org/drawingml/2006/chart",
    "dgm": "http://schemas.openxmlformats.org/drawingml/2006/diagram",
    "p": "http://schemas.openxmlformats.org/presentationml/2006/main",
}
_NO_BULLET, _NUMBER = qn("a:buNone"), qn("a:buAutoNum")
_BULLETS = {_NO_BULLET, _NUMBER, qn("a:buChar"), qn("a:buBlip")}
_COUNTS = {"alphaLc": "a", "alphaUc": "A", "romanLc": "i", "romanUc": "I"}
_ENDS = {"Period": "{}.", "ParenR": "{})", "ParenBoth": "({})"}
_FLOAT = re.compile(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")


def read(data: bytes) -> Content:
    """Read a presentation: a page for each slide, its title first, its speaker notes last.

    The other shapes follow from top to bottom and from left to right, with the tables, the values
    of charts, and the text of diagrams. A hidden slide is an empty page, so that the pages keep
    the numbers of the slides.
    """
    with damage_refused(".pptx", PythonPptxError):
        package = open_package(data, ".pptx")
        fields = read_fields(package, "docProps/core.xml")
        builder = ContentBuilder()
        for slide in Presentation(package).slides:
            builder.page()
            if slide.element.get("show") not in ("0", "false"):
                _add_slide(slide, builder)
    content = builder.build(fields)
    if not content.blocks:
        raise ContentError("it has no text")
    return content


def _add_slide(slide: Slide, builder: ContentBuilder) -> None:
    title = slide.shapes.title
    if title is not None:
        on_title_slide = title.placeholder_format.type == PP_PLACEHOLDER.CENTER_TITLE
        builder.heading(
            " ".join(clean_text(title.text_frame.text).split("\n")), 1 if on_title_slide else 2
        )
    shapes = [
        shape for shape in slide.shapes if title is None or shape.element is not title.element
    ]
    for shape in _in_reading_order(shapes):
        _add_shape(shape, slide, builder)
    notes = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
    if notes is not None:
        for paragraph in notes.paragraphs:
            builder.paragraph(clean_text(paragraph.text))


def _in_reading_order(shapes: Iterable[BaseShape]) -> Iterator[BaseShape]:
    lines: list[list[BaseShape]] = []
    for shape in sorted(shapes, key=_top):
        if lines and _top(shape) - _top(lines[-1][0]) <= _SAME_LINE:
            lines[-1].append(shape)
        else:
            lines.append([shape])
    for line in lines:
        yield from sorted(line, key=_left)


def _top(shape: BaseShape) -> int:
    return shape.top or 0


def _left(shape: BaseShape) -> int:
    return shape.left or 0


def _add_shape(shape: BaseShape, slide: Slide, builder: ContentBuilder) -> None:
    if shape.is_placeholder and shape.placeholder_format.type in _FURNITURE:
        return
    if isinstance(shape, GroupShape):
        for inner in _in_reading_order(shape.shapes):
            _add_shape(inner, slide, builder)
    elif isinstance(shape, GraphicFrame):
        _add_graphic(shape, builder)
    elif isinstance(shape, Shape):
        _add_text(shape, slide, builder)


def _add_text(shape: Shape, slide: Slide, builder: ContentBuilder) -> None:
    inherited = _list_styles(shape, slide)
    counts: dict[int, int] = {}
    for paragraph in shape.text_frame.paragraphs:
        text = clean_text(paragraph.text)
        if not text:
            continue
        mark = _mark(paragraph._p, inherited, counts)
        if mark is None:
            builder.paragraph(text)
        else:
            builder.item(f"{mark} {text}")


def _list_styles(shape: Shape, slide: Slide) -> list[_Element]:
    """Where a shape's paragraphs take their bullets from, nearest first.

    A placeholder inherits from its like on the layout, then from the body on the master.
    """
    likes: list[BaseShape | None] = [shape]
    styles: list[_Element] = []
    if shape.is_placeholder:
        layout = slide.slide_layout
        master = layout.slide_master
        likes.append(layout.placeholders.get(shape.placeholder_format.idx))
        likes.append(master.placeholders.get(PP_PLACEHOLDER.BODY))
        styles = master.element.findall("p:txStyles/p:bodyStyle", _NAMESPACES)
    own = (
        like.element.find("p:txBody/a:lstStyle", _NAMESPACES) for like in likes if like is not None
    )
    return [*(style for style in own if style is not None), *styles]


def _mark(paragraph: _Element, inherited: list[_Element], counts: dict[int, int]) -> str | None:
    """The bullet or the number of a paragraph, if it has one; `counts` are those of the levels."""
    own = paragraph.find("a:pPr", _NAMESPACES)
    level = 0 if own is None else int(own.get("lvl", 0))
    styles = [style.find(f"a:lvl{level + 1}pPr", _NAMESPACES) for style in inherited]
    sources = [source for source in (own, *styles) if source is not None]
    bullet = next((child for source in sources for child in source if child.tag in _BULLETS), None)
    for deeper in [at for at in counts if at > level]:
        del counts[deeper]
    if bullet is None or bullet.tag != _NUMBER:
        counts.pop(level, None)
        return None if bullet is None or bullet.tag == _NO_BULLET else "-"
    counts[level] = counts[level] + 1 if level in counts else int(bullet.get("startAt", 1))
    kind = bullet.get("type", "")
    number = count_as(
        counts[level], next((s for k, s in _COUNTS.items() if kind.startswith(k)), "1")
    )
    return next((mark.format(number) for end, mark in _ENDS.items() if kind.endswith(end)), number)


def _add_graphic(frame: GraphicFrame, builder: ContentBuilder) -> None:
    if frame.has_table:
        table = frame.table
        add_table(builder, [list(_cells(row)) for row in table.rows], int(table.first_row))
    elif frame.has_chart:
        _add_chart(parse_xml(frame.chart_part.blob), builder)
    else:
        diagram = frame.element.find(".//dgm:relIds", _NAMESPACES)
        if diagram is not None:
            data = frame.part.related_part(diagram.get(qn("r:dm"), ""))
            for paragraph in parse_xml(data.blob).iterfind(".//dgm:pt//a:p", _NAMESPACES):
                text = _joined(paragraph, "a:r/a:t")
                builder.item(f"- {text}" if text else "")


def _cells(row: _Row) -> Iterator[Cell]:
    covered = 0
    for cell in row.cells:
        if not cell.is_spanned:
            span = cell.span_width if cell.is_merge_origin else 1
            covered = span - 1
            yield clean_text(cell.text_frame.text), span
        elif covered:
            covered -= 1
        else:
            yield "", 1


def _add_chart(chart: _Element, builder: ContentBuilder) -> None:
    """Add a chart as the table it draws: a row for each category, a column for each series."""
    builder.paragraph(_joined(chart, "c:chart/c:title//a:t"))
    for plot in chart.iterfind("c:chart/c:plotArea/*", _NAMESPACES):
        series = plot.findall("c:ser", _NAMESPACES)
        if not series:
            continue
        names = [_joined(one, "c:tx//c:v") for one in series]
        labels = _points(series[0], "c:cat")
        columns = [_points(one, "c:val") for one in series]
        places = sorted({place for column in (labels, *columns) for place in column})
        rows = [[column.get(place, "") for column in (labels, *columns)] for place in places]
        for row in render_rows(["", *names], rows):
            builder.row(row)


def _points(series: _Element, of: str) -> dict[int, str]:
    """The categories or the values of a series by place; where categories nest, the inmost."""
    number_format = series.findtext(f"{of}//c:formatCode", "General", _NAMESPACES)
    points: dict[int, str] = {}
    for point in series.iterfind(f"{of}//c:pt", _NAMESPACES):
        value = clean_text(point.findtext("c:v", "", _NAMESPACES))
        if of == "c:val":
            value = write_number(float(value), number_format) if _FLOAT.fullmatch(value) else ""
        points.setdefault(int(point.get("idx", 0)), value)
    return points


def _joined(element: _Element, path: str) -> str:
    """The texts at a path, one after the other, on one line."""
    texts = (found.text or "" for found in element.iterfind(path, _NAMESPACES))
    return " ".join(clean_text("".join(texts)).split("\n"))
