"""The retriever: a question in, the passages most likely to answer it out, best first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from index import Snapshot, Vectors

Mode = Literal["hybrid", "dense", "lexical"]

CANDIDATES = 50
"""How many passages each of the two searches hands to the fusion."""

# Chosen on piaf-dev, and on interview-dev not to hurt there: recall@1 0.767, recall@5 0.935.
_PASSAGE_WEIGHT = 0.6
_SENTENCE_WEIGHT = 0.4
_LEXICAL_WEIGHT = 0.15


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved passage.

    Attributes:
        number: Position of the passage in the snapshot.
        score: What it is ranked by, in the mode that was asked for.
        cosine: Between the question and the passage.
        sentence_cosines: Between the question and each sentence of the passage.
        coverage: Share of the question's terms, weighted by idf, that the passage holds.
    """

    number: int
    score: float
    cosine: float
    sentence_cosines: tuple[float, ...]
    coverage: float


def retrieve(
    snapshot: Snapshot, question: str, vector: Vectors, top_k: int, mode: Mode = "hybrid"
) -> list[Hit]:
    """Retrieve passages.

    `dense` ranks by the cosine of question and passage, `lexical` by BM25, and `hybrid` by a convex
    combination of cosine of the passage, cosine of its best sentence, and BM25 as coverage. All
    three are on scales that do not depend on the other candidates, so that a score means the same
    from one question to another (Bruch et al., "An Analysis of Fusion Functions for Hybrid
    Retrieval", 2023, arXiv:2210.11934). Ties go to the passage that comes first.

    Args:
        snapshot: The index.
        question: As it was asked.
        vector: The question's embedding, shape (dimension,).
        top_k: At most how many passages come back; `lexical` leaves out those without any term.
        mode: How to rank.
    """
    weights = snapshot.lexical.weigh(question)
    coverage = snapshot.lexical.coverage(weights)
    if mode == "dense":
        numbers = snapshot.search(vector, top_k)
    else:
        count = top_k if mode == "lexical" else max(CANDIDATES, top_k)
        numbers = [int(n) for n in np.argsort(-coverage, kind="stable")[:count] if coverage[n] > 0]
        if mode == "hybrid":
            numbers = sorted({*numbers, *snapshot.search(vector, count)})
    if not numbers:
        return []
    hits = []
    # Row by row: a matrix product rounds differently with the number of rows, and so with top_k.
    cosines = (snapshot.passage_vectors(numbers) * vector).sum(axis=1)
    for number, cosine in zip(numbers, cosines, strict=True):
        sentences = snapshot.sentence_vectors(number) @ vector
        if mode == "dense":
            score = float(cosine)
        elif mode == "lexical":
            score = float(coverage[number])
        else:
            score = fuse(float(cosine), float(sentences.max()), float(coverage[number]))
        hits.append(
            Hit(number, score, float(cosine), tuple(sentences.tolist()), float(coverage[number]))
        )
    return sorted(hits, key=lambda hit: (-hit.score, hit.number))[:top_k]


def fuse(cosine: float, sentence_cosine: float, coverage: float) -> float:
    """The hybrid score: 1 where the passage, a sentence of it and its terms all match in full."""
    total = (
        _PASSAGE_WEIGHT * cosine + _SENTENCE_WEIGHT * sentence_cosine + _LEXICAL_WEIGHT * coverage
    )
    return total / (_PASSAGE_WEIGHT + _SENTENCE_WEIGHT + _LEXICAL_WEIGHT)
