"""The language of a question set, which may be another than those of the service."""

from __future__ import annotations

from py3langid.langid import MODEL_FILE, LanguageIdentifier


def most_likely_language(text: str) -> str:
    """ISO 639-1 code of the language that a text is most likely in (py3langid, 97 languages)."""
    language, _score = LanguageIdentifier.from_model_file(MODEL_FILE).classify(text)
    return str(language)
