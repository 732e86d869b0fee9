from __future__ import annotations

import io
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from reportlab.lib.enums import TA_JUSTIFY
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
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
    Table,
)

from corpus.content import Content, ContentError
from corpus.formats import ocr, pdf
from corpus.formats.pdf_runs import clean

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
    assert content.fields["date"] == "2000-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("title", "kept"),
    [
        ("Microsoft Word - rapport.doc", False),
        ("(anonymous)", False),
        ("Untitled-1", False),
        ("rapport final.indd", False),
        ("Présentation PowerPoint", False),
        ("Document1", False),
        ("Diapositive 1", False),
        ("Document 1 bis", True),
        ("Les documents .docx expliqués", True),
    ],
)
def test_titles_that_programs_give_are_left_out(title: str, kept: bool) -> None:
    fields = pdf.read(made([Paragraph(LONG, BODY)], title=title)).fields
    assert fields.get("title") == (title if kept else None)


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


Draw = Callable[[Canvas], None]


def painted(*pages: Draw, **options: Any) -> bytes:
    """A page for each function that draws one, in Helvetica 11."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, invariant=True, **options)
    for draw in pages:
        canvas.setFont("Helvetica", 11)
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def written(lines: Sequence[str], left: float = 72, top: float = 700, step: float = 14) -> Draw:
    def draw(canvas: Canvas) -> None:
        for number, line in enumerate(lines):
            canvas.drawString(left, top - step * number, line)

    return draw


def both(*draws: Draw) -> Draw:
    def draw(canvas: Canvas) -> None:
        for one in draws:
            one(canvas)

    return draw


def in_font(name: str, size: float, draw: Draw) -> Draw:
    def drawn_so(canvas: Canvas) -> None:
        canvas.setFont(name, size)
        draw(canvas)
        canvas.setFont("Helvetica", 11)

    return drawn_so


SEA = (
    "Le laboratoire étudie la mer et ses",
    "habitants, du plancton aux cétacés, et",
    "publie chaque année un rapport. Il",
    "compte douze équipes, réparties entre",
    "trois villes de la côte atlantique.",
)
MEANS = (
    "Son budget vient de la région pour une",
    "moitié et de l’État pour le reste. La",
    "direction change tous les cinq ans, sur",
    "proposition du conseil qui réunit les",
    "chercheurs et les techniciens.",
)


@pytest.mark.parametrize(
    ("end", "start", "joined"),
    [
        ("peut-", "être", "peut-être"),
        ("infor-", "mation", "information"),
        ("viendra-t-", "il", "viendra-t-il"),
        ("c’est-à-", "dire", "c’est-à-dire"),
        ("répond-", "elle", "répond-elle"),
        ("Saint-", "Denis", "Saint-Denis"),
        ("self-", "service", "self-service"),
        ("compa-", "rison", "comparison"),
        ("un tiret -", "seul", "un tiret - seul"),
    ],
)
def test_a_hyphen_at_a_line_end_stays_if_it_is_the_words_own(
    end: str, start: str, joined: str
) -> None:
    lines = [f"Voici une ligne assez longue pour être pleine {end}", f"{start} puis la suite."]
    assert f"pleine {joined} puis la suite." in pdf.read(drawn(lines)).text


def test_other_places_of_a_word_tell_whether_its_hyphen_is_its_own() -> None:
    lines = [
        "Le sous-traitant et le porte-parole disent tous deux la même chose au sous-",
        "traitant et au porte-",
        "parole ; la soustraction suit la sous-",
        "traction.",
    ]
    assert pdf.read(drawn(lines)).text == (
        "Le sous-traitant et le porte-parole disent tous deux la même chose au sous-traitant et au "
        "porte-parole ; la soustraction suit la soustraction."
    )


def test_headings_are_bold_lines_that_stand_alone() -> None:
    content = pdf.read(
        painted(
            both(
                in_font("Helvetica-Bold", 11, written(["Les équipes"], top=730)),
                written(SEA),
                in_font("Helvetica-Bold", 11, written(["Ceci est important."], top=600)),
                written(MEANS, top=570),
                in_font("Helvetica-Bold", 11, written(["La directrice"], top=480)),
            )
        )
    )
    assert shown(content) == [
        (1, "Les équipes"),
        (None, " ".join(SEA)),
        (None, "Ceci est important."),
        (None, " ".join(MEANS)),
        (None, "La directrice"),
    ]


def test_the_outline_names_headings_and_their_levels() -> None:
    def draw(canvas: Canvas) -> None:
        in_font("Helvetica-Bold", 20, written(["Rapport"], top=780))(canvas)
        in_font("Helvetica", 16, written(["1. Bilan"], top=750))(canvas)
        written(["Chiffres", *SEA], top=720)(canvas)
        in_font("Helvetica", 16, written(["2. Suite"], top=600))(canvas)
        in_font("Helvetica-Bold", 11, written(["Détail"], top=570))(canvas)
        written(MEANS, top=550)(canvas)
        for key, title, level in (("a", "Bilan", 0), ("b", "Chiffres", 1), ("c", "Autre", 0)):
            canvas.bookmarkPage(key)
            canvas.addOutlineEntry(title, key, level)

    assert shown(pdf.read(painted(draw))) == [
        (1, "Rapport"),
        (1, "1. Bilan"),
        (2, "Chiffres"),
        (None, " ".join(SEA)),
        (1, "2. Suite"),
        (2, "Détail"),
        (None, " ".join(MEANS)),
    ]


def test_paragraphs_without_space_between_are_told_by_indents_and_short_lines() -> None:
    style = ParagraphStyle("tight", parent=BODY, firstLineIndent=14, spaceBefore=0, spaceAfter=0)
    texts = [LONG, "Une phrase courte.", LONG.replace("campus", "site"), "La fin."]
    content = pdf.read(made([Paragraph(text, style) for text in texts]))
    assert shown(content) == [(None, text) for text in texts]
    plain = ParagraphStyle("plain", parent=style, firstLineIndent=0)
    content = pdf.read(made([Paragraph(text, plain) for text in texts]))
    assert shown(content) == [(None, text) for text in texts]


def test_items_go_on_below_their_mark_and_numbers_in_a_sentence_are_none() -> None:
    lines = [
        "Trois points sont à retenir de la réunion, que le compte rendu du conseil donne à la page",
        "12. Ils sont longs.",
        "• le premier point est assez long pour que sa ligne soit pleine et qu’il aille ensuite",
        "à la ligne",
        "• le second",
        "1. un",
        "2. deux",
    ]
    content = pdf.read(drawn(lines))
    assert shown(content) == [
        (None, " ".join(lines[:2])),
        (None, " ".join(lines[2:4])[2:]),
        (None, "le second"),
        (None, "un"),
        (None, "deux"),
    ]
    assert "\n• le second\n1. un\n2. deux" in content.text


def test_lines_of_two_columns_that_are_written_in_turns_are_read_down_each() -> None:
    def draw(canvas: Canvas) -> None:
        in_font("Helvetica-Bold", 18, written(["Le laboratoire de la mer"], top=780))(canvas)
        for number, (left, right) in enumerate(zip(SEA, MEANS, strict=True)):
            canvas.drawString(72, 740 - 14 * number, left)
            canvas.drawString(310, 740 - 14 * number, right)
        written(["Ce texte va sur toute la largeur de la page, sous les deux colonnes."], top=640)(
            canvas
        )

    assert shown(pdf.read(painted(draw))) == [
        (1, "Le laboratoire de la mer"),
        (None, " ".join(SEA)),
        (None, " ".join(MEANS)),
        (None, "Ce texte va sur toute la largeur de la page, sous les deux colonnes."),
    ]


def test_tables_are_read_row_by_row_and_cells_whole() -> None:
    long = "Maëlle Kervadec, professeure à Brest, qui dirige l’institut depuis 2019"
    rows = [["Jour", "Ouverture", "Fermeture"], ["Lundi", "8 h 30", "18 h"], ["Samedi", "", "12 h"]]
    story = [
        Table(rows),
        Paragraph(LONG, BODY),
        Table(
            [[Paragraph(text, STYLES["Normal"]) for text in ("Direction du programme", long)]],
            colWidths=[80, 180],
        ),
        Paragraph("Le loyer" + " ." * 20 + " 900 euros", BODY),
    ]
    content = pdf.read(made(story))
    assert shown(content) == [
        (None, "Jour  Ouverture  Fermeture"),
        (None, "Lundi  8 h 30  18 h"),
        (None, "Samedi  12 h"),
        (None, LONG),
        (None, f"Direction du programme  {long}"),
        (None, "Le loyer  900 euros"),
    ]
    assert [block.whole for block in content.blocks] == [True, True, True, False, True, True]


def test_rows_repeat_a_header_in_bold() -> None:
    rows = [["Jour", "Ouverture"], *([f"jour {n}", f"{n} heures"] for n in range(60))]
    style = [("FONTNAME", (0, 0), (-1, 0), "Helvetica-Bold")]
    content = pdf.read(made([Table(rows, style=style, repeatRows=1), Paragraph(LONG, BODY)]))
    assert len(content.pages) == 2
    assert shown(content) == [
        *((None, f"Jour: jour {n}; Ouverture: {n} heures") for n in range(60)),
        (None, LONG),
    ]


def test_a_sentence_goes_on_over_the_page_past_a_note_and_in_the_middle_of_a_word() -> None:
    note = in_font("Helvetica", 8, written(["Une note de bas de page."], top=40))
    content = pdf.read(
        painted(
            both(written(["Le laboratoire étudie la mer et ses habi-"], top=70), note),
            written(["tants, du plancton aux cétacés."], top=780),
        )
    )
    assert shown(content) == [
        (None, "Une note de bas de page."),
        (None, "Le laboratoire étudie la mer et ses habitants, du plancton aux cétacés."),
    ]
    assert content.pages == (0, content.text.index("tants, du plancton"))


def test_an_item_goes_on_over_an_empty_page() -> None:
    content = pdf.read(
        painted(
            written(["• le premier point, qui est"], top=70),
            lambda canvas: None,
            written(["plus long que la page"], top=780),
            lambda canvas: None,
        )
    )
    assert content.text == "• le premier point, qui est plus long que la page"
    assert shown(content) == [(None, "le premier point, qui est plus long que la page")]
    start = content.text.index("plus")
    assert content.pages == (0, start, start, len(content.text))


def test_heads_of_chapters_and_of_every_other_page_are_left_out() -> None:
    def page(number: int) -> Draw:
        head = f"Chapitre {'un' if number < 6 else 'deux'}" if number % 2 else "Le rapport"
        first = in_font("Helvetica-Bold", 16, written([f"Partie {number}"], top=720))
        body = written([f"Voici la page {number}."], top=690)
        return both(written([head], top=810), written([f"– {number} –"], 280, 30), first, body)

    content = pdf.read(painted(*map(page, range(12))))
    assert shown(content) == [
        entry
        for number in range(12)
        for entry in ((1, f"Partie {number}"), (None, f"Voici la page {number}."))
    ]


def test_turned_text_is_read_and_is_no_heading() -> None:
    def stamp(canvas: Canvas) -> None:
        canvas.translate(150, 300)
        canvas.rotate(45)
        in_font("Helvetica-Bold", 60, written(["PROJET"], 0, 0))(canvas)

    def sideways(canvas: Canvas) -> None:
        canvas.rotate(90)
        written(MEANS, 100, -100)(canvas)

    content = pdf.read(painted(both(written(SEA), stamp), sideways))
    assert shown(content) == [
        (None, " ".join(SEA)),
        (None, "PROJET"),
        (None, " ".join(MEANS)),
    ]


def test_a_page_that_is_shown_turned_is_read_as_it_is_shown() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setPageRotation(90)
        canvas.rotate(90)
        in_font("Helvetica-Bold", 18, written(["La mer"], 100, -80))(canvas)
        written(SEA, 100, -110)(canvas)

    assert shown(pdf.read(painted(draw))) == [(1, "La mer"), (None, " ".join(SEA))]


def test_a_negative_size_is_read_as_the_type_looks() -> None:
    data = painted(written(SEA), pageCompression=0)
    lines = data.replace(b"/F1 11 Tf", b"/F1 -11 Tf").replace(b"1 0 0 1 72 ", b"-1 0 0 -1 72 ")
    assert lines.count(b"-1 0 0 -1 72") == len(SEA)
    assert shown(pdf.read(lines)) == [(None, " ".join(SEA))]


def test_words_that_a_form_repeats_without_end_are_refused() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.beginForm("form0")
        canvas.drawString(72, 700, "Encore et encore.")
        canvas.endForm()
        for depth in range(1, 6):
            canvas.beginForm(f"form{depth}")
            for _ in range(10):
                canvas.doForm(f"form{depth - 1}")
            canvas.endForm()
        canvas.doForm("form5")

    with pytest.raises(ContentError, match="a page of it has more than 1000000 characters"):
        pdf.read(painted(draw))


def test_raised_digits_stay_raised_and_text_off_the_page_is_left_out() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(72, 700, "Une salle de 30 m")
        canvas.setFont("Helvetica", 6)
        canvas.drawString(72 + canvas.stringWidth("Une salle de 30 m", "Helvetica", 11), 704, "2")
        canvas.setFont("Helvetica", 11)
        canvas.drawString(180, 700, "au premier étage.")
        canvas.drawString(72, 2000, "Repère")

    assert pdf.read(painted(draw)).text == "Une salle de 30 m² au premier étage."


def test_letters_are_plain_and_junk_is_gone() -> None:
    assert clean("e\u0301ﬁn\u2003ﬂot\u200b\x00\ufffe\uf0b7\ue000") == "éfin flot-•"
    assert clean("1\u202f600 \U0001f600\ud800") == "1\u202f600 \U0001f600"


@pytest.mark.parametrize(
    ("stated", "date"),
    [
        (b"D:20240501123000+02'00'", "2024-05-01T12:30:00+02:00"),
        (b"D:20240501123000Z      ", "2024-05-01T12:30:00Z"),
        (b"D:20240501             ", "2024-05-01"),
        (b"2024-05-01T12:30:00    ", "2024-05-01T12:30:00"),
        (b"D:2024                 ", "2024"),
        (b"D:20241301000000Z      ", None),
        (b"the first of May       ", None),
    ],
)
def test_dates_are_iso_8601_or_left_out(stated: bytes, date: str | None) -> None:
    data = drawn(["Un texte."])
    assert data.count(b"D:20000101000000+00'00'") == 2
    fields = pdf.read(data.replace(b"D:20000101000000+00'00'", stated)).fields
    assert fields.get("date") == fields.get("modified") == date


def test_the_language_is_known_and_what_programs_put_is_left_out() -> None:
    fields = pdf.read(made([Paragraph(LONG, BODY)], lang="fr-FR")).fields
    assert fields.keys() == {"language", "date", "modified"}
    assert fields["language"] == "fr-FR"


def test_a_file_that_anyone_may_open_is_read() -> None:
    protection = StandardEncryption("", ownerPassword="secret", canCopy=0)
    assert pdf.read(drawn(["Un texte."], encrypt=protection)).text == "Un texte."


def test_a_page_that_is_damaged_is_named_and_the_rest_is_read() -> None:
    data = painted(*(written([f"Page {n}."], top=700 - 50 * n) for n in range(3)))
    mark = b"/Type /Page\n"
    before, first, second, third = data.split(mark)
    damaged = mark.join((before, first + b"/Type /Font\n" + second, third))
    content = pdf.read(damaged)
    assert content.text == "Page 0.\n\nPage 2."
    assert content.pages == (0, 7, 9)
    assert content.gaps == (("page 2", "damaged: save it again"),)


def test_threads_read_side_by_side() -> None:
    files = [made([heading(f"Fiche {n}", 1), *[Paragraph(LONG, BODY)] * 20]) for n in range(8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(pdf.read, files))
    assert together == [pdf.read(file) for file in files]


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
def without_ocr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")


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


@pytest.mark.usefixtures("without_ocr")
def test_a_scan_with_a_page_number_is_still_a_scan() -> None:
    image = pypdfium2.PdfDocument(painted(written(SEA)))[0].render().to_pil()

    def page(number: int, draw: Draw) -> Draw:
        return both(draw, written([f"Page {number}"], 280, 30))

    def scan(canvas: Canvas) -> None:
        canvas.drawImage(ImageReader(image), 0, 0, *A4)

    draws = [written(SEA), scan, scan, lambda canvas: None, written(MEANS)]
    content = pdf.read(painted(*(page(number, draw) for number, draw in enumerate(draws, 1))))
    assert shown(content) == [(None, " ".join(SEA)), (None, " ".join(MEANS))]
    assert [where for where, _ in content.gaps] == ["pages 2, 3"]
    with pytest.raises(ContentError, match="scan without text"):
        pdf.read(painted(*(page(number, scan) for number in range(1, 5))))


@pytest.mark.usefixtures("without_ocr")
def test_what_a_scanner_recognised_is_read() -> None:
    image = pypdfium2.PdfDocument(painted(written(SEA)))[0].render().to_pil()

    def draw(canvas: Canvas) -> None:
        canvas.drawImage(ImageReader(image), 0, 0, *A4)
        layer = canvas.beginText(72, 700)
        layer.setTextRenderMode(3)
        layer.textLines(list(SEA))
        canvas.drawText(layer)

    content = pdf.read(painted(draw))
    assert shown(content) == [(None, " ".join(SEA))]
    assert content.gaps == ()


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


@pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="the program tesseract is not installed"
)
def test_a_scan_that_tesseract_refuses_is_named_with_its_reason() -> None:
    if reason := ocr.unavailable():
        pytest.skip(reason)

    def strip(canvas: Canvas) -> None:
        canvas.setPageSize((100_000, 1))
        canvas.rect(0, 0, 9, 1, fill=1)
        canvas.drawImage(ImageReader(Image.new("1", (9, 1))), 0, 0)

    content = pdf.read(painted(written(SEA), strip))
    (gap,) = content.gaps
    assert gap[0] == "page 2"
    assert gap[1].startswith("a scan that could not be read: tesseract failed: Image too large")


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
