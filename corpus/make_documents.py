"""Makes the two shipped documents that are not plain text: the timeline and the budget sheet.

    python -m corpus.make_documents

The same bytes come out each time (those of the budget sheet, which is a zip archive, up to its
compression). Needs reportlab, which only this module uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from io import BytesIO
from itertools import groupby
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import docx
from docx.document import Document
from docx.oxml.ns import qn
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import cm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate

DOCUMENTS = Path(__file__).parent / "documents"

_AUTHOR = "Campus QA"
_LANGUAGE = "fr-FR"
_CREATED = datetime(2025, 6, 30, 12, tzinfo=UTC)

_MARKS = {"## ": "heading", "- ": "item", "| ": "row"}
_NO_BREAK = re.compile(r" (?=[;:?!»%])|(?<=«) |(?<=\d) (?=millions|milliards|m²|%)")

_INK = HexColor("#1f2a44")
_MARGIN = 2 * cm
_TITLE = ParagraphStyle(
    "title", fontName="Helvetica-Bold", fontSize=18, leading=23, spaceAfter=12, textColor=_INK
)
_HEADING = ParagraphStyle(
    "heading",
    fontName="Helvetica-Bold",
    fontSize=13,
    leading=17,
    spaceBefore=14,
    spaceAfter=6,
    textColor=_INK,
    keepWithNext=True,
)
_PARAGRAPH = ParagraphStyle("paragraph", fontSize=11, leading=14.5, spaceAfter=4)
_ITEM = ParagraphStyle("item", parent=_PARAGRAPH, leftIndent=14)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A text to lay out.

    Attributes:
        body: A block a line: a heading after "## ", a list item after "- ", a table row between
            bars (the first is the header), else a paragraph. An indented line goes on with the one
            before. Spaces are ordinary ones.
    """

    title: str
    subject: str
    keywords: tuple[str, ...]
    sources: tuple[str, ...]
    body: str

    def blocks(self) -> Iterator[tuple[str, list[str]]]:
        """The blocks of a kind that stand in a row, without their marks; the sources at the end."""
        ending = ["## Sources", *(f"- {source}" for source in self.sources)]
        lines = [*self.body.replace("\n  ", " ").strip().splitlines(), *ending]
        for mark, group in groupby(lines, lambda line: next(filter(line.startswith, _MARKS), "")):
            yield _MARKS.get(mark, "paragraph"), [typeset(line[len(mark) :]) for line in group]


def typeset(text: str) -> str:
    """French spacing: no line break before a high mark or a unit, nor inside guillemets.

    With U+00A0 alone: the standard PDF fonts have no narrow one.
    """
    return _NO_BREAK.sub("\u00a0", text)


def make_pdf(sheet: Sheet) -> bytes:
    file = BytesIO()
    # Uncompressed, the bytes do not depend on the zlib at hand.
    template = SimpleDocTemplate(
        file,
        pagesize=A4,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN,
        title=sheet.title,
        author=_AUTHOR,
        subject=sheet.subject,
        keywords=list(sheet.keywords),
        creator=_AUTHOR,
        lang=_LANGUAGE,
        invariant=True,
        pageCompression=0,
    )
    template.build(list(_flowables(sheet)), onFirstPage=_date)
    return file.getvalue()


def make_docx(sheet: Sheet) -> bytes:
    document = docx.Document()
    properties = document.core_properties
    properties.title, properties.subject = sheet.title, sheet.subject
    properties.keywords = ", ".join(sheet.keywords)
    properties.author = properties.last_modified_by = _AUTHOR
    properties.created = properties.modified = _CREATED
    properties.language, properties.comments = _LANGUAGE, ""
    for language in document.styles.element.iter(qn("w:lang")):
        language.set(qn("w:val"), _LANGUAGE)
    document.add_heading(sheet.title, 0)
    for kind, texts in sheet.blocks():
        if kind == "row":
            _add_table(document, [row.strip(" |").split(" | ") for row in texts])
            continue
        for text in texts:
            if kind == "heading":
                document.add_heading(text, 1)
            else:
                document.add_paragraph(text, "List Bullet" if kind == "item" else None)
    file = BytesIO()
    document.save(file)
    return _with_fixed_times(file.getvalue())


def make_documents() -> dict[str, bytes]:
    """The files by name."""
    return {"chronologie.pdf": make_pdf(TIMELINE), "fiche-financement.docx": make_docx(BUDGETS)}


def _flowables(sheet: Sheet) -> Iterator[Flowable]:
    yield Paragraph(escape(sheet.title), _TITLE)
    for kind, texts in sheet.blocks():
        for text in texts:
            if kind == "heading":
                yield Paragraph(escape(text), _HEADING)
            elif kind == "item":
                yield Paragraph(escape(text), _ITEM, bulletText="•")
            else:
                yield Paragraph(escape(text), _PARAGRAPH)


def _date(canvas: Canvas, template: SimpleDocTemplate) -> None:
    # Without it, reportlab's invariant mode dates everything 1 January 2000.
    canvas.setDateFormatter(lambda *now: f"D:{_CREATED:%Y%m%d%H%M%S}Z")


def _add_table(document: Document, rows: Sequence[Sequence[str]]) -> None:
    table = document.add_table(len(rows), len(rows[0]), "Light Grid Accent 1")
    for cells, row in zip(table.rows, rows, strict=True):
        for cell, text in zip(cells.cells, row, strict=True):
            cell.text = text


def _with_fixed_times(archive: bytes) -> bytes:
    """The same members, all dated as the document is."""
    file = BytesIO()
    with ZipFile(BytesIO(archive)) as source, ZipFile(file, "w") as target:
        for name in source.namelist():
            info = ZipInfo(name, _CREATED.timetuple()[:6])
            target.writestr(info, source.read(name), ZIP_DEFLATED)
    return file.getvalue()


TIMELINE = Sheet(
    title="Chronologie de PariSanté Campus et des données de santé",
    subject="PariSanté Campus, Health Data Hub et Espace européen des données de santé",
    keywords=("PariSanté Campus", "Val-de-Grâce", "Health Data Hub", "EHDS", "chronologie"),
    sources=(
        "interview d’Antoine Tesnière, 2025",
        "psl.eu/en/news",
        "esante.tech",
        "lajauneetlarouge.com, septembre 2020",
        "rapport de préfiguration, pdfslide.fr",
        "usine-digitale.fr, 2021-05 et 2022-01",
        "dossier de concertation, 123dok.net",
        "readkong.com",
        "dsih.fr",
        "anr.fr",
        "lequotidiendumedecin.fr, « Jean Castex inaugure le PariSanté Campus »",
        "lequotidiendumedecin.fr, 2024-11-26",
        "horizonspublics.fr, 2023-10-18",
        "strategiesante.com",
        "noze.it",
        "prineos.com",
        "cuatrecasas.com",
        "platis-anastassiadis.com",
        "legalaccelerators.com",
        "eit.icarus.education",
        "digitalpolicyalert.org",
    ),
    body="""
## De 2016 à 2020
- 2016 : l’Institut national des données de santé est créé ; le Health Data Hub lui succédera.
- 12 juin 2018 : une mission de préfiguration du Health Data Hub est lancée, à la suite du rapport
  Villani sur l’intelligence artificielle.
- 24 juillet 2019 : la loi relative à l’organisation et à la transformation du système de santé pose
  le principe du Health Data Hub.
- 29 novembre 2019 : un arrêté crée le Health Data Hub, groupement d’intérêt public.
- 1er décembre 2019 : la création du Health Data Hub devient effective.
- 4 décembre 2020 : Emmanuel Macron annonce le programme PariSanté Campus.
## 2021
- 29 juin 2021 : le plan Innovation Santé 2030 est présenté.
- 20 septembre 2021 : la concertation préalable sur le projet du Val-de-Grâce s’ouvre, sous l’égide
  de la Commission nationale du débat public.
- 18 octobre 2021 : la stratégie d’accélération Santé numérique est lancée.
- 13 novembre 2021 : la concertation préalable sur le projet du Val-de-Grâce se termine.
- 14 décembre 2021 : le Premier ministre Jean Castex inaugure le premier site de PariSanté Campus,
  aménagé entre 2021 et 2022.
## De 2022 à 2024
- Janvier 2022 : le Health Data Hub retire temporairement sa demande d’autorisation auprès de la
  CNIL.
- 3 mai 2022 : la Commission propose l’Espace européen des données de santé, sous la référence
  COM(2022) 197.
- 2022 et 2023 : les start-up installées à PariSanté Campus lèvent plus de 70 millions d’euros.
- 24 avril 2024 : l’Espace européen des données de santé fait l’objet d’un accord provisoire.
- Fin 2024 : PariSanté Campus accueille plus de 80 structures privées, en majorité des start-up.
## 2025
- 21 janvier 2025 : le Conseil adopte le règlement sur l’Espace européen des données de santé.
- 11 février 2025 : le règlement (UE) 2025/327 sur l’Espace européen des données de santé porte
  cette date.
- Février 2025 : PariSanté Campus participe au Sommet pour l’action sur l’IA, à Paris.
- 5 mars 2025 : le règlement sur l’Espace européen des données de santé est publié au Journal
  officiel de l’Union.
- 26 mars 2025 : le règlement sur l’Espace européen des données de santé entre en vigueur selon la
  plupart des sources ; cuatrecasas.com écrit le 25 mars, platis-anastassiadis.com le 26 mai.
## À venir
- 26 mars 2027 : le règlement sur l’Espace européen des données de santé devient applicable dans son
  ensemble.
- 2028 ou 2029 : PariSanté Campus s’installe au Val-de-Grâce, en 2028 selon le dossier de
  concertation et l’annonce de décembre 2021, en 2029 selon lequotidiendumedecin.fr (26 novembre
  2024).
- 2029 et 2031 : le règlement sur l’Espace européen des données de santé s’applique par étapes,
  selon les catégories de données.
- Vers 2034-2035 : l’Espace européen des données de santé s’ouvre aux pays tiers.
""",
)

BUDGETS = Sheet(
    title="Le financement de PariSanté Campus et de la santé numérique",
    subject="Les budgets de PariSanté Campus et des programmes publics de santé numérique",
    keywords=("PariSanté Campus", "budget", "France Relance", "PEPR", "Innovation Santé 2030"),
    sources=(
        "lequotidiendumedecin.fr, « Jean Castex inaugure le PariSanté Campus »",
        "lequotidiendumedecin.fr, 2024-11-26",
        "hospinov.com",
        "horizonspublics.fr, 2023-10-18",
        "strategiesante.com",
        "dsih.fr",
        "anr.fr",
        "presse.inserm.fr",
    ),
    body="""
## Les deux sites
Le budget total du premier site de PariSanté Campus était de 90 millions d’euros, selon
  lequotidiendumedecin.fr. En décembre 2021, le budget prévisionnel du projet du Val-de-Grâce était
  de 360 millions d’euros, selon lequotidiendumedecin.fr.
Le choix de mobilier reconditionné pour le premier site de PariSanté Campus aurait réduit de 50 % le
  coût de l’opération, selon horizonspublics.fr.
## Le soutien public
Le plan France Relance a apporté 45 millions d’euros à PariSanté Campus. Trois programmes publics
  ont soutenu PariSanté Campus : la feuille de route du numérique en santé, la stratégie nationale
  d’accélération et France 2030.
À l’inauguration du premier site de PariSanté Campus, le 14 décembre 2021, Bpifrance devait y tenir
  un bureau pour financer les porteurs de projets.
## Les levées de fonds
En 2022 et 2023, les start-up installées à PariSanté Campus ont levé plus de 70 millions d’euros,
  selon strategiesante.com.
## Les montants
Les sources ne s’accordent pas sur le montant du plan Innovation Santé 2030 : plus de 7,5 milliards
  d’euros selon dsih.fr ; 7 milliards d’euros selon lequotidiendumedecin.fr. Le tableau donne une
  ligne à chaque montant.
| Financement | Montant | Date ou période | Source |
| Budget total du premier site de PariSanté Campus | 90 millions d’euros | non précisée |
  lequotidiendumedecin.fr |
| Apport du plan France Relance à PariSanté Campus | 45 millions d’euros | non précisée |
  hospinov.com ; lequotidiendumedecin.fr |
| Budget prévisionnel du projet du Val-de-Grâce | 360 millions d’euros | décembre 2021 |
  lequotidiendumedecin.fr |
| Levées de fonds des start-up de PariSanté Campus | plus de 70 millions d’euros | 2022 et 2023 |
  strategiesante.com |
| Stratégie d’accélération Santé numérique | 650 millions d’euros | lancée le 18 octobre 2021 |
  dsih.fr ; anr.fr |
| PEPR Santé numérique | 60 millions d’euros, dont 58 pour la partie scientifique | sur sept ans |
  anr.fr ; presse.inserm.fr |
| Plan Innovation Santé 2030, selon dsih.fr | plus de 7,5 milliards d’euros | présenté le 29 juin
  2021 | dsih.fr |
| Plan Innovation Santé 2030, selon lequotidiendumedecin.fr | 7 milliards d’euros | présenté le 29
  juin 2021 | lequotidiendumedecin.fr |
""",
)


if __name__ == "__main__":
    for name, data in make_documents().items():
        (DOCUMENTS / name).write_bytes(data)
