from __future__ import annotations

import pytest

from corpus import detect_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Combien de personnes travaillent à PariSanté Campus ?", "fr"),
        ("How many people work at PariSanté Campus?", "en"),
        ("qui pilote les PEPR", "fr"),
        ("who runs the research programmes", "en"),
        ("", "fr"),
    ],
)
def test_tells_french_from_english(text: str, language: str) -> None:
    assert detect_language(text) == language
