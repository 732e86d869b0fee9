from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from zipfile import ZipFile

import docx
import pypdfium2
import pytest

from corpus.make_documents import BUDGETS, DOCUMENTS, TIMELINE, Sheet, make_documents, typeset

AGAIN = "make them again with `python -m corpus.make_documents`"


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    return make_documents()


def _members(archive: bytes) -> dict[str, bytes]:
    with ZipFile(BytesIO(archive)) as file:
        return {name: file.read(name) for name in file.namelist()}


def _lines(sheet: Sheet) -> list[str]:
    return [text for kind, texts in sheet.blocks() if kind != "row" for text in texts]


def test_the_shipped_files_are_what_the_script_makes(made: dict[str, bytes]) -> None:
    pdf, word = "chronologie.pdf", "fiche-financement.docx"
    assert set(made) == {pdf, word}
    assert (DOCUMENTS / pdf).read_bytes() == made[pdf], AGAIN
    assert _members((DOCUMENTS / word).read_bytes()) == _members(made[word]), AGAIN


def test_the_same_bytes_come_out_each_time(made: dict[str, bytes]) -> None:
    assert make_documents() == made
    with ZipFile(BytesIO(made["fiche-financement.docx"])) as file:
        assert {info.date_time for info in file.infolist()} == {(2025, 6, 30, 12, 0, 0)}


def test_the_timeline_reads_back_whole_on_two_pages(made: dict[str, bytes]) -> None:
    with pypdfium2.PdfDocument(made["chronologie.pdf"]) as pdf:
        pages = [page.get_textpage().get_text_range() for page in pdf]
        properties = pdf.get_metadata_dict()
    assert len(pages) == 2
    read = " ".join(" ".join(pages).replace("\u2022", "").split())
    written = " ".join([TIMELINE.title, *_lines(TIMELINE)])
    assert read == " ".join(written.split())
    assert properties["Title"] == TIMELINE.title
    assert properties["Author"] == "Campus QA"
    assert properties["Subject"] == TIMELINE.subject
    assert properties["Keywords"] == ", ".join(TIMELINE.keywords)
    assert properties["CreationDate"] == "D:20250630120000Z"


def test_the_budget_sheet_reads_back_whole(made: dict[str, bytes]) -> None:
    document = docx.Document(BytesIO(made["fiche-financement.docx"]))
    paragraphs = [paragraph.text for paragraph in document.paragraphs]
    assert paragraphs == [BUDGETS.title, *_lines(BUDGETS)]
    (table,) = document.tables
    rows = [[cell.text for cell in row.cells] for row in table.rows]
    assert rows[0] == ["Financement", "Montant", "Date ou période", "Source"]
    assert rows[1][:2] == [
        "Budget total du premier site de PariSanté Campus",
        "90\u00a0millions d’euros",
    ]
    assert len(rows) == 9
    properties = document.core_properties
    assert (properties.title, properties.subject) == (BUDGETS.title, BUDGETS.subject)
    assert properties.keywords == ", ".join(BUDGETS.keywords)
    assert (properties.author, properties.language) == ("Campus QA", "fr-FR")
    assert properties.created == properties.modified == datetime(2025, 6, 30, 12, tzinfo=UTC)


def test_french_spacing() -> None:
    assert typeset("a ; b : « c » 5 % de 3 millions") == (
        "a\u00a0; b\u00a0: «\u00a0c\u00a0» 5\u00a0% de 3\u00a0millions"
    )
    assert typeset("le 4 décembre 2020") == "le 4 décembre 2020"


def test_a_sheet_gathers_what_stands_in_a_row_and_joins_indented_lines() -> None:
    body = "\n## Un\nPhrase\n  suite.\n- a\n- b\n| A | B |\n| c | d |\n"
    sheet = Sheet("Titre", "Sujet", ("mot",), ("x.org", "y.org"), body)
    assert list(sheet.blocks()) == [
        ("heading", ["Un"]),
        ("paragraph", ["Phrase suite."]),
        ("item", ["a", "b"]),
        ("row", ["A | B |", "c | d |"]),
        ("heading", ["Sources"]),
        ("item", ["x.org", "y.org"]),
    ]
