"""Optical character recognition of scanned pages, with tesseract (the extra `campus-qa[ocr]`)."""

from __future__ import annotations

import importlib.util
from functools import cache
from typing import Any

_LANGUAGES = ("fra", "eng")
_INSTALL = (
    "install campus-qa[ocr] and the program tesseract with its French and English data (Debian: "
    "apt install tesseract-ocr tesseract-ocr-fra) to read it"
)


@cache
def unavailable() -> str | None:
    """Why scans cannot be read, and what to do; None if they can."""
    if importlib.util.find_spec("pytesseract") is None:
        return _INSTALL
    import pytesseract

    try:
        missing = set(_LANGUAGES) - set(pytesseract.get_languages())
    except (pytesseract.TesseractNotFoundError, pytesseract.TesseractError):
        return _INSTALL
    return f"{_INSTALL} (missing: {', '.join(sorted(missing))})" if missing else None


def read_image(image: Any) -> list[str]:
    """The paragraphs of an image (Pillow's, at about 300 dots an inch).

    Raises:
        pytesseract.TesseractError: The program failed.
    """
    import pytesseract

    text = pytesseract.image_to_string(image, lang="+".join(_LANGUAGES))
    return [" ".join(block.split()) for block in text.split("\n\n") if block.strip()]
