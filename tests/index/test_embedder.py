from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from corpus import Document, split_sentences
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
        np.testing.assert_allclose(vectors[i], embedder.embed_passages([texts[i]])[0], atol=1e-4)


@pytest.mark.usefixtures("one_thread")
def test_a_text_has_the_same_vector_whatever_is_embedded_with_it(
    embedder: Embedder, interview: Document
) -> None:
    """Bit for bit: what an update takes over equals what a full build computes."""
    text = interview.text
    sentences = [text[a:b] for a, b in split_sentences(text)]
    texts = [*sentences, *(s[: 5 + 3 * i] for i, s in enumerate(sentences)), text[:900]]
    alone = np.concatenate([embedder.embed_passages([t]) for t in texts])
    order = np.random.default_rng(3).permutation(len(texts))
    for part in (slice(None), slice(0, 3), slice(3, 20), slice(20, 71)):
        chosen = order[part]
        np.testing.assert_array_equal(
            embedder.embed_passages([texts[i] for i in chosen]), alone[chosen]
        )


@pytest.mark.usefixtures("one_thread")
def test_a_question_has_the_same_vector_whatever_is_embedded_with_it(
    embedder: Embedder, interview: Document
) -> None:
    words = interview.text.split()
    questions = [" ".join(words[i : i + 1 + i % 40]) + " ?" for i in range(0, 1200, 7)]
    together = embedder.embed_queries(questions)
    assert together.shape == (len(questions), embedder.identity.dimension)
    for question, vector in zip(questions, together, strict=True):
        np.testing.assert_array_equal(embedder.embed_query(question), vector)
    assert embedder.embed_queries([]).shape == (0, embedder.identity.dimension)


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
