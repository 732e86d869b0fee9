"""Settings: read once, here, from the environment, and passed inward as plain arguments."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from corpus import Uploads
from index import Chunking, SnapshotStore, embedding_model
from qa import DEFAULT_MIN_CONFIDENCE, DEFAULT_TOP_K


class Settings(BaseSettings):
    """Every setting is an environment variable: its name in capitals after `CAMPUS_QA_`."""

    model_config = SettingsConfigDict(env_prefix="CAMPUS_QA_", frozen=True)

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
        None, min_length=8, description="what writing over HTTP needs; without one, loopback only"
    )
    max_upload_mb: int = Field(50, ge=1, description="largest file that can be uploaded")
    max_upload_files: int = Field(100, ge=1, description="most files in one upload")

    @property
    def store(self) -> SnapshotStore:
        return SnapshotStore(self.home / "index", keep=self.snapshots_kept)

    @property
    def chunking(self) -> Chunking:
        return Chunking(max_tokens=self.passage_tokens, context_tokens=self.context_tokens)

    @property
    def uploads(self) -> Uploads:
        return Uploads(self.home / "documents")

    @property
    def jobs(self) -> Path:
        return self.home / "jobs"

    @property
    def models(self) -> Path:
        return self.home / "models"

    @property
    def eval_cache(self) -> Path:
        return self.home / "cache" / "eval"

    def resolve_embedding_model(self) -> str:
        """The model to load; installs the embedded one below `home` on first use."""
        return embedding_model(self.embedding_model, self.models)
