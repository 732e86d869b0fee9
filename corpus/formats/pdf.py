"""PDF: text with its pages, and the structure that its type sizes and spacing show."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import pypdfium2
import pypdfium2.raw as pdfium

from corpus.content import Content, ContentBuilder, ContentError
from corpus.formats import ocr

# PDFium may be used by one thread at a time.
_LOCK = threading.Lock()

_SOFT_HYPHENS = "\u0002\ufffe\u00ad"
_STOPS = (".", "!", "?", "…", ":", ";")
_CLOSERS = "»”\"’') \u00a0\u202f"
_ITEM = re.compile(r"(?:[-*•–▪◦●‣·]|\d{1,3}[.)])[ \t\u00a0]+(?=\S)")
_JUNK = re.compile(
    r"microsoft word.*|untitled.*|sans titre.*|.*\.(?:docx?|pdf|indd|tex|odt)"
    r"|\(?(?:anonymous|unspecified)\)?",
    re.IGNORECASE,
)
_DATE = re.compile(r"(?:D:)?(\d{4})(\d{2})?(\d{2})?(?:(\d{2})(\d{2})(\d{2})?)?")
_FIELDS = {"Title": "title", "Author": "author", "Subject": "subject", "Keywords": "keywords"}
_DATES = {"CreationDate": "date", "ModDate": "modified"}

_LARGER = 1.15
_LONGEST_HEADING = 200
_MARGIN = 0.12
_REPEATED = 0.6
_FEWEST_PAGES = 3
_WIDE_GAP = 1.4
_DOTS_PER_POINT = 300 / 72
_NO_SIZE = 0.0


@dataclass(slots=True)
class _Line:
    """A line of a page; lengths in points, heights from the lower edge of the page."""

    text: str
    left: float
    right: float
    base: float
    size: float
    bold: bool


@dataclass(slots=True)
class _Paragraph:
    lines: list[_Line]
    page: int
    text: str = ""
    level: int | None = None
    page_breaks: tuple[int, ...] = ()

    @property
    def is_item(self) -> bool:
        return bool(_ITEM.match(self.text))


def read(data: bytes) -> Content:
    """Read a PDF.

    Headings are lines in larger type than most of the text, lines in bold that stand alone, and
    lines that the outline names. Lines that stand in the same place of most pages (running heads,
    page numbers) are left out. A page that is an image without text is read with `corpus.formats
    .ocr` where that can be used, and else is a gap.

    Raises:
        ContentError: It is damaged, protected, holds no text, or is a scan and cannot be read.
    """
    with _LOCK:
        try:
            document = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            if "password" in str(error).lower():
                raise ContentError("it is protected by a password: save it without one") from error
            raise ContentError(f"it is not a whole PDF: {error}") from error
        try:
            return _read(document)
        except pypdfium2.PdfiumError as error:
            raise ContentError(f"it is damaged: {error}") from error
        finally:
            document.close()


def _read(document: pypdfium2.PdfDocument) -> Content:
    pages: list[list[_Line]] = []
    heights: list[float] = []
    scans: list[int] = []
    for number in range(len(document)):
        page = document[number]
        lines = list(_lines(page))
        if not lines and _has_image(page):
            if ocr.unavailable() is None:
                lines = _recognise(page)
            else:
                scans.append(number)
        heights.append(page.get_height())
        pages.append(lines)
        page.close()
    if not any(pages):
        if scans:
            raise ContentError(f"it is a scan without text: {ocr.unavailable()}")
        raise ContentError("it has no text")
    _drop_running_lines(pages, heights)
    paragraphs = _paragraphs(pages)
    _find_headings(paragraphs, _outline(document))
    builder = ContentBuilder()
    _write(builder, _joined(paragraphs), len(pages))
    where = "page" if len(scans) == 1 else "pages"
    numbers = ", ".join(str(number + 1) for number in scans)
    gaps = ((f"{where} {numbers}", f"a scan without text: {ocr.unavailable()}"),) if scans else ()
    return builder.build(_fields(document), gaps)


def _lines(page: pypdfium2.PdfPage) -> Iterator[_Line]:
    """The lines of a page, in the order in which they are meant to be read."""
    text_page = page.get_textpage()
    characters: list[tuple[str, float, float, float, float, bool]] = []
    left, right, bottom, top = (pdfium.c_double() for _ in range(4))
    for i in range(text_page.count_chars()):
        character = chr(pdfium.FPDFText_GetUnicode(text_page, i))
        if character in "\r\n":
            if characters:
                yield from _line(characters)
                characters = []
            continue
        pdfium.FPDFText_GetCharBox(text_page, i, left, right, bottom, top)
        size = pdfium.FPDFText_GetFontSize(text_page, i)
        bold = pdfium.FPDFText_GetFontWeight(text_page, i) >= 600
        characters.append((character, left.value, right.value, bottom.value, size, bold))
    if characters:
        yield from _line(characters)
    text_page.close()


def _line(characters: Sequence[tuple[str, float, float, float, float, bool]]) -> Iterator[_Line]:
    text = _clean("".join(character for character, *_ in characters))
    visible = [c for c in characters if not c[0].isspace()]
    if not text.strip() or not visible:
        return
    yield _Line(
        text=text.strip(" \t"),
        left=min(c[1] for c in visible),
        right=max(c[2] for c in visible),
        base=median(c[3] for c in visible),
        size=round(median(c[4] for c in visible), 1),
        bold=sum(c[5] for c in visible) > 0.9 * len(visible),
    )


def _clean(text: str) -> str:
    """Plain letters instead of ligatures, and nothing that cannot be seen but soft hyphens."""
    ligatures = (unicodedata.normalize("NFKC", c) if "\ufb00" <= c <= "\ufb06" else c for c in text)
    kept = (
        c
        for c in "".join(ligatures)
        if c in _SOFT_HYPHENS or unicodedata.category(c) not in ("Cc", "Cn", "Co", "Cs")
    )
    return "".join(kept)


def _has_image(page: pypdfium2.PdfPage) -> bool:
    images = page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3)
    return next(iter(images), None) is not None


def _recognise(page: pypdfium2.PdfPage) -> list[_Line]:
    """The paragraphs of a scanned page, a line each: nothing tells headings from the rest."""
    image = page.render(scale=_DOTS_PER_POINT).to_pil()
    return [
        _Line(text, 0, 0, -20 * number, _NO_SIZE, bold=False)
        for number, text in enumerate(ocr.read_image(image))
    ]


def _drop_running_lines(pages: list[list[_Line]], heights: Sequence[float]) -> None:
    """Drop what stands apart at the upper or lower edge of most pages, alike but for numbers."""
    if len(pages) < _FEWEST_PAGES:
        return
    edges = [
        {id(line): _place(line) for line in _edge_lines(lines, height)}
        for lines, height in zip(pages, heights, strict=True)
    ]
    found = Counter(place for edge in edges for place in set(edge.values()))
    running = {place for place, count in found.items() if count >= _REPEATED * len(pages)}
    for lines, edge in zip(pages, edges, strict=True):
        lines[:] = [line for line in lines if edge.get(id(line)) not in running]


def _place(line: _Line) -> tuple[str, int]:
    return re.sub(r"\d+", "#", line.text), round(line.base / 4)


def _edge_lines(lines: Sequence[_Line], height: float) -> Iterator[_Line]:
    """The lines near an edge that a wide gap sets apart from the rest of the page."""
    falling = sorted(lines, key=lambda line: -line.base)
    for ordered in (falling, falling[::-1]):
        edge: list[_Line] = []
        for line, following in pairwise(ordered):
            if _MARGIN * height < line.base < (1 - _MARGIN) * height:
                break
            edge.append(line)
            if abs(line.base - following.base) > 2 * max(line.size, following.size):
                yield from edge
                edge = []


def _paragraphs(pages: Sequence[Sequence[_Line]]) -> list[_Paragraph]:
    steps = [
        above.base - below.base
        for lines in pages
        for above, below in pairwise(lines)
        if above.size == below.size and 0 < above.base - below.base < 4 * above.size
    ]
    leading = median(steps) if steps else 0.0
    paragraphs: list[_Paragraph] = []
    for number, lines in enumerate(pages):
        width = max((line.right for line in lines), default=0.0)
        for i, line in enumerate(lines):
            if i and not _begins(line, lines[i - 1], paragraphs[-1].lines[0], leading, width):
                paragraphs[-1].lines.append(line)
            else:
                paragraphs.append(_Paragraph([line], number))
    for paragraph in paragraphs:
        paragraph.text = _join([line.text for line in paragraph.lines])
    return [paragraph for paragraph in paragraphs if paragraph.text]


def _begins(line: _Line, last: _Line, first: _Line, leading: float, width: float) -> bool:
    """Whether a line begins a paragraph, by its type, its place and what stands before it."""
    if line.size != last.size or line.bold != last.bold or _ITEM.match(line.text):
        return True
    step = last.base - line.base
    ended = last.text.rstrip(_CLOSERS).endswith(_STOPS)
    if step < -line.size:
        # Further up: the next column. The paragraph goes on there unless it has ended.
        return ended or not line.text[:1].islower()
    if step > _WIDE_GAP * max(leading, line.size):
        return True
    if _ITEM.match(first.text):
        return line.left < first.left + 1 and ended
    return ended and (line.left > first.left + line.size / 2 or last.right < 0.8 * width)


def _join(lines: Sequence[str]) -> str:
    """Lines as one: words that were parted at a line's end are whole again."""
    text = ""
    for line in lines:
        if text and text[-1] in _SOFT_HYPHENS:
            text = text[:-1] + ("" if line[:1].islower() else "-") + line
        elif text.endswith("-") and len(text) > 1 and text[-2].isalpha() and line[:1].islower():
            # A hyphen that the file does not call soft may be the word's own: it stays.
            text += line
        else:
            text = f"{text} {line}" if text else line
    for hyphen in _SOFT_HYPHENS:
        text = text.replace(hyphen, "-" if text.endswith(hyphen) else "")
    return re.sub(r"[ \t]+", " ", text).strip()


def _find_headings(paragraphs: Sequence[_Paragraph], outline: dict[str, int]) -> None:
    weights: Counter[float] = Counter()
    for paragraph in paragraphs:
        if paragraph.lines[0].size != _NO_SIZE:
            weights[paragraph.lines[0].size] += len(paragraph.text)
    body = max(weights, key=lambda size: (weights[size], -size), default=0.0)
    bold_text = sum(len(p.text) for p in paragraphs if p.lines[0].bold)
    mostly_bold = 2 * bold_text > sum(len(p.text) for p in paragraphs)
    larger = sorted(
        {p.lines[0].size for p in paragraphs if _is_larger(p, body)},
        reverse=True,
    )
    for position, paragraph in enumerate(paragraphs):
        last = position + 1 == len(paragraphs)
        named = outline.get(_folded(paragraph.text))
        if named is not None:
            paragraph.level = named
        elif _is_larger(paragraph, body):
            paragraph.level = 1 + larger.index(paragraph.lines[0].size)
        elif (
            paragraph.lines[0].bold
            and not mostly_bold
            and not last
            and not paragraph.is_item
            and len(paragraph.text) <= _LONGEST_HEADING
            and not paragraph.text.rstrip(_CLOSERS).endswith((".", ";", ","))
        ):
            paragraph.level = 1 + len(larger)


def _is_larger(paragraph: _Paragraph, body: float) -> bool:
    return paragraph.lines[0].size >= _LARGER * body and len(paragraph.text) <= _LONGEST_HEADING


def _outline(document: pypdfium2.PdfDocument) -> dict[str, int]:
    return {_folded(mark.get_title()): mark.level + 1 for mark in document.get_toc(max_depth=6)}


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _joined(paragraphs: Sequence[_Paragraph]) -> Iterator[_Paragraph]:
    """The paragraphs, those that run over the end of a page in one piece."""
    current: _Paragraph | None = None
    for paragraph in paragraphs:
        if current is not None and _continues(paragraph, current):
            text = _join([current.text, paragraph.text])
            breaks = (*current.page_breaks, len(text) - len(paragraph.text))
            current.text, current.page_breaks = text, breaks
            current.page = paragraph.page
            continue
        if current is not None:
            yield current
        current = paragraph
    if current is not None:
        yield current


def _continues(paragraph: _Paragraph, last: _Paragraph) -> bool:
    return (
        paragraph.page == last.page + 1
        and paragraph.level is None
        and last.level is None
        and not paragraph.is_item
        and paragraph.text[:1].islower()
        and not last.text.rstrip(_CLOSERS).endswith(_STOPS)
    )


def _write(builder: ContentBuilder, paragraphs: Iterator[_Paragraph], count: int) -> None:
    begun = 0
    for paragraph in paragraphs:
        first = paragraph.page - len(paragraph.page_breaks)
        while begun <= first:
            builder.page()
            begun += 1
        begun += len(paragraph.page_breaks)
        if paragraph.level is not None:
            builder.heading(paragraph.text, paragraph.level)
        elif paragraph.is_item and not paragraph.page_breaks:
            builder.item(paragraph.text)
        else:
            builder.paragraph(paragraph.text, paragraph.page_breaks)
    for _ in range(begun, count):
        builder.page()


def _fields(document: pypdfium2.PdfDocument) -> dict[str, str]:
    found = document.get_metadata_dict(skip_empty=True)
    fields = {name: _clean(found[key]).strip() for key, name in _FIELDS.items() if key in found}
    fields = {name: value for name, value in fields.items() if not _JUNK.fullmatch(value)}
    fields |= {name: _iso_date(found[key]) for key, name in _DATES.items() if key in found}
    return {name: value for name, value in fields.items() if value}


def _iso_date(stated: str) -> str:
    """`D:20250630120000+02'00'` as 2025-06-30; nothing for what is no date."""
    match = _DATE.match(stated.strip())
    return "-".join(part for part in match.groups()[:3] if part) if match else ""
