"""PDF: text with its pages, and the structure that its type and its layout show."""

from __future__ import annotations

import ctypes
import math
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

import pypdfium2
import pypdfium2.raw as pdfium
from PIL.Image import Image

from corpus.content import Content, ContentBuilder, ContentError
from corpus.formats import ocr
from corpus.formats.pdf_layout import (
    Page,
    Run,
    body_size,
    find_columns,
    without_running_lines,
)
from corpus.formats.pdf_paragraphs import Paragraph, find_paragraphs, fold
from corpus.formats.pdf_runs import clean, has_image, read_page

# PDFium serves one thread at a time.
_LOCK = threading.Lock()

_MOST_PAGES = 20_000
_MOST_CHARACTERS = 50_000_000
_DEEPEST_OUTLINE = 6
_USUAL_SIZE = 10.0
_DOTS_PER_INCH = 300
_MOST_DOTS = 40_000_000

_FIELDS = {"Title": "title", "Author": "author", "Subject": "subject", "Keywords": "keywords"}
_DATES = {"CreationDate": "date", "ModDate": "modified"}
# What programs put where their user gave nothing.
_JUNK = re.compile(
    r"microsoft (?:word|powerpoint|excel) - .*|\(?(?:untitled|anonymous|unspecified|sans titre)"
    r"[\s\d_-]*\)?|powerpoint presentation|présentation powerpoint"
    r"|(?:document|diapositive|slide) ?\d+"
    r"|.*\.(?:docx?|odt|rtf|pdf|indd|qxd|tex|dvi|pptx?|odp|xlsx?|html?)",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"(?:D:)?(\d{4})-?(\d\d)?-?(\d\d)?T?"
    r"(?:(\d\d):?(\d\d)(?::?(\d\d))?\s?(?:(Z)|([+-]\d\d)(?:[':]?(\d\d))?)?)?"
)


def read(data: bytes) -> Content:
    """Read a PDF.

    Headings are lines in larger type than most of the text, lines in bold that stand alone, and
    lines that the outline names. Columns are read one after the other, a table line by line. Lines
    that stand in the same place of most pages (running heads, page numbers) are left out. A page
    that is an image without other text is read with `corpus.formats.ocr` where that can be used,
    and is a gap else.

    Raises:
        ContentError: It is damaged, protected, holds no text, or is a scan and cannot be read.
    """
    with _LOCK:
        try:
            document = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            if error.err_code in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY):
                raise ContentError("it is protected by a password: save it without one") from error
            raise ContentError("it is not a whole PDF: save it again") from error
    try:
        return _read(document)
    finally:
        with _LOCK:
            document.close()


def _read(document: pypdfium2.PdfDocument) -> Content:
    gaps: dict[str, list[int]] = defaultdict(list)
    with _LOCK:
        pages, scans = _read_pages(document, gaps)
        outline = _outline(document)
        fields = _fields(document)
    body = body_size(pages) or _USUAL_SIZE
    scans = sorted([*scans, *_stamped(document, pages, body)])
    _recognise(document, scans, pages, body, gaps)
    columns = [list(find_columns(page, body)) for page in without_running_lines(pages, body)]
    if not any(columns):
        raise ContentError(f"it is {next(iter(gaps))}" if gaps else "it has no text")
    builder = ContentBuilder()
    _write(find_paragraphs(columns, body, outline), len(pages), builder)
    return builder.build(
        fields, tuple((_name_pages(numbers), reason) for reason, numbers in gaps.items())
    )


def _read_pages(
    document: pypdfium2.PdfDocument, gaps: dict[str, list[int]]
) -> tuple[list[Page], list[int]]:
    """The pages, and the numbers of those that must be recognised; damaged ones are gaps."""
    if len(document) > _MOST_PAGES:
        raise ContentError(f"it has more than {_MOST_PAGES} pages: split it")
    pages: list[Page] = []
    scans: list[int] = []
    characters = 0
    for number in range(len(document)):
        try:
            page = document[number]
            content, is_scan = read_page(page)
            page.close()
        except pypdfium2.PdfiumError:
            content, is_scan = Page(0, ()), False
            gaps["damaged: save it again"].append(number)
        pages.append(content)
        if is_scan:
            scans.append(number)
        characters += sum(len(run.text) for frame in content.frames for run in frame)
        if characters > _MOST_CHARACTERS:
            raise ContentError(f"it has more than {_MOST_CHARACTERS} characters: split it")
    return pages, scans


def _stamped(document: pypdfium2.PdfDocument, pages: Sequence[Page], body: float) -> Iterator[int]:
    """The numbers of scans on which a program wrote running lines alone, such as page numbers."""
    rests = without_running_lines(pages, body)
    for number, (page, rest) in enumerate(zip(pages, rests, strict=True)):
        if any(page.frames) and not any(rest.frames):
            with _LOCK:
                loaded = document[number]
                is_scan = has_image(loaded)
                loaded.close()
            if is_scan:
                yield number


def _recognise(
    document: pypdfium2.PdfDocument,
    scans: Sequence[int],
    pages: list[Page],
    body: float,
    gaps: dict[str, list[int]],
) -> None:
    """Put what is recognised on scanned pages in their place."""
    missing = ocr.unavailable() if scans else None
    for number in scans:
        if missing:
            gaps[f"a scan without text: {missing}"].append(number)
            continue
        try:
            image, dots = _render(document, number)
            lines = ocr.read_image(image)
        except (pypdfium2.PdfiumError, ContentError) as error:
            gaps[f"a scan that could not be read: {error}"].append(number)
            continue
        height = image.height / dots
        # All in one size: an image does not tell it well enough to find headings.
        runs = (
            Run(
                text=clean(line.text),
                left=line.left / dots,
                right=line.right / dots,
                base=height - line.base / dots,
                size=body,
                bold=False,
                order=order,
            )
            for order, line in enumerate(lines)
        )
        pages[number] = Page(height, (tuple(runs),))


def _render(document: pypdfium2.PdfDocument, number: int) -> tuple[Image, float]:
    """An image of a page, and its dots per point."""
    with _LOCK:
        page = document[number]
        width, height = page.get_size()
        dots = min(_DOTS_PER_INCH / 72, math.sqrt(_MOST_DOTS / (width * height)))
        image: Image = page.render(scale=dots, grayscale=True).to_pil()
        page.close()
    return image, dots


def _write(paragraphs: Sequence[Paragraph], count: int, builder: ContentBuilder) -> None:
    begun = 0
    for paragraph in paragraphs:
        for _ in range(begun, paragraph.pages[0] + 1):
            builder.page()
        begun = paragraph.pages[-1] + 1
        if paragraph.level is not None:
            builder.heading(paragraph.text, paragraph.level)
        elif paragraph.is_row:
            builder.row(paragraph.text)
        elif paragraph.is_item:
            builder.item(paragraph.text, paragraph.page_breaks)
        else:
            builder.paragraph(paragraph.text, paragraph.page_breaks)
    for _ in range(begun, count):
        builder.page()


def _name_pages(numbers: Sequence[int]) -> str:
    """`page 3` or `pages 3, 5, 7-9`, from numbers that count from 0."""
    runs = [
        [position + 1 for _, position in run]
        for _, run in groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0])
    ]
    names = [f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]
    return f"{'page' if len(numbers) == 1 else 'pages'} {', '.join(names)}"


def _outline(document: pypdfium2.PdfDocument) -> dict[tuple[int, str], int]:
    """The levels of the bookmarks, by the number of the page and the title."""
    levels: dict[tuple[int, str], int] = {}
    for mark in document.get_toc(max_depth=_DEEPEST_OUTLINE):
        place = mark.get_dest()
        title = fold(
            _string(lambda *buffer, mark=mark: pdfium.FPDFBookmark_GetTitle(mark, *buffer))
        )
        if place is not None and title:
            levels.setdefault((place.get_index(), title), mark.level + 1)
    return levels


def _fields(document: pypdfium2.PdfDocument) -> dict[str, str]:
    def stated(key: str) -> str:
        return _string(lambda *buffer: pdfium.FPDF_GetMetaText(document, key.encode(), *buffer))

    fields = {name: stated(key) for key, name in _FIELDS.items()}
    fields |= {name: _iso_date(stated(key)) for key, name in _DATES.items()}
    fields["language"] = _string(lambda *buffer: pdfium.FPDFCatalog_GetLanguage(document, *buffer))
    return {name: value for name, value in fields.items() if value and not _JUNK.fullmatch(value)}


def _string(get: Callable[[object, int], int]) -> str:
    """What one of PDFium's functions writes as UTF-16 into a buffer of so many bytes."""
    size = get(None, 0)
    buffer = (ctypes.c_ushort * (size // 2))()
    get(buffer, size)
    return clean(" ".join(bytes(buffer).decode("utf-16-le", "ignore").split()))


def _iso_date(stated: str) -> str:
    """`D:20250630120000+02'00'` (PDF 32000-1:2008, 7.9.4) as ISO 8601; "" for what is no date."""
    match = _DATE.match(stated)
    if match is None:
        return ""
    year, month, day, hour, minute, second, utc, zone, zone_minute = match.groups()
    date = "-".join(part for part in (year, month, day) if part)
    time = ""
    if hour:
        time = f"T{hour}:{minute}:{second or '00'}"
        time += utc or (f"{zone}:{zone_minute or '00'}" if zone else "")
    try:
        datetime.fromisoformat(f"{year}-{month or '01'}-{day or '01'}{time}")
    except ValueError:
        return ""
    return date + time
