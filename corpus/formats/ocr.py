"""Optical character recognition of scanned pages, with tesseract (the extra `campus-qa[ocr]`)."""

from __future__ import annotations

import os
from importlib.util import find_spec
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from corpus.content import ContentError

if TYPE_CHECKING:
    from PIL.Image import Image

_LANGUAGES = ("fra", "eng")
_SECONDS = 300
_INSTALL = (
    "install campus-qa[ocr], the program tesseract and its French and English data (on Debian: "
    "apt install tesseract-ocr tesseract-ocr-fra) to read it"
)


class ImageLine(NamedTuple):
    """A line of text of an image; where it stands, in dots from the upper left corner."""

    text: str
    left: float
    right: float
    base: float


def unavailable() -> str | None:
    """What to do before images can be read, and what is missing; None if they can."""
    if find_spec("pytesseract") is None:
        return f"{_INSTALL}; the package pytesseract is missing"
    import pytesseract

    try:
        missing = [name for name in _LANGUAGES if name not in pytesseract.get_languages()]
    except pytesseract.TesseractNotFoundError:
        return f"{_INSTALL}; the program is missing"
    return f"{_INSTALL}; the data {' and '.join(missing)} are missing" if missing else None


def read_image(image: Image) -> list[ImageLine]:
    """Read an image of about 300 dots an inch, in the order in which a person would.

    Raises:
        ContentError: The program failed, or took too long.
    """
    import pytesseract

    # On a page, its threads wait for each other for most of the time.
    pytesseract.pytesseract.environ = os.environ | {"OMP_THREAD_LIMIT": "1"}
    try:
        found = pytesseract.image_to_data(
            image,
            lang="+".join(_LANGUAGES),
            timeout=_SECONDS,
            output_type=pytesseract.Output.DICT,
        )
    except (RuntimeError, OSError) as error:
        # Its own errors have a status before the message.
        raise ContentError(f"tesseract failed: {error.args[-1]}") from error
    names = ("block_num", "par_num", "line_num", "left", "width", "top", "height", "text")
    words = [
        word for word in zip(*(found[name] for name in names), strict=True) if word[-1].strip()
    ]
    lines = []
    for _, group in groupby(words, key=lambda word: word[:3]):
        line = list(group)
        text = " ".join(word[-1].strip() for word in line)
        if any(character.isalnum() for character in text):
            lines.append(
                ImageLine(
                    text,
                    left=min(left for *_, left, _, _, _, _ in line),
                    right=max(left + width for *_, left, width, _, _, _ in line),
                    base=median(top + height for *_, top, height, _ in line),
                )
            )
    return lines
