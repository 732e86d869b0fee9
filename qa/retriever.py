"""The retriever: a question in, the passages most likely to answer it out, best first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from corpus import Passage
from index import Snapshot, Vectors
from qa.filters import Scope

Mode = Literal["hybrid", "dense", "lexical"]

CANDIDATES = 50
"""How many passages each of the two searches hands to the fusion."""

# Chosen on piaf-dev, and on interview-dev not to hurt there. The reader weighs alike.
PASSAGE_WEIGHT = 0.6
SENTENCE_WEIGHT = 0.4
_LEXICAL_WEIGHT = 0.15


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved passage.

    Attributes:
        number: Position of the passage in the snapshot.
        passage: The passage, where it stands in a document that the filters let through.
        score: What it is ranked by, in the mode that was asked for.
        coverage: BM25 over the highest it could be (see `LexicalIndex.coverage`), from 0 to 1.
        cosine: Between the question and the passage.
        sentence_cosines: Between the question and each sentence.

    The cosines are 0 where the question was not embedded.
    """

    number: int
    passage: Passage
    score: float
    coverage: float = 0.0
    cosine: float = 0.0
    sentence_cosines: tuple[float, ...] = ()


def retrieve(
    snapshot: Snapshot,
    question: str,
    vector: Vectors | None,
    top_k: int,
    mode: Mode = "hybrid",
    scope: Scope | None = None,
) -> list[Hit]:
    """The `top_k` passages by meaning, by words, or by both, best first.

    `dense` ranks by the cosine of question and passage; `lexical` by BM25, and leaves out what has
    no term of the question; `hybrid` by a convex combination of the passage's cosine, the cosine of
    its best sentence, and BM25 as coverage. All three are on scales that do not depend on the other
    candidates, so that a score means the same from one question to another (Bruch et al., "An
    Analysis of Fusion Functions for Hybrid Retrieval", 2023, arXiv:2210.11934). Ties go to the
    passage that comes first.

    Args:
        snapshot: The index.
        question: As it was asked.
        vector: The question's embedding, shape (dimension,); `lexical` does without.
        top_k: At most how many passages come back.
        mode: How to rank.
        scope: What filters leave to be ranked; everything by default.
    """
    coverage = snapshot.lexical.coverage(snapshot.lexical.weigh(question))
    allowed = None if scope is None else scope.passages
    if allowed is not None:
        coverage = np.where(allowed, coverage, np.float32(0))
    count = max(CANDIDATES, top_k) if mode == "hybrid" else top_k
    found: set[int] = set()
    if mode != "dense":
        best = np.argsort(-coverage, kind="stable")[:count]
        found.update(int(number) for number in best if coverage[number] > 0)
    if mode != "lexical" and vector is not None:
        found.update(snapshot.search(vector, count, allowed))
    hits = _describe(snapshot, sorted(found), vector, coverage, mode, scope)
    return sorted(hits, key=lambda hit: (-hit.score, hit.number))[:top_k]


def _describe(
    snapshot: Snapshot,
    numbers: list[int],
    vector: Vectors | None,
    coverage: NDArray[np.float32],
    mode: Mode,
    scope: Scope | None,
) -> Iterator[Hit]:
    places = [snapshot.passages[number] for number in numbers]
    if scope is not None:
        places = [scope.place(passage) for passage in places]
    if vector is None:
        for number, passage in zip(numbers, places, strict=True):
            yield Hit(number, passage, float(coverage[number]), float(coverage[number]))
        return
    # Row by row: a matrix product rounds differently with the number of rows, and so with top_k.
    cosines = (snapshot.passage_vectors(numbers) * vector).sum(axis=1) if numbers else []
    for number, passage, cosine in zip(numbers, places, map(float, cosines), strict=True):
        covered = float(coverage[number])
        sentences = snapshot.sentence_vectors(number) @ vector
        scores: dict[Mode, float] = {
            "hybrid": fuse(cosine, float(sentences.max()), covered),
            "dense": cosine,
            "lexical": covered,
        }
        yield Hit(number, passage, scores[mode], covered, cosine, tuple(sentences.tolist()))


def fuse(cosine: float, sentence_cosine: float, coverage: float) -> float:
    """The hybrid score: 1 where the passage, a sentence of it and its terms all match in full."""
    total = PASSAGE_WEIGHT * cosine + SENTENCE_WEIGHT * sentence_cosine + _LEXICAL_WEIGHT * coverage
    return total / (PASSAGE_WEIGHT + SENTENCE_WEIGHT + _LEXICAL_WEIGHT)
