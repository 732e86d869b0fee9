from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from index import Embedder, EmbedderError


def test_the_identity_tells_what_the_model_is(embedder: Embedder) -> None:
    identity = embedder.identity
    assert identity.name == "multilingual-e5-small"
    assert (identity.dimension, identity.max_tokens, identity.pooling) == (384, 512, "mean")
    assert (identity.query_prefix, identity.passage_prefix) == ("query: ", "passage: ")
    assert len(identity.sha256) == 64


def test_passages_come_back_in_their_order_whatever_their_length(embedder: Embedder) -> None:
    texts = [f"{'mot ' * (i % 40)}numéro {i}" for i in range(70)]
    steps: list[int] = []
    vectors = embedder.embed_passages(texts, steps.append)
    assert sum(steps) == len(texts)
    for i in (0, 13, 39, 69):
        alone = embedder.embed_passages([texts[i]])[0]
        np.testing.assert_allclose(vectors[i], alone, atol=1e-4)


def test_threads_share_the_model(embedder: Embedder) -> None:
    questions = [f"Combien de personnes en {2000 + i} ?{' vraiment' * (i % 7)}" for i in range(40)]
    expected = [embedder.embed_query(question) for question in questions]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(embedder.embed_query, questions))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_model_that_is_not_there_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(EmbedderError, match="cannot be loaded"):
        Embedder.load(str(tmp_path / "nowhere"))
    with pytest.raises(EmbedderError, match="cannot be loaded"):
        Embedder.load(str(tmp_path))
