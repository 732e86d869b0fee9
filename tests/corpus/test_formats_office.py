from __future__ import annotations

import random
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZipFile

import odfdo
import openpyxl
import pytest
from docx import Document
from docx.document import Document as DocxDocument
from docx.enum.style import WD_STYLE_TYPE
from docx.opc.constants import RELATIONSHIP_TYPE as RT
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml.ns import nsdecls, qn
from docx.oxml.parser import parse_xml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from pptx import Presentation
from pptx.chart import data as chart_data
from pptx.enum.chart import XL_CHART_TYPE
from pptx.opc.package import Part as PptxPart
from pptx.opc.packuri import PackURI as PptxURI
from pptx.presentation import Presentation as PptxPresentation
from pptx.slide import Slide
from pptx.util import Cm

from corpus.content import Content, ContentError
from corpus.formats import docx, odt, office, pptx, xlsx
from corpus.formats.office import ListLevel, Numbering, count_as, looks_like_header, write_number
from tests.documents import line_start

Described = list[tuple[int | str | None, str]]


def described(content: Content) -> Described:
    """Each block with its level, or "row"; blocks are trimmed, in order, and apart."""
    end = 0
    for block in content.blocks:
        text = content.text[block.start : block.end]
        assert end <= block.start < block.end
        assert text == text.strip()
        end = block.end
    return [
        (
            "row" if block.whole else block.level,
            content.text[line_start(content.text, block.start) : block.end],
        )
        for block in content.blocks
    ]


def rows(content: Content) -> list[str]:
    return [text for kind, text in described(content) if kind == "row"]


def changed(data: bytes, changes: dict[str, Callable[[bytes], bytes]]) -> bytes:
    """The archive with some of its parts changed."""
    result = BytesIO()
    with ZipFile(BytesIO(data)) as old, ZipFile(result, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            part = old.read(name)
            new.writestr(name, changes[name](part) if name in changes else part)
    return result.getvalue()


def replaced(data: bytes, part: str, old: str, new: str) -> bytes:
    def change(content: bytes) -> bytes:
        assert old.encode() in content
        return content.replace(old.encode(), new.encode(), 1)

    return changed(data, {part: change})


# Word


def docx_bytes(document: DocxDocument) -> bytes:
    result = BytesIO()
    document.save(result)
    return result.getvalue()


def docx_body(xml: str, document: DocxDocument | None = None) -> bytes:
    """A document whose body is this WordprocessingML."""
    document = document or Document()
    namespaces = (
        f"{nsdecls('w', 'm', 'wp', 'a')} "
        'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
        'xmlns:v="urn:schemas-microsoft-com:vml"'
    )
    for element in list(parse_xml(f"<w:body {namespaces}>{xml}</w:body>")):
        document.element.body.insert_element_before(element, "w:sectPr")
    return docx_bytes(document)


def run(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(text: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr>{run(text)}</w:p>"


def test_docx_paragraphs_headings_lists_and_tables_in_order() -> None:
    document = Document()
    document.add_heading("Rapport", 0)
    document.add_heading("Contexte", 1)
    document.add_paragraph("Un  paragraphe\u00a0: fin.\tAprès\nla ligne.")
    document.add_paragraph("un point", style="List Bullet")
    document.add_paragraph("un autre", style="List Bullet")
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ["Ville", "Habitants", "Paris", "2 100 000"], strict=True):
        cell.text = text
    document.add_heading("Détail", 3)
    document.add_paragraph("premier", style="List Number")
    document.add_paragraph("second", style="List Number")
    document.add_paragraph("")
    content = docx.read(docx_bytes(document))
    assert described(content) == [
        (1, "Rapport"),
        (1, "Contexte"),
        (None, "Un paragraphe\u00a0: fin. Après\nla ligne."),
        (None, "- un point"),
        (None, "- un autre"),
        ("row", "Ville: Paris; Habitants: 2 100 000"),
        (3, "Détail"),
        (None, "1. premier"),
        (None, "2. second"),
    ]
    assert "- un point\n- un autre\nVille" in content.text
    assert content.pages == ()


def test_docx_headings_by_inherited_style_by_french_name_and_by_outline_level() -> None:
    document = Document()
    styles = document.styles
    styles.add_style("Article", WD_STYLE_TYPE.PARAGRAPH).base_style = styles["Heading 2"]
    styles.add_style("Titre 4", WD_STYLE_TYPE.PARAGRAPH)
    styles.add_style("Titre sans plan", WD_STYLE_TYPE.PARAGRAPH).base_style = styles["Heading 1"]
    plan = parse_xml(f'<w:pPr {nsdecls("w")}><w:outlineLvl w:val="9"/></w:pPr>')
    styles["Titre sans plan"].element.append(plan)
    document.add_paragraph("Hérité", "Article")
    document.add_paragraph("Français", "Titre 4")
    document.add_paragraph("Corps", "Titre sans plan")
    document.add_paragraph("Sous-titre", "Subtitle")
    data = docx_body(paragraph("Plan", '<w:outlineLvl w:val="7"/>'), document)
    assert described(docx.read(data)) == [
        (2, "Hérité"),
        (4, "Français"),
        (None, "Corps"),
        (None, "Sous-titre"),
        (6, "Plan"),
    ]


def numbered(document: DocxDocument, levels: str, instances: str) -> None:
    """Give a document one list definition, with the numbers 90."""
    numbering = document.part.numbering_part.element
    abstract = f'<w:abstractNum {nsdecls("w")} w:abstractNumId="90">{levels}</w:abstractNum>'
    numbering.insert(0, parse_xml(abstract))
    for instance in parse_xml(f"<w:numbering {nsdecls('w')}>{instances}</w:numbering>"):
        numbering.append(instance)


def test_docx_numbers_are_counted_as_word_does() -> None:
    document = Document()
    numbered(
        document,
        '<w:lvl w:ilvl="0"><w:start w:val="2"/><w:numFmt w:val="upperRoman"/>'
        '<w:lvlText w:val="Article %1."/></w:lvl>'
        '<w:lvl w:ilvl="1"><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%1-%2)"/></w:lvl>'
        '<w:lvl w:ilvl="2"><w:numFmt w:val="bullet"/><w:lvlText w:val="\uf0b7"/></w:lvl>',
        '<w:num w:numId="91"><w:abstractNumId w:val="90"/></w:num>'
        '<w:num w:numId="92"><w:abstractNumId w:val="90"/></w:num>'
        '<w:num w:numId="93"><w:abstractNumId w:val="90"/><w:lvlOverride w:ilvl="0">'
        '<w:startOverride w:val="7"/></w:lvlOverride></w:num>',
    )

    def item(text: str, number: int, depth: int, more: str = "") -> str:
        return paragraph(
            text,
            f'{more}<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{number}"/></w:numPr>',
        )

    heading = '<w:pStyle w:val="Heading1"/>'
    data = docx_body(
        item("Objet", 91, 0, heading)
        + item("alpha", 91, 1)
        + item("puce", 91, 2)
        + item("bêta", 91, 1)
        + item("Durée", 92, 0, heading)
        + item("gamma", 92, 1)
        + item("Autre", 93, 0)
        + paragraph(
            "Sans", '<w:pStyle w:val="ListNumber"/><w:numPr><w:numId w:val="0"/></w:numPr>'
        ),
        document,
    )
    assert described(docx.read(data)) == [
        (1, "Article II. Objet"),
        (None, "II-a) alpha"),
        (None, "- puce"),
        (None, "II-b) bêta"),
        (1, "Article III. Durée"),
        (None, "III-a) gamma"),
        (None, "Article VII. Autre"),
        (None, "Sans"),
    ]


def test_docx_insertions_links_and_controls_are_kept_and_the_rest_is_not() -> None:
    data = docx_body(
        f"<w:p>{run('Le ')}<w:hyperlink>{run('lien')}</w:hyperlink>"
        f'<w:ins w:id="1" w:author="a">{run(" ajouté")}</w:ins>'
        '<w:del w:id="2" w:author="a"><w:r><w:delText> retiré</w:delText></w:r></w:del>'
        f"<w:moveFrom>{run(' déplacé')}</w:moveFrom>"
        f"<w:sdt><w:sdtContent>{run(' choisi')}</w:sdtContent></w:sdt>"
        f"<w:sdt><w:sdtPr><w:showingPlcHdr/></w:sdtPr><w:sdtContent>{run(' Cliquez ici')}"
        "</w:sdtContent></w:sdt>"
        "<w:r><w:rPr><w:vanish/></w:rPr><w:t> caché</w:t></w:r>"
        '<w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t> montré</w:t></w:r>'
        '<w:r><w:fldChar w:fldCharType="begin"/><w:instrText> PAGE </w:instrText></w:r>'
        f"<w:r><w:ruby><w:rt>{run(', lu')}</w:rt><w:rubyBase>{run(', écrit,')}</w:rubyBase>"
        "</w:ruby></w:r>"
        "<m:oMath><m:r><m:t> x=y</m:t></m:r></m:oMath>"
        "<w:r><w:noBreakHyphen/><w:t>z\u200b\u00ad</w:t><w:softHyphen/></w:r></w:p>"
        f"<w:sdt><w:sdtContent>{paragraph('Dans un contrôle.')}</w:sdtContent></w:sdt>"
        f"<w:ins>{paragraph('Paragraphe ajouté.')}</w:ins>"
        f"<w:del>{paragraph('Paragraphe retiré.')}</w:del>"
    )
    assert described(docx.read(data)) == [
        (None, "Le lien ajouté choisi montré, écrit, x=y\u2011z"),
        (None, "Dans un contrôle."),
        (None, "Paragraphe ajouté."),
    ]


def test_docx_a_text_box_follows_its_paragraph_once() -> None:
    def box(text: str) -> str:
        return f"<w:txbxContent>{paragraph(text)}</w:txbxContent>"

    data = docx_body(
        "<w:p><w:r><mc:AlternateContent>"
        f'<mc:Choice Requires="wps"><w:drawing><wp:anchor>{box("Encadré.")}</wp:anchor></w:drawing>'
        f"</mc:Choice><mc:Fallback><w:pict><v:textbox>{box('Encadré.')}</v:textbox></w:pict>"
        f"</mc:Fallback></mc:AlternateContent></w:r>{run('Le texte.')}</w:p>"
        f"<w:p><w:r><w:pict><v:textbox>{box('Ancien.')}</v:textbox></w:pict></w:r></w:p>"
    )
    assert described(docx.read(data)) == [
        (None, "Le texte."),
        (None, "Encadré."),
        (None, "Ancien."),
    ]


def test_docx_notes_come_last_and_contents_do_not_come() -> None:
    document = Document()
    document.styles.add_style("toc 1", WD_STYLE_TYPE.PARAGRAPH)
    document.add_paragraph("Introduction\t3", "toc 1")
    document.add_paragraph("Le texte.")
    document.sections[0].header.paragraphs[0].text = "En-tête"
    notes = (
        f"<w:footnotes {nsdecls('w')}>"
        f'<w:footnote w:type="separator" w:id="-1">{paragraph("———")}</w:footnote>'
        '<w:footnote w:id="2"><w:p><w:r><w:footnoteRef/></w:r>'
        f"{run(' La note.')}</w:p></w:footnote></w:footnotes>"
    )
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
    part = Part(PackURI("/word/footnotes.xml"), kind, notes.encode(), document.part.package)
    document.part.relate_to(part, RT.FOOTNOTES)
    assert described(docx.read(docx_bytes(document))) == [(None, "Le texte."), (None, "La note.")]


def filled(table: list[list[str]], document: DocxDocument, style: str | None = None) -> None:
    added = document.add_table(len(table), len(table[0]), style)
    for row, texts in zip(added.rows, table, strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text


def test_docx_headers_of_tables_are_told_or_guessed() -> None:
    document = Document()
    filled([["Année", "2023", "2024"], ["Budget", "1", "2"]], document)
    document.add_paragraph("—")
    filled([["Art. 1", "Objet"], ["Art. 2", "Durée"]], document)
    document.add_paragraph("—")
    # Word asks for a first row that stands out even where the style has none.
    filled([["Art. 1", "Objet"], ["Art. 2", "Durée"]], document, "Table Grid")
    document.add_paragraph("—")
    filled([["Art. 1", "Art. 2"], ["oui", "non"]], document, "Light Grid")
    document.add_paragraph("—")
    filled([["Total", "Total"], ["T1", "T2"], ["5", "6"]], document)
    for row in document.tables[-1].rows[:2]:
        etree.SubElement(row._tr.get_or_add_trPr(), qn("w:tblHeader"))
    document.add_paragraph("—")
    filled([["Seule", "Ligne"]], document)
    assert rows(docx.read(docx_bytes(document))) == [
        "Année: Budget; 2023: 1; 2024: 2",
        "Art. 1; Objet",
        "Art. 2; Durée",
        "Art. 1; Objet",
        "Art. 2; Durée",
        "Art. 1: oui; Art. 2: non",
        "Total T1: 5; Total T2: 6",
        "Seule; Ligne",
    ]


def test_docx_merged_nested_and_framing_cells() -> None:
    document = Document()
    filled(
        [
            ["Tableau 1", "", ""],
            ["Région", "Recettes", ""],
            ["Nord", "12", "13"],
            ["", "14", ""],
            ["Ensemble", "", ""],
        ],
        document,
    )
    table = document.tables[0]
    for (a, b), (c, d) in [((0, 0), (0, 2)), ((1, 1), (1, 2)), ((2, 0), (3, 0)), ((4, 0), (4, 2))]:
        table.cell(a, b).merge(table.cell(c, d))
    inner = table.cell(3, 2).add_table(1, 2)
    inner.cell(0, 0).text, inner.cell(0, 1).text = "x", "y"
    frame = document.add_table(1, 1).cell(0, 0)
    frame.text = "À retenir"
    frame.paragraphs[0].style = document.styles["Heading 2"]
    frame.add_paragraph("Une phrase.")
    assert described(docx.read(docx_bytes(document))) == [
        ("row", "Tableau 1"),
        ("row", "Région: Nord; Recettes: 12; Recettes: 13"),
        ("row", "Recettes: 14; Recettes: x; y"),
        ("row", "Ensemble"),
        (2, "À retenir"),
        (None, "Une phrase."),
    ]


def test_docx_skipped_columns_and_deleted_rows() -> None:
    def row(properties: str, *cells: str) -> str:
        inner = "".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in cells)
        return f"<w:tr><w:trPr>{properties}</w:trPr>{inner}</w:tr>"

    data = docx_body(
        "<w:tbl>"
        + row("", "Nom", "Âge")
        + row('<w:gridBefore w:val="1"/>', "12")
        + row('<w:del w:id="3"/>', "Léa", "13")
        + "</w:tbl>"
    )
    assert rows(docx.read(data)) == ["Âge: 12"]


def test_docx_fields_are_what_the_file_says_and_nothing_more() -> None:
    document = Document()
    document.add_paragraph("Texte.")
    properties = document.core_properties
    properties.title, properties.author = " Un  titre ", "A. Auteur"
    properties.language, properties.subject = "fr-FR", "Sujet"
    properties.keywords, properties.comments = "un, deux", ""
    properties.created, properties.modified = datetime(2024, 5, 1, 8), datetime(2024, 6, 1)
    data = docx_bytes(document)
    assert docx.read(data).fields == {
        "title": "Un titre",
        "author": "A. Auteur",
        "language": "fr-FR",
        "subject": "Sujet",
        "keywords": "un, deux",
        "date": "2024-05-01T08:00:00+00:00",
        "modified": "2024-06-01T00:00:00+00:00",
    }
    undated = replaced(data, "docProps/core.xml", "2024-05-01T08:00:00Z", "hier")
    assert "date" not in docx.read(undated).fields
    without = BytesIO()
    with ZipFile(BytesIO(data)) as old, ZipFile(without, "w") as new:
        for name in old.namelist():
            if name != "docProps/core.xml":
                new.writestr(name, old.read(name))
    assert docx.read(without.getvalue()).fields == {}


def test_docx_with_a_dangling_relationship_or_in_strict_form_is_read() -> None:
    document = Document()
    document.add_heading("Titre", 1)
    document.add_paragraph("Texte.")
    data = docx_bytes(document)
    image = (
        '<Relationship Id="rId99" Target="NULL" Type="http://schemas.openxmlformats.org/'
        'officeDocument/2006/relationships/image"/></Relationships>'
    )
    dangling = replaced(data, "word/_rels/document.xml.rels", "</Relationships>", image)

    def strict(part: bytes) -> bytes:
        for kind in (b"officeDocument", b"wordprocessingml"):
            part = part.replace(
                b"http://schemas.openxmlformats.org/" + kind + b"/2006/",
                b"http://purl.oclc.org/ooxml/" + kind + b"/",
            )
        return part

    names = ("_rels/.rels", "word/_rels/document.xml.rels", "word/document.xml", "word/styles.xml")
    for variant in (dangling, changed(data, dict.fromkeys(names, strict))):
        assert described(docx.read(variant)) == [(1, "Titre"), (None, "Texte.")]


# OpenDocument text

ODF = "urn:oasis:names:tc:opendocument:xmlns"
NAMESPACES = " ".join(
    f'xmlns:{prefix}="{ODF}:{name}:1.0"'
    for prefix, name in [
        ("office", "office"),
        ("text", "text"),
        ("table", "table"),
        ("draw", "drawing"),
        ("style", "style"),
        ("svg", "svg-compatible"),
        ("meta", "meta"),
    ]
)


def odt_bytes(
    body: str, styles: str = "", automatic: str = "", meta: str = "", manifest: str = ""
) -> bytes:
    result = BytesIO()
    with ZipFile(result, "w", ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr(
            "content.xml",
            f"<office:document-content {NAMESPACES}><office:automatic-styles>{automatic}"
            f"</office:automatic-styles><office:body><office:text>{body}</office:text>"
            "</office:body></office:document-content>",
        )
        archive.writestr(
            "styles.xml",
            f"<office:document-styles {NAMESPACES}><office:styles>{styles}</office:styles>"
            "</office:document-styles>",
        )
        archive.writestr(
            "meta.xml",
            f'<office:document-meta {NAMESPACES} xmlns:dc="http://purl.org/dc/elements/1.1/">'
            f"<office:meta>{meta}</office:meta></office:document-meta>",
        )
        archive.writestr("META-INF/manifest.xml", f"<manifest>{manifest}</manifest>")
    return result.getvalue()


def test_odt_as_another_program_writes_it() -> None:
    document = odfdo.Document("text")
    document.body.clear()
    document.body.append(odfdo.Header(1, "Le titre"))
    document.body.append(odfdo.Paragraph("Un  paragraphe\tet\nla suite."))
    document.body.append(odfdo.List(["un point", "un autre"]))
    table = odfdo.Table("T", width=2, height=2)
    table.set_values([["Ville", "Pays"], ["Lyon", "France"]])
    document.body.append(table)
    document.meta.title = "Titre du fichier"
    document.meta.language = "fr-FR"
    document.meta.creation_date = datetime(2024, 5, 1, 8, 30)
    result = BytesIO()
    document.save(result)
    content = odt.read(result.getvalue())
    # The library's template numbers headings.
    assert described(content) == [
        (1, "1. Le titre"),
        (None, "Un paragraphe et\nla suite."),
        (None, "- un point"),
        (None, "- un autre"),
        ("row", "Ville: Lyon; Pays: France"),
    ]
    assert content.fields["title"] == "Titre du fichier"
    assert content.fields["language"] == "fr-FR"
    assert content.fields["date"] == "2024-05-01T08:30:00"
    assert content.pages == ()


def test_odt_text_is_kept_and_what_is_beside_it_is_not() -> None:
    data = odt_bytes(
        "<text:tracked-changes><text:changed-region><text:deletion>"
        "<text:p>Retiré.</text:p></text:deletion></text:changed-region></text:tracked-changes>"
        "<text:table-of-content><text:index-body><text:p>Un 1</text:p></text:index-body>"
        "</text:table-of-content>"
        "<text:p>Du <text:span>texte<text:s text:c='3'/>et</text:span>\n   <text:a>un lien</text:a>"
        "<!-- rien --> ici<text:line-break/>puis<text:tab/>là"
        "<office:annotation><text:p>Commentaire.</text:p></office:annotation>"
        "<text:note><text:note-citation>1</text:note-citation><text:note-body>"
        "<text:p>La note.</text:p></text:note-body></text:note>"
        "<draw:frame><draw:text-box><text:p>Encadré.</text:p></draw:text-box>"
        "<svg:desc>Image</svg:desc></draw:frame>.</text:p>"
        "<text:section text:display='none'><text:p>Caché.</text:p></text:section>"
        "<text:section><text:h text:outline-level='2'>Sous-<text:line-break/>titre</text:h>"
        "</text:section><text:p>Fin.</text:p>"
    )
    assert described(odt.read(data)) == [
        (None, "Du texte et un lien ici\npuis là."),
        (None, "Encadré."),
        (2, "Sous- titre"),
        (None, "Fin."),
        (None, "La note."),
    ]


def test_odt_marks_of_lists_and_headings_are_counted() -> None:
    level = '<text:list-level-style-number text:level="1" style:num-format="1" {}/>'
    styles = (
        "<text:outline-style>"
        '<text:outline-level-style text:level="1" style:num-format="I" style:num-suffix="."/>'
        '<text:outline-level-style text:level="2" style:num-format="a" text:display-levels="2"/>'
        '<text:outline-level-style text:level="3" style:num-format=""/>'
        "</text:outline-style>"
        '<text:list-style style:name="L">'
        + level.format('style:num-prefix="(" style:num-suffix=")"')
        + '<text:list-level-style-bullet text:level="2"/></text:list-style>'
    )

    def items(*texts: str, attributes: str = "") -> str:
        inner = "".join(f"<text:list-item>{text}</text:list-item>" for text in texts)
        return f'<text:list text:style-name="L" {attributes}>{inner}</text:list>'

    def p(text: str) -> str:
        return f"<text:p>{text}</text:p>"

    nested = f"<text:list><text:list-item>{p('puce')}</text:list-item></text:list>"
    data = odt_bytes(
        "<text:h text:outline-level='1'>Un</text:h><text:h text:outline-level='2'>Deux</text:h>"
        "<text:h text:outline-level='3'>Trois</text:h>"
        "<text:h text:outline-level='1'>Quatre</text:h>"
        + items(p("a") + p("suite") + nested, p("b"))
        + items(p("c"), attributes="text:continue-numbering='true'")
        + items(p("d"))
        + '<text:list text:style-name="L"><text:list-item text:start-value="7"><text:p>e</text:p>'
        "</text:list-item><text:list-header><text:p>libre</text:p></text:list-header></text:list>",
        styles,
    )
    assert described(odt.read(data)) == [
        (1, "I. Un"),
        (2, "I.a Deux"),
        (3, "Trois"),
        (1, "II. Quatre"),
        (None, "(1) a"),
        (None, "suite"),
        (None, "- puce"),
        (None, "(2) b"),
        (None, "(3) c"),
        (None, "(1) d"),
        (None, "(7) e"),
        (None, "libre"),
    ]


def test_odt_tables() -> None:
    def cell(text: str, attributes: str = "") -> str:
        return f"<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>"

    def row(*cells: str) -> str:
        return f"<table:table-row>{''.join(cells)}</table:table-row>"

    covered = "<table:covered-table-cell/>"
    wide, high = "table:number-columns-spanned='2'", "table:number-rows-spanned='2'"
    header = row(cell("Région 1"), cell("Recettes", wide), covered, cell("Avis"), cell("Fin"))
    data = odt_bytes(
        f"<table:table><table:table-header-rows>{header}</table:table-header-rows>"
        "<table:table-rows>"
        + row(cell("Nord", high), cell("12"), cell("13"), cell("bon", high), cell("x"))
        + row(covered, cell("15", wide), covered, covered, cell("y"))
        + row(cell("Sud"), cell("0", "table:number-columns-repeated='2'"))
        + f"</table:table-rows></table:table><table:table>{row(cell('Un cadre.'))}</table:table>"
    )
    assert described(odt.read(data)) == [
        ("row", "Région 1: Nord; Recettes: 12; Recettes: 13; Avis: bon; Fin: x"),
        ("row", "Recettes: 15; Fin: y"),
        ("row", "Région 1: Sud; Recettes: 0; Recettes: 0"),
        (None, "Un cadre."),
    ]


def test_odt_title_and_fields() -> None:
    content = odt.read(
        odt_bytes(
            "<text:p text:style-name='P1'>Le titre</text:p><text:p>Texte.</text:p>",
            automatic="<style:style style:name='P1' style:parent-style-name='Title'/>",
            meta="<dc:title>T</dc:title><dc:creator>Dernier</dc:creator>"
            "<meta:initial-creator>Premier</meta:initial-creator><dc:date>2024-06-02</dc:date>"
            "<meta:keyword>un</meta:keyword><meta:keyword>deux</meta:keyword>"
            "<meta:creation-date>2024-05-01T08:30:00.123456789</meta:creation-date>",
        )
    )
    assert described(content) == [(1, "Le titre"), (None, "Texte.")]
    assert content.fields == {
        "title": "T",
        "author": "Premier",
        "modified": "2024-06-02",
        "date": "2024-05-01T08:30:00",
        "keywords": "un, deux",
    }


def test_odt_that_is_protected_or_no_text() -> None:
    with pytest.raises(ContentError, match="password"):
        odt.read(odt_bytes("", manifest="<encryption-data/>"))
    sheet = replaced(odt_bytes("<text:p>x</text:p>"), "content.xml", "<office:text>", "<office:t>")
    with pytest.raises(ContentError, match="not a text"):
        odt.read(replaced(sheet, "content.xml", "</office:text>", "</office:t>"))


# PowerPoint


def pptx_bytes(presentation: PptxPresentation) -> bytes:
    result = BytesIO()
    presentation.save(result)
    return result.getvalue()


def add_slide(presentation: PptxPresentation, layout: int, title: str = "") -> Slide:
    slide: Slide = presentation.slides.add_slide(presentation.slide_layouts[layout])
    if slide.shapes.title is not None:
        slide.shapes.title.text = title
    return slide


def add_box(slide: Slide, left: float, top: float, text: str) -> None:
    slide.shapes.add_textbox(Cm(left), Cm(top), Cm(5), Cm(1)).text_frame.text = text


def add_chart(
    slide: Slide,
    top: float,
    kind: XL_CHART_TYPE,
    categories: list[str],
    **series: tuple[object, ...],
) -> Any:
    data: Any = chart_data.CategoryChartData(number_format="0%")  # type: ignore[no-untyped-call]
    data.categories = categories
    for name, values in series.items():
        data.add_series(name, values)
    shapes: Any = slide.shapes
    return shapes.add_chart(kind, Cm(1), Cm(top), Cm(5), Cm(5), data).chart


TITLE_SLIDE, TITLE_AND_CONTENT, TITLE_ONLY, BLANK = 0, 1, 5, 6


def test_pptx_slides_are_pages_with_titles_bullets_and_notes() -> None:
    presentation = Presentation()
    cover = add_slide(presentation, TITLE_SLIDE, "Bilan\vannuel")
    cover.placeholders[1].text = "Direction"
    points = add_slide(presentation, TITLE_AND_CONTENT, "Points")
    frame = points.placeholders[1].text_frame
    frame.text = "un"
    for text in ("deux", "trois"):
        frame.add_paragraph().text = text
    frame.paragraphs[1].level = 1
    plain = frame.add_paragraph()
    plain.text = "Sans puce."
    plain._p.get_or_add_pPr().insert(0, parse_xml(f"<a:buNone {nsdecls('a')}/>"))
    notes = points.notes_slide.notes_text_frame
    assert notes is not None
    notes.text = "À dire.\nÀ ajouter."
    hidden = add_slide(presentation, TITLE_ONLY, "Cachée")
    hidden.element.set("show", "0")
    add_slide(presentation, TITLE_ONLY, "Fin")
    content = pptx.read(pptx_bytes(presentation))
    assert described(content) == [
        (1, "Bilan annuel"),
        (None, "Direction"),
        (2, "Points"),
        (None, "- un"),
        (None, "- deux"),
        (None, "- trois"),
        (None, "Sans puce."),
        (None, "À dire."),
        (None, "À ajouter."),
        (2, "Fin"),
    ]
    text = content.text
    assert len(content.pages) == 4
    assert content.pages[:2] == (0, text.index("Points"))
    assert text[content.pages[2] : content.pages[3]].strip() == ""
    assert content.pages[3] == text.index("Fin")


def test_pptx_shapes_are_read_from_top_to_bottom_and_left_to_right() -> None:
    presentation = Presentation()
    slide = add_slide(presentation, TITLE_ONLY, "Titre")
    add_box(slide, 1, 15, "en bas")
    add_box(slide, 12, 8, "à droite")
    add_box(slide, 1, 8.3, "à gauche")
    add_box(slide, 1, 0, "au-dessus du titre")
    group = slide.shapes.add_group_shape()
    for top, text in ((12, "second du groupe"), (11, "premier du groupe")):
        group.shapes.add_textbox(Cm(1), Cm(top), Cm(5), Cm(1)).text_frame.text = text
    assert [text for _, text in described(pptx.read(pptx_bytes(presentation)))] == [
        "Titre",
        "au-dessus du titre",
        "à gauche",
        "à droite",
        "premier du groupe",
        "second du groupe",
        "en bas",
    ]


def test_pptx_numbered_paragraphs() -> None:
    presentation = Presentation()
    frame = add_slide(presentation, TITLE_AND_CONTENT, "").placeholders[1].text_frame
    for text, level, kind in [
        ("un", 0, "arabicPeriod"),
        ("sous un", 1, "alphaUcParenR"),
        ("sous deux", 1, "alphaUcParenR"),
        ("deux", 0, "arabicPeriod"),
        ("puce", 0, ""),
        ("recommence", 0, "romanLcParenBoth"),
    ]:
        added = frame.add_paragraph()
        added.text, added.level = text, level
        if kind:
            number = f'<a:buAutoNum {nsdecls("a")} type="{kind}" startAt="3"/>'
            added._p.get_or_add_pPr().append(parse_xml(number))
    assert [text for _, text in described(pptx.read(pptx_bytes(presentation)))] == [
        "3. un",
        "C) sous un",
        "D) sous deux",
        "4. deux",
        "- puce",
        "(iii) recommence",
    ]


def test_pptx_tables_and_charts() -> None:
    presentation = Presentation()
    slide = add_slide(presentation, BLANK)
    table = slide.shapes.add_table(3, 3, Cm(1), Cm(1), Cm(9), Cm(3)).table
    for cell, text in zip(
        table.iter_cells(), ["T1", "Budget", "", "Nord", "1", "2", "", "3", ""], strict=True
    ):
        cell.text = text
    table.cell(0, 1).merge(table.cell(0, 2))
    table.cell(1, 0).merge(table.cell(2, 0))
    values = {"2023": (0.1, None), "2024": (0.25, 0.30000000000000004)}
    chart = add_chart(slide, 9, XL_CHART_TYPE.COLUMN_CLUSTERED, ["Nord", "Sud"], **values)
    chart.has_title = True
    chart.chart_title.text_frame.text = "Parts"
    data: Any = chart_data.CategoryChartData()  # type: ignore[no-untyped-call]
    for year in ("2023", "2024"):
        data.add_category(year).add_sub_category(f"Été {year}")
    data.add_series("Total", (1500, 2.5))
    shapes: Any = slide.shapes
    shapes.add_chart(XL_CHART_TYPE.PIE, Cm(1), Cm(15), Cm(5), Cm(5), data)
    data = chart_data.XyChartData()  # type: ignore[no-untyped-call]
    data.add_series("Nuage").add_data_point(1, 2)
    shapes.add_chart(XL_CHART_TYPE.XY_SCATTER, Cm(1), Cm(17), Cm(5), Cm(5), data)
    assert described(pptx.read(pptx_bytes(presentation))) == [
        ("row", "T1: Nord; Budget: 1; Budget: 2"),
        ("row", "Budget: 3"),
        (None, "Parts"),
        ("row", "Nord; 2023: 10 %; 2024: 25 %"),
        ("row", "Sud; 2024: 30 %"),
        ("row", "Été 2023; Total: 1500"),
        ("row", "Été 2024; Total: 2.5"),
    ]


def test_pptx_the_text_of_a_diagram() -> None:
    presentation = Presentation()
    slide = add_slide(presentation, TITLE_ONLY, "Schéma")
    diagram = "http://schemas.openxmlformats.org/drawingml/2006/diagram"
    points = "".join(
        f"<dgm:pt><dgm:t><a:p><a:r><a:t>{text}</a:t></a:r></a:p></dgm:t></dgm:pt>"
        for text in ("Étape une", "", "Étape deux")
    )
    part = PptxPart(
        PptxURI("/ppt/diagrams/data1.xml"),
        "application/vnd.openxmlformats-officedocument.drawingml.diagramData+xml",
        slide.part.package,
        f'<dgm:dataModel xmlns:dgm="{diagram}" {nsdecls("a")}>{points}</dgm:dataModel>'.encode(),
    )
    relation = slide.part.relate_to(part, f"{RT.OFFICE_DOCUMENT[:-14]}diagramData")
    frame: Any = slide.shapes.add_table(1, 1, Cm(1), Cm(9), Cm(5), Cm(5)).element
    data = frame.find(f".//{qn('a:graphicData')}")
    data.set("uri", diagram)
    data[0] = parse_xml(f'<dgm:relIds xmlns:dgm="{diagram}" {nsdecls("r")} r:dm="{relation}"/>')
    assert described(pptx.read(pptx_bytes(presentation))) == [
        (2, "Schéma"),
        (None, "- Étape une"),
        (None, "- Étape deux"),
    ]


def test_pptx_fields_leave_out_the_title_that_powerpoint_gives() -> None:
    presentation = Presentation()
    add_slide(presentation, TITLE_ONLY, "Titre")
    presentation.core_properties.title = "Présentation PowerPoint"
    presentation.core_properties.author = "A. Auteur"
    fields = pptx.read(pptx_bytes(presentation)).fields
    assert "title" not in fields
    assert fields["author"] == "A. Auteur"


# Excel


def xlsx_bytes(workbook: openpyxl.Workbook) -> bytes:
    result = BytesIO()
    workbook.save(result)
    return result.getvalue()


def sheet_bytes(*lines: list[object], formats: dict[str, str] | None = None) -> bytes:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None
    for line in lines:
        sheet.append(line)
    for cell, number_format in (formats or {}).items():
        sheet[cell].number_format = number_format
    return xlsx_bytes(workbook)


SHEET = "xl/worksheets/sheet1.xml"


def test_xlsx_sheets_tables_and_headers() -> None:
    workbook = openpyxl.Workbook()
    first = workbook.active
    assert first is not None
    first.title = "Budget"
    for line in (
        ["Budget du campus"],
        ["Poste", "2023", 2024, "Part prévue en 2025"],
        ["Salaires", 1500, 1600.5, "un\ndeux"],
        [],
        [None, "Nom", "Ville"],
        [None, "Léa", None],
        [None, None, "Lyon"],
        [],
        ["x", 3],
        ["y", 4],
        [],
        ["Seul", "Entête"],
    ):
        first.append(line)
    hidden = workbook.create_sheet("Cachée")
    hidden.append(["secret", "secret"])
    hidden.sheet_state = "hidden"
    workbook.create_sheet("Vide")
    workbook.create_sheet("Notes").append(["Une note."])
    content = xlsx.read(xlsx_bytes(workbook))
    assert described(content) == [
        (1, "Budget"),
        ("row", "Budget du campus"),
        ("row", "Poste: Salaires; 2023: 1500; 2024: 1600.5; Part prévue en 2025: un deux"),
        ("row", "Nom: Léa"),
        ("row", "Ville: Lyon"),
        ("row", "x; 3"),
        ("row", "y; 4"),
        ("row", "Seul; Entête"),
        (1, "Notes"),
        ("row", "Une note."),
    ]
    assert content.gaps == ()
    assert content.pages == ()


@pytest.mark.parametrize(
    ("name", "is_heading"), [("Sheet1", False), ("Feuil 1", False), ("Budget", True)]
)
def test_xlsx_the_default_name_of_a_single_sheet_is_no_heading(name: str, is_heading: bool) -> None:
    workbook = openpyxl.Workbook()
    assert workbook.active is not None
    workbook.active.title = name
    workbook.active["B2"] = "x"
    expected: Described = [("row", "x")]
    assert described(xlsx.read(xlsx_bytes(workbook))) == [(1, name)] * is_heading + expected


def test_xlsx_values_as_a_reader_expects_them() -> None:
    values: list[tuple[object, str, str]] = [
        (0.12, "0%", "12 %"),
        (0.1234, "0.0%", "12.3 %"),
        (1500, '#,##0 "€"', "1500 €"),
        (3.0, "General", "3"),
        (0.1 + 0.2, "General", "0.3"),
        (True, "General", "TRUE"),
        (date(2024, 5, 1), "dd/mm/yyyy", "2024-05-01"),
        (datetime(2024, 5, 1, 8, 30), "dd/mm/yyyy hh:mm", "2024-05-01 08:30"),
        (datetime(2024, 5, 1, 8, 30), "dd/mm/yyyy", "2024-05-01"),
        (time(8, 30), "hh:mm", "08:30"),
        (timedelta(hours=36, minutes=5), "[h]:mm", "36:05"),
        ("dé_x000D_\nbut\u200b", "General", "dé but"),
        ("0123", "@", "0123"),
    ]
    lines: list[list[object]] = [[value] for value, _, _ in values]
    formats = {f"A{i}": number_format for i, (_, number_format, _) in enumerate(values, 1)}
    content = xlsx.read(sheet_bytes(*lines, formats=formats))
    assert rows(content) == [text for _, _, text in values]


def test_xlsx_formulas_count_by_their_results() -> None:
    data = sheet_bytes(["Total", "Texte", "Vide", "Erreur"], ["=1+1", '="a"', '=""', "=1/0"])
    results = {"A2": "n>2", "B2": "str>a", "C2": "str>", "D2": "e>#DIV/0!"}
    for cell, result in results.items():
        kind, value = result.split(">")
        old = f'<c r="{cell}"><f>'
        data = replaced(data, SHEET, old, f'<c r="{cell}" t="{kind}"><v>{value}</v><f>')
    data = changed(data, {SHEET: lambda part: part.replace(b"</f><v></v>", b"</f>")})
    content = xlsx.read(data)
    assert rows(content) == ["Total: 2; Texte: a"]
    assert content.gaps == ()


def test_xlsx_formulas_without_a_result_are_a_gap() -> None:
    lines: list[list[object]] = [["a", "b"], *([i, "=1+1"] for i in range(7))]
    content = xlsx.read(sheet_bytes(*lines))
    ((where, reason),) = content.gaps
    assert where == "Sheet"
    assert "7 (B2, B3, B4, B5, B6, ...)" in reason
    with pytest.raises(ContentError, match="formulas without a stored result"):
        xlsx.read(sheet_bytes(["=1+1"]))


def test_xlsx_with_malformed_properties_is_read() -> None:
    data = replaced(sheet_bytes(["x"]), "docProps/core.xml", 'W3CDTF">', 'W3CDTF">hier ')
    assert rows(xlsx.read(data)) == ["x"]


def test_xlsx_the_size_that_a_sheet_claims_does_not_matter() -> None:
    data = sheet_bytes(["Nom", "Ville"], ["Léa", "Lyon"], ["Max", "Nice"])
    for claimed in ("A1:XFD1048576", "A1"):
        lying = replaced(data, SHEET, 'ref="A1:B3"', f'ref="{claimed}"')
        assert rows(xlsx.read(lying)) == ["Nom: Léa; Ville: Lyon", "Nom: Max; Ville: Nice"]
    far = replaced(data, SHEET, '<row r="3">', '<row r="99999999999">')
    assert rows(xlsx.read(far)) == ["Nom: Léa; Ville: Lyon"]


def test_xlsx_that_claims_too_many_cells_is_read_up_to_a_limit() -> None:
    far = "".join(f'<row r="{i}"><c r="XFD{i}"><v>{i}</v></c></row>' for i in range(4, 900))
    data = sheet_bytes(["Nom", "Ville"], ["Léa", "Lyon"])
    content = xlsx.read(replaced(data, SHEET, "</sheetData>", f"{far}</sheetData>"))
    assert rows(content)[0] == "Nom: Léa; Ville: Lyon"
    assert 600 < len(rows(content)) < 620
    ((where, reason),) = content.gaps
    assert where == "Sheet"
    assert "split" in reason


# All of them


def small_docx() -> bytes:
    document = Document()
    document.add_heading("Titre", 1)
    document.add_paragraph("Mot", style="List Number")
    filled([["Nom", "Ville"], ["Léa", "Lyon"]], document, "Light Grid")
    return docx_bytes(document)


def small_odt() -> bytes:
    item = "<text:list text:style-name='L'><text:list-item><text:p>Mot</text:p></text:list-item>"
    return odt_bytes(
        f"<text:h text:outline-level='1'>Titre</text:h>{item}</text:list>"
        "<table:table><table:table-row><table:table-cell table:number-columns-spanned='2'>"
        "<text:p>a</text:p></table:table-cell><table:table-cell/></table:table-row></table:table>",
        "<text:list-style style:name='L'><text:list-level-style-number text:level='1' "
        "style:num-format='1' text:display-levels='1'/></text:list-style>",
    )


def small_pptx() -> bytes:
    presentation = Presentation()
    slide = add_slide(presentation, TITLE_AND_CONTENT, "Titre")
    slide.placeholders[1].text = "Mot"
    add_chart(slide, 9, XL_CHART_TYPE.PIE, ["Nord"], **{"2024": (0.25,)})
    slide.shapes.add_table(2, 2, Cm(1), Cm(1), Cm(9), Cm(3))
    return pptx_bytes(presentation)


def small_xlsx() -> bytes:
    return sheet_bytes(
        ["Nom", "Mot"], ["Léa", 0.5], ["=1+1", date(2024, 5, 1)], formats={"B2": "0%"}
    )


READERS: dict[str, tuple[ModuleType, bytes, str]] = {
    ".docx": (docx, small_docx(), "word/document.xml"),
    ".odt": (odt, small_odt(), "content.xml"),
    ".pptx": (pptx, small_pptx(), "ppt/slides/slide1.xml"),
    ".xlsx": (xlsx, small_xlsx(), SHEET),
}
each_format = pytest.mark.parametrize("ending", READERS)


def zipped(**parts: bytes) -> bytes:
    result = BytesIO()
    with ZipFile(result, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return result.getvalue()


@each_format
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK",
        b"Du texte.",
        b"%PDF-1.7",
        random.Random(0).randbytes(1000),
        zipped(),
        zipped(**{"a.txt": b"x"}),
        zipped(**{"[Content_Types].xml": b"<Types/>", "content.xml": b"<a/>"}),
    ],
)
def test_what_is_no_office_file_is_refused(ending: str, data: bytes) -> None:
    with pytest.raises(ContentError, match=ending):
        READERS[ending][0].read(data)


@each_format
def test_another_office_file_is_refused(ending: str) -> None:
    for other, (_, data, _) in READERS.items():
        if other != ending:
            with pytest.raises(ContentError, match=ending):
                READERS[ending][0].read(data)


@each_format
def test_a_truncated_file_is_refused(ending: str) -> None:
    reader, data, _ = READERS[ending]
    for length in range(0, len(data), len(data) // 7):
        with pytest.raises(ContentError):
            reader.read(data[:length])


@each_format
def test_an_older_format_and_a_protected_file_are_refused(ending: str) -> None:
    reader, data, _ = READERS[ending]
    with pytest.raises(ContentError, match="older format or protected by a password"):
        reader.read(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512))
    flagged = bytearray(data)
    at = -1
    while (at := flagged.find(b"PK\x01\x02", at + 1)) >= 0:
        flagged[at + 8] |= 1
    with pytest.raises(ContentError, match="protected by a password"):
        reader.read(bytes(flagged))


@each_format
def test_a_file_that_would_unpack_to_far_too_much_is_refused(ending: str) -> None:
    reader, data, part = READERS[ending]
    padded = changed(data, {part: lambda content: content + b" " * 20_000_000})
    assert len(padded) < 200_000
    with pytest.raises(ContentError, match="unpacks"):
        reader.read(padded)


@each_format
def test_a_part_larger_than_it_says_is_not_unpacked(ending: str) -> None:
    reader, data, part = READERS[ending]
    size = 64_000_000
    padded = changed(data, {part: lambda content: content + b" " * size})
    with ZipFile(BytesIO(padded)) as archive:
        content = archive.read(part)
        offset = archive.getinfo(part).header_offset
    honest = content[: len(content) - size]
    lying = bytearray(padded)
    for signature, place in ((b"PK\x03\x04", 14), (b"PK\x01\x02", 16)):
        at = lying.index(signature, offset)
        while part.encode() not in lying[at : at + 46 + len(part)]:
            at = lying.index(signature, at + 1)
        lying[at + place : at + place + 4] = struct.pack("<I", zlib.crc32(honest))
        lying[at + place + 8 : at + place + 12] = struct.pack("<I", len(honest))
    del content, padded
    tracemalloc.start()
    try:
        read = reader.read(bytes(lying))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert read == reader.read(data)
    assert peak < size / 4


SECRET = "The contents of another file."
LAUGHS = '<!ENTITY a "haha">' + "".join(
    f'<!ENTITY {name} "{f"&{inner};" * 50}">'
    for inner, name in zip("abcdef", "bcdefg", strict=True)
)


@each_format
@pytest.mark.parametrize("entities", [LAUGHS, '<!ENTITY g SYSTEM "file://{}">'])
def test_entities_bring_in_no_file_and_do_not_explode(
    ending: str, entities: str, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    reader, data, part = READERS[ending]

    def poisoned(content: bytes) -> bytes:
        text = etree.tostring(etree.fromstring(content)).decode()
        assert ">Mot<" in text
        doctype = f"<!DOCTYPE x [{entities.replace('{}', str(tmp_path / 'secret'))}]>"
        return (doctype + text.replace(">Mot<", ">Mot&g;<")).encode()

    tracemalloc.start()
    try:
        text = reader.read(changed(data, {part: poisoned})).text
    except ContentError:
        text = ""
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert SECRET not in text
    assert "haha" not in text
    assert peak < 50_000_000


@each_format
def test_an_unusual_compression_is_refused(ending: str) -> None:
    reader, data, _ = READERS[ending]
    packed = BytesIO()
    with ZipFile(BytesIO(data)) as old, ZipFile(packed, "w", ZIP_BZIP2) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(ContentError, match="unusual"):
        reader.read(packed.getvalue())


@pytest.mark.parametrize(
    ("reader", "data"),
    [
        (docx, docx_bytes(Document())),
        (odt, odt_bytes("<text:p> </text:p>")),
        (pptx, pptx_bytes(Presentation())),
        (xlsx, sheet_bytes()),
    ],
)
def test_a_file_without_text_is_refused(reader: ModuleType, data: bytes) -> None:
    with pytest.raises(ContentError, match="no text"):
        reader.read(data)


def checked(reader: ModuleType, data: bytes) -> None:
    """The data is either read into well-formed content or refused."""
    try:
        content = reader.read(data)
    except ContentError:
        return
    assert described(content)
    assert content.text.encode().decode() == content.text


@each_format
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_files_with_flipped_bytes_are_read_or_refused(ending: str, data: st.DataObject) -> None:
    reader, sound, _ = READERS[ending]
    flipped = bytearray(sound)
    places = st.integers(0, len(sound) - 1)
    for place, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=8)):
        flipped[place] = byte
    checked(reader, bytes(flipped))


VALUES = ["", "-1", "0", "1", "7", "1.5", "99999999999", "true", "x", "1e999"]


@each_format
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False))
def test_files_with_malformed_parts_are_read_or_refused(ending: str, rng: random.Random) -> None:
    def malformed(part: bytes) -> bytes:
        root = etree.fromstring(part)
        for _ in range(rng.randint(0, 3)):
            element = rng.choice(list(root.iter(etree.Element)))
            match rng.randint(0, 3):
                case 0 if element.attrib:
                    element.set(rng.choice(sorted(element.attrib)), rng.choice(VALUES))
                case 1 if (parent := element.getparent()) is not None:
                    parent.remove(element)
                case 2:
                    element.text = rng.choice(VALUES)
                case _:
                    element.tag = rng.choice(list(root.iter(etree.Element))).tag
        return etree.tostring(root)

    reader, sound, _ = READERS[ending]
    with ZipFile(BytesIO(sound)) as archive:
        names = [name for name in archive.namelist() if name.endswith((".xml", ".rels"))]
    main = [name for name in names if "theme" not in name and "Layout" not in name]
    checked(reader, changed(sound, dict.fromkeys(rng.sample(main, 3), malformed)))


# What they share


@pytest.mark.parametrize(
    ("number", "style", "written"),
    [
        (3, "1", "3"),
        (3, "a", "c"),
        (28, "A", "BB"),
        (1994, "i", "mcmxciv"),
        (4, "I", "IV"),
        (0, "i", "0"),
        (10**9, "I", "1000000000"),
        (10**9, "a", "1000000000"),
    ],
)
def test_counting(number: int, style: str, written: str) -> None:
    assert count_as(number, style) == written


def test_numbering_starts_again_below_a_new_number() -> None:
    numbering = Numbering({0: ListLevel("%1."), 1: ListLevel("%1.%2", start=5)})
    marks = [numbering.mark(level) for level in (1, 0, 1, 1, 0, 1, 2)]
    assert marks == ["1.5", "1.", "1.5", "1.6", "2.", "2.5", "-"]


@pytest.mark.parametrize(
    ("cells", "is_header"),
    [
        (["Nom", "Ville"], True),
        (["Poste", "2023", "2024"], True),
        (["", "2023", "2024"], True),
        (["", "Nord", "Sud"], True),
        (["Nom", ""], False),
        (["Nom", "Nom"], False),
        (["Léa", "1984"], False),
        (["Nom :", "Léa"], False),
        (["Une phrase.", "Autre"], False),
        (["Article 1", "Objet"], False),
        (["x" * 61, "Ville"], False),
        (["Nom"], False),
        ([], False),
    ],
)
def test_what_looks_like_a_header(cells: list[str], is_header: bool) -> None:
    assert looks_like_header(cells) is is_header


@pytest.mark.parametrize(
    ("value", "number_format", "written"),
    [
        (1 / 3, "0%", "33 %"),
        (0.5, "0.00%", "50.00 %"),
        (0.5, '0.0"%"', "0.5"),
        (1600.5, "#,##0.00\\ [$€-40C]", "1600.5 €"),
        (12, '_("$"* #,##0.00_);[Red]0', "12 $"),
        (12, "[$-40C]0", "12"),
        (-0.0, "General", "0"),
        (1e20, "General", "1e+20"),
        (12345678901234567, "General", "12345678901234567"),
        (float("inf"), "General", "inf"),
    ],
)
def test_writing_numbers(value: float, number_format: str, written: str) -> None:
    assert write_number(value, number_format) == written


def test_cleaning_keeps_what_is_seen() -> None:
    assert office.clean_text(" e\u0301te\u0301\u00a0: \t a\u200b\ufeff\x00b\x0b\r\n c\ud800 ") == (
        "été\u00a0: ab\nc"
    )
    family = "👩\u200d👧"
    assert office.clean_text(family) == family
