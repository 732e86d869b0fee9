from __future__ import annotations

import numpy as np

from qa.retriever import TokenLogits
from qa.spans import find_spans

WORDS = "Le campus a ouvert en mai 2021 à Paris . Il est grand .".split()


def places() -> np.ndarray:
    ends = np.cumsum([len(word) + 1 for word in WORDS]) - 1
    return np.array([(end - len(word), end) for word, end in zip(WORDS, ends, strict=True)], float)


def logits(**given: float) -> np.ndarray:
    return np.array([given.get(word.strip("."), -9.0) for word in WORDS], np.float32)


TEXT = " ".join(WORDS)
SENTENCES = ((0, TEXT.index("Il")), (TEXT.index("Il"), len(TEXT)))


def test_each_sentence_has_its_own_best_span() -> None:
    starts = logits(mai=5.0, Il=2.0, grand=1.0)
    ends = logits(Paris=1.0, grand=3.0, **{"2021": 5.0})
    first, second = find_spans(TokenLogits(starts, ends, places()), SENTENCES)
    assert TEXT[first.start : first.end] == "mai 2021"
    assert TEXT[second.start : second.end] == "Il est grand"
    assert first.score > second.score


def test_the_score_is_against_no_answer() -> None:
    starts, ends = logits(mai=5.0), logits(mai=4.0)
    bare, against = (
        find_spans(TokenLogits(starts, ends, places()), SENTENCES[:1], nowhere)[0]
        for nowhere in (0.0, 6.0)
    )
    assert bare.score == 9
    assert against.score == 3


def test_among_like_spans_the_one_that_most_others_are_like_is_taken() -> None:
    """The likeliest by a hair, "Le", has nothing in common with the three next to each other."""
    starts, ends = np.full(len(WORDS), -9.0, np.float32), np.full(len(WORDS), -9.0, np.float32)
    starts[0] = ends[0] = 3.05
    starts[[4, 5]], ends[[5, 6]] = 3.0, 3.0
    (found,) = find_spans(TokenLogits(starts, ends, places()), SENTENCES[:1])
    assert TEXT[found.start : found.end] == "en mai 2021"
    assert found.score == np.float32(3.05) * 2


def test_an_answer_does_not_reach_into_another_sentence_nor_too_far() -> None:
    starts, ends = logits(Paris=5.0), logits(Il=5.0)
    first, _ = find_spans(TokenLogits(starts, ends, places()), SENTENCES)
    assert first.end <= SENTENCES[0][1]


def test_what_was_cut_off_has_no_answer() -> None:
    (found,) = find_spans(TokenLogits(logits(), logits(), places()), ((500, 600),))
    assert (found.start, found.end, found.score) == (0, 0, -30)
