from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from api.settings import Settings
from index import Chunking


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPUS_QA_HOME", "/srv/campus")
    monkeypatch.setenv("CAMPUS_QA_PASSAGE_TOKENS", "128")
    monkeypatch.setenv("CAMPUS_QA_EMBEDDING_MODEL", "some/model")
    settings = Settings()
    assert settings.store.root == Path("/srv/campus/index")
    assert settings.eval_cache == Path("/srv/campus/cache/eval")
    assert settings.chunking == Chunking(max_tokens=128)
    assert settings.resolve_embedding_model() == "some/model"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MIN_CONFIDENCE", "1.5"),
        ("TOP_K", "0"),
        ("PASSAGE_TOKENS", "4"),
        ("SNAPSHOTS_KEPT", "0"),
        ("API_KEY", ""),
        ("RERANKER", ""),
        ("READER", ""),
        ("LLM_BASE_URL", "localhost:8080"),
        ("LLM_SECONDS", "0"),
        ("API_KEY", "short"),
        ("MAX_UPLOAD_MB", "0"),
        ("MAX_UPLOAD_FILES", "0"),
        ("RATE_LIMIT", "-1"),
        ("CORS_ORIGINS", "example.org"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_settings_out_of_range_are_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"CAMPUS_QA_{name}", value)
    with pytest.raises(ValidationError):
        Settings()


def test_the_api_key_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPUS_QA_API_KEY", "correct horse battery")
    settings = Settings()
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == "correct horse battery"
    assert "battery" not in f"{settings!r} {settings.model_dump_json()}"


def test_an_llm_needs_both_its_address_and_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().generator() is None
    monkeypatch.setenv("CAMPUS_QA_LLM_BASE_URL", "http://127.0.0.1:9/v1")
    with pytest.raises(ValidationError, match="CAMPUS_QA_LLM_MODEL go together"):
        Settings()
    monkeypatch.setenv("CAMPUS_QA_LLM_MODEL", "some-model")
    monkeypatch.setenv("CAMPUS_QA_LLM_SECONDS", "7")
    generator = Settings().generator()
    assert generator
    assert generator.model == "some-model"
    assert generator.seconds == 7
