"""Settings: read once, here, from the environment, and passed inward as plain arguments."""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from api.keys import KeyStore
from corpus import Uploads
from index import Chunking, SnapshotStore, embedding_model
from qa import DEFAULT_LLM_SECONDS, DEFAULT_MIN_CONFIDENCE, DEFAULT_TOP_K, Generator


class Settings(BaseSettings):
    """Every setting is an environment variable: its name in capitals after `CAMPUS_QA_`."""

    # Errors go to logs, and a setting may be a secret.
    model_config = SettingsConfigDict(
        env_prefix="CAMPUS_QA_", frozen=True, hide_input_in_errors=True
    )

    home: Path = Field(
        Path("var"), description="where the index, the embedding model and caches are kept"
    )
    embedding_model: str | None = Field(
        None,
        description="name on the hub or local path of a sentence-transformers model; the embedded "
        "multilingual-e5-small if it is not set",
    )
    reranker: str = Field(
        "embedded",
        min_length=1,
        description="`embedded`, `none`, or name on the hub or local path of a cross-encoder of "
        "sentence-transformers",
    )
    reader: str = Field(
        "embedded",
        min_length=1,
        description="what finds the short answers: `embedded`, or name on the hub or local path of "
        "a question answering model of transformers",
    )
    llm_base_url: str | None = Field(
        None,
        pattern="^https?://",
        description="of an OpenAI-compatible API, with `/v1`: its LLM, `llm_model`, words answers",
    )
    llm_model: str | None = Field(None, min_length=1, description="name of the LLM there")
    llm_api_key: SecretStr | None = Field(None, description="if that API wants one")
    llm_seconds: float = Field(
        DEFAULT_LLM_SECONDS,
        gt=0,
        le=600,
        description="how long an answer waits for the LLM, then the documents' own words stand in",
    )
    passage_tokens: int = Field(256, ge=32, description="longest passage, in the model's tokens")
    context_tokens: int = Field(
        64,
        ge=0,
        description="most that title and headings add to a passage for what searches and reads it",
    )
    top_k: int = Field(
        DEFAULT_TOP_K, ge=1, le=50, description="passages returned where a request does not say"
    )
    min_confidence: float = Field(
        DEFAULT_MIN_CONFIDENCE, ge=0, le=1, description="questions below it are refused"
    )
    snapshots_kept: int = Field(3, ge=1, description="index versions kept on disk")
    api_key: SecretStr | None = Field(
        None,
        min_length=8,
        description="a key that may do everything; without one for writing, only this machine may "
        "write",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="origins whose web pages may ask, as https://example.org, with commas between "
        "them; `*` for all",
    )
    rate_limit: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="requests in a minute that a key, or else an address, may send to each worker; "
        "0 for no limit",
    )
    max_upload_mb: int = Field(50, ge=1, description="largest file that can be uploaded")
    max_upload_files: int = Field(100, ge=1, description="most files in one upload")
    log_format: Literal["text", "json"] = Field(
        "text", description="how the service logs: readable, or a JSON object a line"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="the least that it logs; requests are `info`"
    )
    otlp_endpoint: str | None = Field(
        default_factory=lambda: os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or None,
        pattern="^https?://",
        description="where traces go (OTLP/HTTP), instead of to OTEL_EXPORTER_OTLP_ENDPOINT",
    )

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if not re.fullmatch(r"\*|https?://[^/\s]+", origin):
                raise ValueError(f"{origin!r} is not an origin, such as https://example.org")
        return value

    @model_validator(mode="after")
    def _llm_is_whole(self) -> Settings:
        if (self.llm_base_url is None) != (self.llm_model is None):
            raise ValueError(
                "CAMPUS_QA_LLM_BASE_URL and CAMPUS_QA_LLM_MODEL go together: set both, or neither"
            )
        return self

    @property
    def store(self) -> SnapshotStore:
        return SnapshotStore(self.home / "index", keep=self.snapshots_kept)

    @property
    def chunking(self) -> Chunking:
        return Chunking(max_tokens=self.passage_tokens, context_tokens=self.context_tokens)

    @property
    def uploads(self) -> Uploads:
        return Uploads(self.home / "documents")

    @cached_property
    def keys(self) -> KeyStore:
        """One for all who look: it knows what it has read."""
        return KeyStore(self.home / "keys.json", self.api_key)

    @property
    def jobs(self) -> Path:
        return self.home / "jobs"

    @property
    def models(self) -> Path:
        return self.home / "models"

    @property
    def eval_cache(self) -> Path:
        return self.home / "cache" / "eval"

    def generator(self) -> Generator | None:
        """The LLM, if one is configured; it is not called yet."""
        if self.llm_base_url is None or self.llm_model is None:
            return None
        key = self.llm_api_key.get_secret_value() if self.llm_api_key else None
        return Generator(self.llm_base_url, self.llm_model, key, self.llm_seconds)

    def resolve_embedding_model(self) -> str:
        """The model to load; installs the embedded one below `home` on first use."""
        return embedding_model(self.embedding_model, self.models)
