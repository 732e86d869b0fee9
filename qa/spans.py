"""Short answers in passages: the best span of each sentence, from the logits of its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpus import Passage, Span
from qa.retriever import ShortSpan, TokenLogits

_LONGEST = 40
_CONSIDERED = 30
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
    tokens: TokenLogits, sentences: Sequence[Span], nowhere: float = 0.0
) -> tuple[ShortSpan, ...]:
    """For each sentence, the span that is most like those that are likely to be the answer.

    The sum of a start and of an end not too far behind tells how likely a span is. Of the
    likeliest, the one with the highest expected F1 against them all, in tokens, is chosen (minimum
    Bayes risk: Kumar and Byrne, 2004). The score is the highest sum.

    Args:
        tokens: Of the passage.
        sentences: Where the sentences stand.
        nowhere: The sum of logits that stands for no answer.
    """
    # Tokens may begin with the space before them: their middle tells where they belong.
    middles = tokens.places.mean(axis=1)
    found = []
    for first, last in sentences:
        own = np.flatnonzero((middles >= first) & (middles < last))
        places = np.clip(tokens.places[own], first, last)
        found.append(_best_span(tokens.starts[own], tokens.ends[own], places, nowhere))
    return tuple(found)


def _best_span(starts: Floats, ends: Floats, places: Places, nowhere: float) -> ShortSpan:
    if not len(places):
        return _NOWHERE
    tokens = np.arange(len(places))
    lengths = tokens[None, :] - tokens[:, None]
    sums = starts[:, None] + ends
    sums[(lengths < 0) | (lengths >= _LONGEST)] = -np.inf
    order = np.argsort(-sums, axis=None)[:_CONSIDERED]
    firsts, lasts = np.unravel_index(order[np.isfinite(sums.ravel()[order])], sums.shape)
    likely = np.exp(sums[firsts, lasts] - sums[firsts[0], lasts[0]])
    shared = np.minimum(lasts[:, None], lasts) - np.maximum(firsts[:, None], firsts) + 1
    extent = lasts - firsts + 1
    likeness = 2 * np.maximum(shared, 0) / (extent[:, None] + extent)
    best = int((likeness @ likely).argmax())
    first, last = firsts[best], lasts[best]
    return ShortSpan(
        start=int(places[first, 0]),
        end=int(places[last, 1]),
        score=float(sums.max()) - nowhere,
    )
