"""Short answers in passages: the best span of each sentence, from the logits of its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpus import Passage, Span
from qa.retriever import ShortSpan

_LONGEST = 40
_NOWHERE = ShortSpan(0, 0, -30.0)

Floats = NDArray[np.float32]
Places = NDArray[np.float64]


def places_of_tokens(encoded: Any, row: int, passage: Passage, text: str) -> Places:
    """Where the tokens of a passage stand in its document, -1 for those of the question and others.

    Args:
        encoded: What a fast tokenizer of transformers makes of pairs, with their offsets.
        row: Which pair.
        passage: The second of the pair.
        text: As it was read, which ends with the passage's own text.

    Returns:
        First and last place of each token. Shape (tokens, 2).
    """
    second = np.array([part == 1 for part in encoded.sequence_ids(row)])
    offsets = np.asarray(encoded["offset_mapping"][row])
    return np.where(second[:, None], offsets + passage.start - (len(text) - len(passage.text)), -1)


def find_spans(
    starts: Floats, ends: Floats, places: Places, sentences: Sequence[Span], nowhere: float = 0.0
) -> tuple[ShortSpan, ...]:
    """For each sentence, the span with the highest sum of a start and an end not too far behind.

    Args:
        starts: Logit of each token that an answer begins there. Shape (tokens,).
        ends: That it ends there. Shape (tokens,).
        places: Where the tokens stand. Shape (tokens, 2).
        sentences: Where the sentences stand.
        nowhere: The sum of logits that stands for no answer.
    """
    # Tokens may begin with the space before them: their middle tells where they belong.
    middles = places.mean(axis=1)
    return tuple(
        _best_span(starts, ends, places, np.flatnonzero((middles >= a) & (middles < b)), nowhere)
        for a, b in sentences
    )


def _best_span(
    starts: Floats, ends: Floats, places: Places, tokens: NDArray[np.intp], nowhere: float
) -> ShortSpan:
    if not len(tokens):
        return _NOWHERE
    lengths = tokens[None, :] - tokens[:, None]
    sums = starts[tokens, None] + ends[tokens]
    sums[(lengths < 0) | (lengths >= _LONGEST)] = -np.inf
    first, last = np.unravel_index(int(sums.argmax()), sums.shape)
    return ShortSpan(
        start=int(places[tokens[first], 0]),
        end=int(places[tokens[last], 1]),
        score=float(sums[first, last]) - nowhere,
    )
