"""What PDFium knows of a page's characters, as runs of clean text where they stand."""

from __future__ import annotations

import ctypes
import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium

from corpus.content import ContentError
from corpus.formats.pdf_layout import Page, Run

_BOLD = re.compile(r"bold|black|heavy|demi|cmbx|cmssbx|sfbx|sfsx", re.IGNORECASE)
_BOLD_WEIGHT = 600
_MOST_CHARACTERS = 1_000_000
_NEAR = 1.0
_SAME_LINE = 0.5
_RAISED = 0.2
_RAISED_SIZE = 0.8
_TURN = 5

# What PDFium puts for a hyphen at a line's end, and those that are drawn like a plain one.
_HYPHENS = dict.fromkeys((0x02, 0xFFFE, 0xAD, 0x2010), "-")
_SPACES = dict.fromkeys((*range(0x2000, 0x200B), 0x205F, 0x3000, 0x09), " ")
# The bullets of the Symbol and Wingdings fonts, and others that people choose.
_BULLETS = dict.fromkeys(
    (0xF0B7, 0xF0A7, 0xF0D8, 0xF0FC, 0xF06E, 0xF076, *map(ord, "■□➢➤✓✔❖")), "•"
)
_PLAIN = _HYPHENS | _SPACES | _BULLETS
_UNSEEN = frozenset(("Cc", "Cf", "Cn", "Co", "Cs"))
_LIGATURE = re.compile("[\ufb00-\ufb06]")
_RAISED_DIGITS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class _Style(NamedTuple):
    size: float
    bold: bool
    angle: int


class _Character(NamedTuple):
    """A character, with the space before it if there is one; lengths in points."""

    text: str
    left: float
    right: float
    base: float
    style: _Style


def read_page(page: pypdfium2.PdfPage) -> tuple[Page, bool]:
    """Read what is written on a page, and whether it holds text or an image that cannot be read.

    Raises:
        ContentError: It holds more than a page can.
        PdfiumError: The page is damaged.
    """
    groups: dict[int, list[Run]] = defaultdict(list)
    weights: Counter[int] = Counter()
    boxes: dict[int, tuple[float, float, float, float]] = {}
    text_page = page.get_textpage()
    # A few bytes can draw the same words millions of times over.
    if text_page.count_chars() > _MOST_CHARACTERS:
        raise ContentError(f"a page of it has more than {_MOST_CHARACTERS} characters: split it")
    order = 0
    for order, characters in enumerate(_groups(text_page), 1):
        angle = characters[0].style.angle
        left, bottom, right, top = boxes.setdefault(angle, _turned_box(page.get_bbox(), angle))
        run = _run(characters, left, bottom, order)
        # Marks of printers and what was cropped away stand outside.
        if run.text and run.right > 0 and run.left < right - left and 0 < run.base < top - bottom:
            groups[angle].append(run)
            weights[angle] += len(run.text)
    text_page.close()
    angles = [angle for angle, _ in weights.most_common()]
    if not angles:
        return Page(0, ()), order > 0 or has_image(page)
    _, bottom, _, top = boxes[angles[0]]
    return Page(top - bottom, tuple(tuple(groups[angle]) for angle in angles)), False


def clean(text: str) -> str:
    """Plain letters instead of ligatures, plain hyphens and spaces, and nothing unseen."""
    whole = text.translate(_PLAIN).encode("utf-16-le", "surrogatepass")
    text = _LIGATURE.sub(
        lambda match: unicodedata.normalize("NFKC", match[0]), whole.decode("utf-16-le", "ignore")
    )
    kept = "".join(c for c in text if unicodedata.category(c) not in _UNSEEN)
    return unicodedata.normalize("NFC", kept.replace("\ufffd", ""))


def has_image(page: pypdfium2.PdfPage) -> bool:
    images = page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=4)
    return next(iter(images), None) is not None


def _turn(x: float, y: float, angle: int) -> tuple[float, float]:
    """Where a point is when the page is turned so that text at this angle is upright."""
    sine, cosine = math.sin(math.radians(angle)), math.cos(math.radians(angle))
    return x * cosine + y * sine, y * cosine - x * sine


def _turned_box(
    box: tuple[float, float, float, float], angle: int
) -> tuple[float, float, float, float]:
    left, bottom, right, top = box
    corners = [_turn(x, y, angle) for x, y in product((left, right), (bottom, top))]
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return min(xs), min(ys), max(xs), max(ys)


def _groups(text_page: pypdfium2.PdfTextPage) -> Iterator[list[_Character]]:
    """Characters next to each other on a line."""
    group: list[_Character] = []
    for character in _characters(text_page):
        if group and not _adjoin(group[-1], character):
            yield group
            group = []
        group.append(character)
    if group:
        yield group


def _adjoin(a: _Character, b: _Character) -> bool:
    size = max(a.style.size, b.style.size)
    return (
        a.style.angle == b.style.angle
        and abs(a.base - b.base) <= _SAME_LINE * size
        and abs(b.left - a.right) <= _NEAR * size
    )


def _characters(text_page: pypdfium2.PdfTextPage) -> Iterator[_Character]:
    """The characters that can be seen, in the order of the file."""
    raw = text_page.raw
    x, y, box = ctypes.c_double(), ctypes.c_double(), pdfium.FS_RECTF()
    styles: dict[int | None, _Style] = {}
    space = ""
    for i in range(text_page.count_chars()):
        text = chr(pdfium.FPDFText_GetUnicode(raw, i))
        if text.isspace() or text == "\0":
            space = text if text in "\u00a0\u202f" else space or " "
            continue
        owner = ctypes.cast(pdfium.FPDFText_GetTextObject(raw, i), ctypes.c_void_p).value
        if owner is None:
            continue
        style = styles.get(owner) or styles.setdefault(owner, _style(raw, i))
        pdfium.FPDFText_GetCharOrigin(raw, i, x, y)
        pdfium.FPDFText_GetLooseCharBox(raw, i, box)
        left, right, base = x.value, box.right, y.value
        if style.angle:
            left, base = _turn(left, base, style.angle)
            corners = (box.left, box.bottom, box.right, box.top)
            right = _turned_box(corners, style.angle)[2]
        yield _Character(space + text, left, max(left, right), base, style)
        space = ""


def _style(raw: pdfium.FPDF_TEXTPAGE, index: int) -> _Style:
    matrix = pdfium.FS_MATRIX()
    pdfium.FPDFText_GetMatrix(raw, index, matrix)
    stated = pdfium.FPDFText_GetFontSize(raw, index)
    size = abs(stated) * math.hypot(matrix.c, matrix.d)
    name = ctypes.create_string_buffer(128)
    pdfium.FPDFText_GetFontInfo(raw, index, name, len(name), None)
    family = name.value.decode("utf-8", "ignore").rpartition("+")[2]
    # Where a family has no bold font, programs draw the outlines of its letters as well.
    drawn_bold = (
        pdfium.FPDFTextObj_GetTextRenderMode(pdfium.FPDFText_GetTextObject(raw, index))
        == pdfium.FPDF_TEXTRENDERMODE_FILL_STROKE
    )
    heavy = pdfium.FPDFText_GetFontWeight(raw, index) >= _BOLD_WEIGHT
    # A negative size turns the letters, most often back from a matrix that turned them.
    angle = math.degrees(math.atan2(matrix.b, matrix.a)) + (180 if stated < 0 else 0)
    return _Style(
        round(size, 2) or 1.0,
        drawn_bold or heavy or bool(_BOLD.search(family)),
        round(angle / _TURN) * _TURN % 360,
    )


def _run(characters: Sequence[_Character], left: float, bottom: float, order: int) -> Run:
    weights = Counter(character.style for character in characters)
    size = weights.most_common(1)[0][0].size
    base = next(c.base for c in characters if c.style.size == size)
    text = "".join(
        c.text.translate(_RAISED_DIGITS)
        if c.style.size < _RAISED_SIZE * size and c.base > base + _RAISED * size
        else c.text
        for c in characters
    )
    return Run(
        text=clean(text).strip(),
        left=characters[0].left - left,
        right=max(c.right for c in characters) - left,
        base=base - bottom,
        size=size,
        bold=2 * sum(c.style.bold for c in characters) > len(characters),
        order=order,
    )
