"""The retriever: a question in, the passages most likely to answer it out, best first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from index import Snapshot, Vectors

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
        score: What it is ranked by, in the mode that was asked for.
        coverage: BM25 over the highest it could be (see `LexicalIndex.coverage`), from 0 to 1.
        cosine: Between the question and the passage.
        sentence_cosines: Between the question and each sentence.

    Lexical and dense hits hold only what they are ranked by; hybrid ones hold all three.
    """

    number: int
    score: float
    coverage: float = 0.0
    cosine: float = 0.0
    sentence_cosines: tuple[float, ...] = ()


def retrieve_lexical(snapshot: Snapshot, question: str, top_k: int) -> list[Hit]:
    """The `top_k` passages by BM25, best first; those without any term of the question never."""
    coverage = snapshot.lexical.coverage(snapshot.lexical.weigh(question))
    best = np.argsort(-coverage, kind="stable")[:top_k]
    scores = [(int(number), float(coverage[number])) for number in best]
    return [Hit(number, score, coverage=score) for number, score in scores if score > 0]


def retrieve(
    snapshot: Snapshot,
    question: str,
    vector: Vectors,
    top_k: int,
    mode: Literal["hybrid", "dense"] = "hybrid",
) -> list[Hit]:
    """The `top_k` passages by meaning, or by meaning and words, best first.

    `dense` ranks by the cosine of question and passage; `hybrid` by a convex combination of that
    cosine, the cosine of the passage's best sentence, and BM25 as coverage. All three are on scales
    that do not depend on the other candidates, so that a score means the same from one question to
    another (Bruch et al., "An Analysis of Fusion Functions for Hybrid Retrieval", 2023,
    arXiv:2210.11934). Ties go to the passage that comes first.

    Args:
        snapshot: The index.
        question: As it was asked.
        vector: The question's embedding, shape (dimension,).
        top_k: At most how many passages come back.
        mode: How to rank.
    """
    if mode == "dense":
        numbers = snapshot.search(vector, top_k)
        hits = [Hit(n, score, cosine=score) for n, score in _cosines(snapshot, numbers, vector)]
    else:
        coverage = snapshot.lexical.coverage(snapshot.lexical.weigh(question))
        count = max(CANDIDATES, top_k)
        lexical = np.argsort(-coverage, kind="stable")[:count]
        found = {int(n) for n in lexical if coverage[n] > 0}
        numbers = sorted(found.union(snapshot.search(vector, count)))
        hits = []
        for number, cosine in _cosines(snapshot, numbers, vector):
            covered = float(coverage[number])
            sentences = snapshot.sentence_vectors(number) @ vector
            score = fuse(cosine, float(sentences.max()), covered)
            hits.append(Hit(number, score, covered, cosine, tuple(sentences.tolist())))
    return sorted(hits, key=lambda hit: (-hit.score, hit.number))[:top_k]


def _cosines(
    snapshot: Snapshot, numbers: list[int], vector: Vectors
) -> Iterator[tuple[int, float]]:
    # Row by row: a matrix product rounds differently with the number of rows, and so with top_k.
    rows = (snapshot.passage_vectors(numbers) * vector).sum(axis=1)
    return zip(numbers, rows.tolist(), strict=True)


def fuse(cosine: float, sentence_cosine: float, coverage: float) -> float:
    """The hybrid score: 1 where the passage, a sentence of it and its terms all match in full."""
    total = PASSAGE_WEIGHT * cosine + SENTENCE_WEIGHT * sentence_cosine + _LEXICAL_WEIGHT * coverage
    return total / (PASSAGE_WEIGHT + SENTENCE_WEIGHT + _LEXICAL_WEIGHT)
