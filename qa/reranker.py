"""Reranking: the retriever's candidates, read with the question and put into a better order."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from corpus import Passage
from index import Embedder, Snapshot, Vectors, embedding_model
from qa.filters import Scope
from qa.logits import to_logit, to_probability, weigh
from qa.retriever import Hit, Judgement, Mode, retrieve, spread

if TYPE_CHECKING:
    from qa.cross_encoder import CrossEncoder

RERANKED = 10
"""How many candidates are put into order together: the ten best, then the next ten, and so on, so
that how many are wanted does not change which come first."""

# Fitted by `python -m qa.fit.reader`, which says how: without the hybrid score, and with it.
_WEIGHTS_ALONE = {
    "bias": -2.199,
    "relevance": -0.050,
    "answers": 0.774,
    "span": 0.125,
}
_WEIGHTS = {
    "bias": -33.790,
    "score": 42.644,
    "relevance": 0.007,
    "answers": 0.246,
    "span": 0.045,
}


class RerankerError(Exception):
    """The reranker cannot be loaded; the message says why and what to do."""


class Reranker(Protocol):
    """Puts hits into a better order. Safe to call from several threads.

    Attributes:
        name: As of the setting that chose it.
    """

    name: str

    def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """The hits, best first, with the scores by which they are now ranked, from 0 to 1."""

    def read(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """The same hits, with the short answers of those that it has reranked, if it finds any."""

    def support(self, statement: str, passage: Passage) -> Sequence[float]:
        """How much each sentence of a passage bears a statement out, as log odds."""


class EmbeddedReranker:
    """The project's own cross-encoders, of which the first ranks, together with the hybrid score.

    The new score estimates the probability that the passage answers, as fitted on articles that the
    cross-encoder was not trained on.
    """

    name = "embedded"

    def __init__(
        self, cross_encoder: CrossEncoder, reader: CrossEncoder, scored: bool = True
    ) -> None:
        """Args:
        cross_encoder: The one that ranks.
        reader: The one that reads the best once more.
        scored: Whether hits come with a hybrid score of the embedded model. The scores of
            others, whose scale is not known, do not count.
        """
        self._cross_encoder = cross_encoder
        self._reader = reader
        self._weights = _WEIGHTS if scored else _WEIGHTS_ALONE

    def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        judgements = self._cross_encoder.read(question, [hit.passage for hit in hits])
        logits = [
            weigh(self._weights, ranking_features(hit, judgement))
            for hit, judgement in zip(hits, judgements, strict=True)
        ]
        # Not by the probabilities: those near 1 round to the same.
        order = sorted(range(len(hits)), key=lambda i: (-logits[i], hits[i].number))
        return [
            replace(
                hits[i],
                score=to_probability(logits[i]),
                judgement=judgements[i],
                spans=judgements[i].spans,
            )
            for i in order
        ]

    def read(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """In the best of them, what both cross-encoders find."""
        return self._reader.read_again(question, hits)

    def support(self, statement: str, passage: Passage) -> Sequence[float]:
        """To the cross-encoder a statement is a question that its own words answer."""
        (judgement,) = self._cross_encoder.read(statement, [passage])
        return [span.score for span in judgement.spans]


def ranking_features(hit: Hit, judgement: Judgement) -> dict[str, float]:
    """What a hit is reranked by, by name."""
    return {
        "bias": 1.0,
        "score": hit.score,
        "relevance": judgement.relevance,
        "answers": judgement.answers,
        "span": max(span.score for span in judgement.spans),
    }


class ModelReranker:
    """Any cross-encoder of sentence-transformers; its score alone decides the order of passages.

    It says nothing about their sentences, of which the reader picks by their vectors and terms.
    """

    def __init__(self, name: str) -> None:
        """`name`: of a model on the hub, or a directory.

        Raises:
            RerankerError: There is no such model, it cannot be loaded, or is no reranker.
        """
        # Here and not above: the import takes seconds, and nothing else here needs it.
        from safetensors import SafetensorError
        from sentence_transformers import CrossEncoder
        from torch.nn import Sigmoid

        try:
            self._model = CrossEncoder(name, device="cpu", activation_fn=Sigmoid())
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise RerankerError(
                f"the reranker {name!r} cannot be loaded: give the path or the name of a "
                f"cross-encoder, `embedded`, or `none` ({error})"
            ) from error
        if self._model.num_labels != 1:
            raise RerankerError(
                f"{name!r} is not a reranker: it gives {self._model.num_labels} scores for a pair, "
                "not one; give another, `embedded`, or `none`"
            )
        self.name = name
        self._lock = threading.Lock()

    def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        if not hits:
            return []
        scores = self._score([(question, hit.passage.embedded_text) for hit in hits])
        judged = [replace(h, score=float(s)) for h, s in zip(hits, scores, strict=True)]
        return sorted(judged, key=lambda hit: (-hit.score, hit.number))

    def read(self, question: str, hits: Sequence[Hit]) -> list[Hit]:  # noqa: ARG002
        return list(hits)

    def support(self, statement: str, passage: Passage) -> Sequence[float]:
        texts = [passage.text[a - passage.start : b - passage.start] for a, b in passage.sentences]
        return [to_logit(float(s)) for s in self._score([(statement, text) for text in texts])]

    def _score(self, pairs: list[tuple[str, str]]) -> Sequence[float]:
        with self._lock:
            scores: Sequence[float] = self._model.predict(pairs, show_progress_bar=False).tolist()
        return scores


def find_passages(
    snapshot: Snapshot,
    question: str,
    vector: Vectors | None,
    count: int,
    mode: Mode = "hybrid",
    scope: Scope | None = None,
    reranker: Reranker | None = None,
) -> tuple[list[Hit], float]:
    """The best passages for a question, and how many seconds of it reranking took.

    In hybrid mode, candidates are reranked, `RERANKED` at a time, and of these, those that repeat
    others come last: scores fall within such a run, but for repeats. The other modes show what
    either search finds by itself. The arguments are those of `retrieve`.
    """
    if mode != "hybrid":
        return retrieve(snapshot, question, vector, count, mode, scope), 0.0
    wanted = -(-count // RERANKED) * RERANKED
    candidates = retrieve(snapshot, question, vector, wanted, mode, scope)
    found: list[Hit] = []
    seconds = 0.0
    for first in range(0, len(candidates), RERANKED):
        run = candidates[first : first + RERANKED]
        if reranker is not None:
            started = time.perf_counter()
            run = reranker.rerank(question, run)
            seconds += time.perf_counter() - started
        found += spread(snapshot, run)
    return found[:count], seconds


def load_reranker(setting: str, embedder: Embedder, models: Path) -> Reranker | None:
    """The reranker that a setting names: `embedded`, `none`, or a cross-encoder.

    Args:
        setting: As it was configured.
        embedder: Of the index; the embedded reranker shares its model, if it is the embedded one.
            Of another, whose cosines have another scale, it leaves the hybrid score out.
        models: Where the embedded model is installed.

    Raises:
        RerankerError: There is no such model, or it cannot be loaded.
        EmbedderError, EmbeddedModelError: The embedded model is needed and cannot be loaded.
    """
    if setting == "none":
        return None
    if setting != "embedded":
        return ModelReranker(setting)
    from qa.cross_encoder import READER_WEIGHTS, CrossEncoder

    scored = embedder.identity.is_embedded
    if not scored:
        embedder = Embedder.load(embedding_model(None, models))
    reader = CrossEncoder(embedder, READER_WEIGHTS)
    return EmbeddedReranker(CrossEncoder(embedder), reader, scored)
