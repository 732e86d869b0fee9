"""Which of the service's languages a text is in."""

from __future__ import annotations

from functools import cache
from typing import Literal

from py3langid.langid import MODEL_FILE, LanguageIdentifier

Language = Literal["fr", "en"]


def detect_language(text: str) -> Language:
    """Tell French from English (py3langid, restricted to the two); empty text counts as French."""
    language, _score = _identifier().classify(text)
    return "en" if text.strip() and language == "en" else "fr"


@cache
def _identifier() -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(["fr", "en"])
    return identifier
