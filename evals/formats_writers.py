"""Writers: one text in, the bytes of a file of each format that the project reads out.

The same text gives the same bytes at any time.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import docx
import odfdo
import openpyxl
import pptx
from openpyxl.xml.functions import tostring
from pptx.util import Cm
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import (
    Flowable,
    ListFlowable,
    PageBreak,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
)

AUTHOR = "Service de documentation"
WRITTEN = datetime(2025, 3, 14, 9, 30)
_CORE_PROPERTIES = "docProps/core.xml"
_CONTAINER = """<?xml version="1.0" encoding="utf-8"?>
<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>
<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/>
</rootfiles></container>
"""

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it; the first row of a table is its header."""

    heading: str
    paragraphs: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    table: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """What is to be written; `summary` stands under the title."""

    title: str
    summary: str
    language: str
    sections: tuple[Section, ...]


def write_text(text: Text) -> bytes:
    return _plain(text).encode()


def write_windows_text(text: Text) -> bytes:
    """Plain text as older Windows programs save it."""
    return _plain(text).replace("\n", "\r\n").encode("cp1252")


def write_markdown(text: Text) -> bytes:
    parts = [
        f"---\ntitle: {text.title}\nlanguage: {text.language}\nauthor: {AUTHOR}\n"
        f"date: {WRITTEN:%Y-%m-%d}\n---\n\n# {text.title}",
        text.summary,
    ]
    for section in text.sections:
        parts += [f"## {section.heading}", *section.paragraphs]
        if section.items:
            parts.append("\n".join(f"- {item}" for item in section.items))
        if section.table:
            header, *rows = map(markdown_row, section.table)
            parts.append("\n".join([header, "|---" * len(section.table[0]) + "|", *rows]))
    return ("\n\n".join(parts) + "\n").encode()


def write_html(text: Text) -> bytes:
    """A page with what surrounds the text on a site: a menu and a footer."""
    sections = "".join(map(_html_section, text.sections))
    return (
        f'<!DOCTYPE html>\n<html lang="{text.language}">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(text.title)}</title>\n"
        f'<meta name="author" content="{AUTHOR}">\n'
        f'<meta name="date" content="{WRITTEN:%Y-%m-%d}">\n</head>\n<body>\n'
        '<nav><a href="/">Accueil</a> <a href="/contact">Contact</a></nav>\n'
        f"<main>\n<h1>{escape(text.title)}</h1>\n<p>{escape(text.summary)}</p>\n{sections}</main>\n"
        "<footer>Mentions légales</footer>\n</body>\n</html>\n"
    ).encode()


def write_pdf(text: Text) -> bytes:
    """A page for each section; the title stands on the first."""
    styles = getSampleStyleSheet()
    story: list[Flowable] = [
        Paragraph(escape(text.title), styles["Title"]),
        Paragraph(escape(text.summary), styles["BodyText"]),
    ]
    for number, section in enumerate(text.sections):
        if number:
            story.append(PageBreak())
        story.append(Paragraph(escape(section.heading), styles["Heading1"]))
        story += [Paragraph(escape(text), styles["BodyText"]) for text in section.paragraphs]
        if section.items:
            items = [Paragraph(escape(item), styles["BodyText"]) for item in section.items]
            story.append(ListFlowable(items, bulletType="bullet"))
        if section.table:
            grid = [("GRID", (0, 0), (-1, -1), 0.5, "black")]
            story += [Spacer(0, 12), Table(section.table, style=grid)]
    file = io.BytesIO()
    template = SimpleDocTemplate(
        file,
        title=text.title,
        author=AUTHOR,
        subject=text.summary,
        lang=text.language,
        # The same date and the same identifier each time.
        invariant=1,
    )
    template.build(story)
    return file.getvalue()


def write_docx(text: Text) -> bytes:
    document = docx.Document()
    properties = document.core_properties
    properties.title, properties.author = text.title, AUTHOR
    properties.language, properties.comments = text.language, ""
    properties.created = properties.modified = WRITTEN
    document.add_heading(text.title, 0)
    document.add_paragraph(text.summary)
    for section in text.sections:
        document.add_heading(section.heading, 1)
        for paragraph in section.paragraphs:
            document.add_paragraph(paragraph)
        for item in section.items:
            document.add_paragraph(item, "List Bullet")
        if section.table:
            table = document.add_table(0, len(section.table[0]), "Table Grid")
            for row in section.table:
                for cell, value in zip(table.add_row().cells, row, strict=True):
                    cell.text = value
    file = io.BytesIO()
    document.save(file)
    return _settled(file)


def write_odt(text: Text) -> bytes:
    document = odfdo.Document("text")
    # The template numbers headings.
    for outline in document.styles.get_elements("//text:outline-style"):
        outline.delete()
    document.meta.title, document.meta.language = text.title, text.language
    document.meta.initial_creator = document.meta.creator = AUTHOR
    document.meta.creation_date = document.meta.date = WRITTEN
    body = document.body
    body.clear()
    body.append(odfdo.Header(1, text.title))
    body.append(odfdo.Paragraph(text.summary))
    for section in text.sections:
        body.append(odfdo.Header(2, section.heading))
        for paragraph in section.paragraphs:
            body.append(odfdo.Paragraph(paragraph))
        if section.items:
            body.append(odfdo.List(list(section.items)))
        if section.table:
            table = odfdo.Table(section.heading)
            table.set_values(list(map(list, section.table)))
            body.append(table)
    file = io.BytesIO()
    document.save(file)
    return _settled(file)


def write_pptx(text: Text) -> bytes:
    """A title slide, then a slide for each section."""
    presentation = pptx.Presentation()
    properties = presentation.core_properties
    properties.title, properties.author = text.title, AUTHOR
    properties.language, properties.comments = text.language, ""
    properties.created = properties.modified = WRITTEN
    title_layout, content_layout = presentation.slide_layouts[0], presentation.slide_layouts[1]
    opening = presentation.slides.add_slide(title_layout)
    opening.shapes.title.text = text.title
    opening.placeholders[1].text = text.summary
    for section in text.sections:
        slide = presentation.slides.add_slide(content_layout)
        slide.shapes.title.text = section.heading
        body = slide.placeholders[1]
        body.left, body.top, body.width, body.height = map(Cm, (1.5, 4, 22, 8))
        body.text = "\n".join((*section.paragraphs, *section.items))
        for paragraph in body.text_frame.paragraphs[len(section.paragraphs) :]:
            paragraph.level = 1
        if section.table:
            size = len(section.table), len(section.table[0])
            table = slide.shapes.add_table(*size, *map(Cm, (1.5, 12.5, 22, 5))).table
            for place, row in enumerate(section.table):
                for column, value in enumerate(row):
                    table.cell(place, column).text = value
    file = io.BytesIO()
    presentation.save(file)
    return _settled(file)


def write_xlsx(text: Text) -> bytes:
    """A sheet for each section's table, named as its heading; whole numbers are numbers."""
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.worksheets[0])
    for section in text.sections:
        sheet = workbook.create_sheet(section.heading)
        for row in section.table:
            sheet.append([int(value) if value.isdecimal() else value for value in row])
    properties = workbook.properties
    properties.title, properties.creator, properties.language = text.title, AUTHOR, text.language
    file = io.BytesIO()
    workbook.save(file)
    # Saving sets the time of the change to now.
    properties.created = properties.modified = WRITTEN
    return _settled(file, {_CORE_PROPERTIES: tostring(properties.to_tree())})


def write_csv(text: Text) -> bytes:
    """The table of the first section, as a French Excel writes it."""
    file = io.StringIO()
    csv.writer(file, delimiter=";").writerows(text.sections[0].table)
    return file.getvalue().encode("utf-8-sig")


def write_epub(text: Text) -> bytes:
    """A title page, then a chapter for each section."""
    bodies = [
        f"<h1>{escape(text.title)}</h1>\n<p>{escape(text.summary)}</p>\n",
        *map(_html_section, text.sections),
    ]
    pages = {f"page{number}.xhtml": body for number, body in enumerate(bodies)}
    manifest = "".join(
        f'<item id="{name[:-6]}" href="{name}" media-type="application/xhtml+xml"/>\n'
        for name in pages
    )
    spine = "".join(f'<itemref idref="{name[:-6]}"/>\n' for name in pages)
    contents = "".join(
        f'<li><a href="page{number}.xhtml">{escape(section.heading)}</a></li>\n'
        for number, section in enumerate(text.sections, 1)
    )
    package = (
        '<?xml version="1.0" encoding="utf-8"?>\n<package version="3.0" unique-identifier="id" '
        'xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">\n'
        f'<metadata><dc:identifier id="id">urn:x-campus-qa:{escape(text.title)}</dc:identifier>'
        f"<dc:title>{escape(text.title)}</dc:title><dc:language>{text.language}</dc:language>"
        f"<dc:creator>{AUTHOR}</dc:creator><dc:date>{WRITTEN:%Y-%m-%d}</dc:date>"
        f'<meta property="dcterms:modified">{WRITTEN.isoformat()}Z</meta></metadata>\n'
        '<manifest>\n<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" '
        f'properties="nav"/>\n{manifest}</manifest>\n<spine>\n{spine}</spine>\n</package>\n'
    )
    nav = _xhtml(text, f'<nav epub:type="toc"><ol>\n{contents}</ol></nav>\n')
    parts = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": _CONTAINER,
        "book.opf": package,
        "nav.xhtml": nav,
        **{name: _xhtml(text, body) for name, body in pages.items()},
    }
    return pack({name: part.encode() for name, part in parts.items()})


def write_json(text: Text) -> bytes:
    """One object."""
    record = {
        "title": text.title,
        "lang": text.language,
        "date": f"{WRITTEN:%Y-%m-%d}",
        "author": AUTHOR,
        "text": _plain(text),
    }
    return (json.dumps(record, ensure_ascii=False, indent=2) + "\n").encode()


def write_jsonl(text: Text) -> bytes:
    """A record for each section, with its number as id."""
    records = (
        {
            "id": number,
            "title": f"{text.title}, {section.heading}",
            "lang": text.language,
            "text": "\n\n".join(_plain_parts(section)),
        }
        for number, section in enumerate(text.sections, 1)
    )
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def pack(parts: Mapping[str, bytes]) -> bytes:
    """An archive of these parts, in order, with the earliest date that it can give."""
    file = io.BytesIO()
    with ZipFile(file, "w", ZIP_STORED) as archive:
        for name, data in parts.items():
            archive.writestr(ZipInfo(name), data)
    return file.getvalue()


def markdown_row(row: Row) -> str:
    return f"| {' | '.join(row)} |"


def plain_row(row: Row) -> str:
    """A row of a table in plain text, with its columns under one another."""
    return "".join(f"{cell:12}" for cell in row).rstrip()


def _plain(text: Text) -> str:
    parts = [text.title, text.summary]
    for section in text.sections:
        parts += [section.heading, *_plain_parts(section)]
    return "\n\n".join(parts) + "\n"


def _plain_parts(section: Section) -> Iterator[str]:
    yield from section.paragraphs
    if section.items:
        yield "\n".join(f"- {item}" for item in section.items)
    if section.table:
        yield "\n".join(map(plain_row, section.table))


def _html_section(section: Section) -> str:
    html = f"<h2>{escape(section.heading)}</h2>\n"
    html += "".join(f"<p>{escape(paragraph)}</p>\n" for paragraph in section.paragraphs)
    if section.items:
        items = "".join(f"<li>{escape(item)}</li>\n" for item in section.items)
        html += f"<ul>\n{items}</ul>\n"
    if section.table:
        header, *rows = section.table
        head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>\n" for row in rows
        )
        html += f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n"
    return html


def _xhtml(text: Text, body: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<html xmlns="http://www.w3.org/1999/xhtml" '
        f'xmlns:epub="http://www.idpf.org/2007/ops" xml:lang="{text.language}">\n'
        f"<head><title>{escape(text.title)}</title></head>\n<body>\n{body}</body>\n</html>\n"
    )


def _settled(file: io.BytesIO, changed: Mapping[str, bytes] | None = None) -> bytes:
    """The archive without the time at which it was written, and with some parts changed."""
    with ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    return pack({**parts, **(changed or {})})
