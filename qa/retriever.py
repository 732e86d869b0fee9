"""The retriever: a question in, the passages most likely to answer it out, best first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from corpus import Passage, Place
from index import Snapshot, Vectors, terms
from qa.filters import Scope

Mode = Literal["hybrid", "dense", "lexical"]

CANDIDATES = 50
"""How many passages each of the two searches hands to the fusion."""

# Fitted by `python -m qa.fit.fusion`, which says how; their sum is 1.
_PASSAGE_WEIGHT = 0.65
_SENTENCE_WEIGHT = 0.23
_LEXICAL_WEIGHT = 0.12

# Passages on one subject are near each other too: what is said again has the same words as well.
_SAME_COSINE = 0.96
_SAME_TERMS = 0.7


@dataclass(frozen=True, slots=True)
class ShortSpan:
    """Where a short answer would stand: `document.text[start:end]`.

    Attributes:
        start, end: Where; both 0 if what is to be read was cut off.
        score: How well, as log odds, up to a constant, against that there is no answer.
    """

    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class TokenLogits:
    """Where in a passage an answer may begin and end.

    Attributes:
        starts, ends: The logits of each token that it is the first, or the last. Shape (tokens,).
        places: Where the tokens stand in the document, -1 for those of the question. Shape
            (tokens, 2).
    """

    starts: NDArray[np.float32]
    ends: NDArray[np.float32]
    places: NDArray[np.float64]

    def mean(self, other: TokenLogits) -> TokenLogits:
        """Of these and of others for the same tokens."""
        starts = np.mean([self.starts, other.starts], axis=0)
        return TokenLogits(starts, np.mean([self.ends, other.ends], axis=0), self.places)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a cross-encoder makes of a passage.

    Attributes:
        relevance: Log odds, up to a constant, that it is this passage that answers, given how it
            was ranked before.
        answers: Log odds, up to a constant, that it answers.
        spans: For each sentence of the passage, the best short answer in it.
        tokens: What they were found by, if it is our own.
    """

    relevance: float
    answers: float
    spans: tuple[ShortSpan, ...]
    tokens: TokenLogits | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved passage.

    Attributes:
        number: Position of the passage in the snapshot.
        passage: The passage, where it stands in a document that the filters let through.
        score: What it is ranked by, in the mode that was asked for, or by the reranker.
        coverage: BM25 over the highest it could be (see `LexicalIndex.coverage`), from 0 to 1.
        cosine: Between the question and the passage.
        sentence_cosines: Between the question and each sentence.
        judgement: The reranker's, if it is a cross-encoder of ours that has read the passage.
        spans: For each sentence, the best short answer in it, once a reader has looked for them.

    The cosines are 0 where the question was not embedded.
    """

    number: int
    passage: Passage
    score: float
    coverage: float = 0.0
    cosine: float = 0.0
    sentence_cosines: tuple[float, ...] = ()
    judgement: Judgement | None = None
    spans: tuple[ShortSpan, ...] = ()

    @property
    def place(self) -> Place:
        return Place(self.passage.document_id, self.passage.start, self.passage.end)


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


def spread(snapshot: Snapshot, hits: Sequence[Hit]) -> list[Hit]:
    """The same hits, those last that say again what a better one of their document says.

    So that one document does not fill a page with repeats. Both parts keep their order.
    """
    if not hits:
        return []
    vectors = snapshot.passage_vectors([hit.number for hit in hits])
    near = np.tril(vectors @ vectors.T >= _SAME_COSINE, k=-1)
    again = {
        int(later)
        for later, better in np.argwhere(near)
        if hits[later].passage.document_id == hits[better].passage.document_id
        and share_of_terms(snapshot, hits[later].place, hits[better].place) >= _SAME_TERMS
    }
    first = [hit for number, hit in enumerate(hits) if number not in again]
    return [*first, *(hits[number] for number in sorted(again))]


def share_of_terms(snapshot: Snapshot, one: Place, other: Place) -> float:
    """The share of the terms of one place that are in another one too."""
    own, others = (
        set(terms(document.text[place.start : place.end], document.language))
        for place in (one, other)
        for document in [snapshot.documents[place.document_id]]
    )
    return len(own & others) / max(1, len(own))


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
    return (
        _PASSAGE_WEIGHT * cosine + _SENTENCE_WEIGHT * sentence_cosine + _LEXICAL_WEIGHT * coverage
    )
