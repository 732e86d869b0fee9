from __future__ import annotations

import io
import shutil
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.lib.enums import TA_JUSTIFY
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Frame,
    ListFlowable,
    PageBreak,
    PageTemplate,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
)

from corpus.content import Content, ContentError
from corpus.formats import ocr, pdf

STYLES = getSampleStyleSheet()
BODY = ParagraphStyle("body", parent=STYLES["BodyText"], alignment=TA_JUSTIFY)
LONG = (
    "Le campus rassemble des chercheurs, des entreprises et des étudiants sur un même site, où ils "
    "travaillent ensemble au développement du numérique en santé. Il a été inauguré en 2021 ; plus "
    "de 1 600 personnes y travaillent aujourd’hui, dit-on à l’accueil."
)


def made(story: Sequence[Any], *, furniture: bool = False, **options: Any) -> bytes:
    buffer = io.BytesIO()

    def draw(canvas: Canvas, document: Any) -> None:
        if furniture:
            canvas.setFont("Helvetica", 8)
            canvas.drawString(60, A4[1] - 30, "Rapport annuel 2024")
            canvas.drawCentredString(A4[0] / 2, 25, f"Page {document.page} / 9")

    document = SimpleDocTemplate(buffer, pagesize=A4, invariant=True, **options)
    document.build(list(story), onFirstPage=draw, onLaterPages=draw)
    return buffer.getvalue()


def shown(content: Content) -> list[tuple[int | None, str]]:
    return [(block.level, content.text[block.start : block.end]) for block in content.blocks]


def heading(text: str, level: int) -> Paragraph:
    return Paragraph(text, STYLES[f"Heading{level}"])


def test_headings_paragraphs_lists_and_pages() -> None:
    content = pdf.read(
        made(
            [
                heading("Le campus : état des lieux", 1),
                Paragraph(LONG, BODY),
                heading("Accès", 2),
                ListFlowable(
                    [Paragraph("par le métro", BODY), Paragraph("à pied", BODY)],
                    bulletType="bullet",
                ),
                PageBreak(),
                heading("Le budget", 2),
                Paragraph("Le budget est de 3 millions d’euros.", BODY),
            ]
        )
    )
    assert shown(content) == [
        (1, "Le campus : état des lieux"),
        (None, LONG),
        (2, "Accès"),
        (None, "par le métro"),
        (None, "à pied"),
        (2, "Le budget"),
        (None, "Le budget est de 3 millions d’euros."),
    ]
    assert content.pages == (0, content.text.index("Le budget"))
    assert content.gaps == ()


def test_what_the_file_says_of_itself() -> None:
    story = [Paragraph(LONG, BODY)]
    content = pdf.read(made(story, title="Un titre", author="A. Martin", subject="Sujet"))
    assert content.fields["title"] == "Un titre"
    assert content.fields["author"] == "A. Martin"
    assert content.fields["subject"] == "Sujet"
    assert content.fields["date"] == "2000-01-01"
    assert "title" not in pdf.read(made(story, title="Microsoft Word - rapport.doc")).fields


def test_running_heads_and_page_numbers_are_left_out() -> None:
    story: list[Any] = []
    for number in range(4):
        story += [Paragraph(f"La partie {number} dit ceci. {LONG}", BODY), PageBreak()]
    content = pdf.read(made(story, furniture=True))
    assert "Rapport annuel" not in content.text
    assert "Page" not in content.text
    assert len(content.pages) == 4
    assert [text[:9] for _, text in shown(content)] == ["La partie"] * 4
    once = pdf.read(made(story[:1], furniture=True))
    assert "Rapport annuel 2024" in once.text


def test_a_paragraph_that_runs_over_a_page_is_one() -> None:
    sentences = [f"Cette phrase porte le numéro {i} et va plus loin." for i in range(120)]
    content = pdf.read(made([Paragraph(" ".join(sentences), BODY)]))
    assert shown(content) == [(None, " ".join(sentences))]
    assert len(content.pages) == 2
    start = content.pages[1]
    assert content.text[start - 1] == " "
    page = pypdfium2.PdfDocument(made([Paragraph(" ".join(sentences), BODY)]))[1]
    assert page.get_textpage().get_text_range().startswith(content.text[start : start + 30])


def test_columns_are_read_one_after_the_other() -> None:
    buffer = io.BytesIO()
    document = BaseDocTemplate(buffer, pagesize=A4, invariant=True)
    frames = [Frame(50 + 260 * i, 400, 240, 300) for i in range(2)]
    document.addPageTemplates([PageTemplate(frames=frames)])
    sentences = [f"La phrase {i} se lit à sa place, dans sa colonne." for i in range(40)]
    document.build([Paragraph(" ".join(sentences), BODY)])
    assert shown(pdf.read(buffer.getvalue())) == [(None, " ".join(sentences))]


def drawn(lines: Sequence[str], **options: Any) -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, invariant=True, **options)
    canvas.setFont("Helvetica", 11)
    for number, line in enumerate(lines):
        canvas.drawString(72, 700 - 14 * number, line)
    canvas.save()
    return buffer.getvalue()


def test_words_parted_at_a_line_end_are_whole_again() -> None:
    lines = [
        "Le numérique en santé demande une infor-",
        "mation fiable et des données que chacun com-",
        "prend sans effort.",
    ]
    text = pdf.read(drawn(lines)).text
    assert text == (
        "Le numérique en santé demande une information fiable et des données que chacun comprend "
        "sans effort."
    )


def test_a_protected_file_says_what_to_do() -> None:
    with pytest.raises(ContentError, match="protected by a password"):
        pdf.read(drawn(["Secret."], encrypt="mot de passe"))


def test_a_file_without_text_says_so() -> None:
    with pytest.raises(ContentError, match="no text"):
        pdf.read(drawn([]))


def scanned(pages: Sequence[bytes | None]) -> bytes:
    """The pages as images; None for a page of text."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, invariant=True)
    for page in pages:
        if page is None:
            canvas.drawString(72, 700, "Cette page a du texte.")
        else:
            image = pypdfium2.PdfDocument(page)[0].render(scale=300 / 72).to_pil()
            canvas.drawImage(ImageReader(image), 0, 0, *A4)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


@pytest.fixture
def without_ocr(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    ocr.unavailable.cache_clear()
    monkeypatch.setenv("PATH", "")
    yield
    ocr.unavailable.cache_clear()


@pytest.mark.usefixtures("without_ocr")
def test_a_scan_says_how_it_can_be_read() -> None:
    page = drawn(["Une page."])
    with pytest.raises(ContentError, match=r"scan without text.*campus-qa\[ocr\]"):
        pdf.read(scanned([page]))
    content = pdf.read(scanned([None, page, page]))
    assert content.text == "Cette page a du texte."
    assert len(content.pages) == 3
    (where, reason), *others = content.gaps
    assert where == "pages 2, 3"
    assert "campus-qa[ocr]" in reason
    assert others == []


@pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="the program tesseract is not installed"
)
def test_a_scan_is_read_where_tesseract_is() -> None:
    if reason := ocr.unavailable():
        pytest.skip(reason)
    text = "La bibliothèque compte 1 600 livres, français et anglais."
    content = pdf.read(scanned([None, drawn([text])]))
    assert shown(content) == [(None, "Cette page a du texte."), (None, text)]
    assert content.gaps == ()
    assert content.pages == (0, content.text.index("La bibliothèque"))


WHOLE = made([heading("Un titre", 1), Spacer(1, 9), Paragraph(LONG, BODY)], furniture=True)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=40),
    st.integers(0, len(WHOLE)),
)
def test_a_damaged_file_is_read_or_refused(changes: list[tuple[int, int]], length: int) -> None:
    data = bytearray(WHOLE)
    for place, byte in changes:
        data[place] = byte
    for damaged in (bytes(data), bytes(data[:length])):
        try:
            content = pdf.read(damaged)
        except ContentError:
            continue
        for block in content.blocks:
            piece = content.text[block.start : block.end]
            assert piece == piece.strip() != ""


@pytest.mark.parametrize("data", [b"", b"%PDF-1.4", b"PK\x03\x04", b"<html></html>"])
def test_what_is_no_pdf_is_refused(data: bytes) -> None:
    with pytest.raises(ContentError, match="not a whole PDF"):
        pdf.read(data)


def test_many_pages_take_little_time_each(capsys: pytest.CaptureFixture[str]) -> None:
    story: list[Any] = []
    for number in range(60):
        story += [heading(f"Partie {number}", 2), *[Paragraph(LONG, BODY)] * 8, PageBreak()]
    data = made(story)
    started = time.perf_counter()
    content = pdf.read(data)
    with capsys.disabled():
        print(f" {60 / (time.perf_counter() - started):.0f} pages a second", end="")
    assert len(content.pages) == 60
    assert len(content.blocks) == 60 * 9
