"""What the cross-encoder is shown in training: batches of questions with some of their passages."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from corpus import Span
from index import Embedder
from qa.fit.finding import ANYWHERE, OTHER_LANGUAGES, Example, Pair, find_examples, says

SEED = 1
_LIKE_LENGTH = 16
_MIN_TOKENS, _MAX_TOKENS = 160, 320
_READ_TOKENS = 400
_NEGATIVES = (0.3, 0.4, 0.2, 0.1)
_HARDNESS = 40.0
_PLAIN_SHARE = 0.15
_FOLLOWING_SHARE = 0.1
_COUNTERPART_SHARE = 0.6
_REMOVED_SHARE = 0.4
_BESIDE_SHARE = 0.7
_TITLE_SHARE = 0.9
_SPECIAL_TOKENS = 4


@dataclass(frozen=True, slots=True)
class Shown:
    """A passage as it is shown with a question.

    Attributes:
        number: Of the passage.
        text: Its own, or one that was changed.
        score: Its hybrid score.
        span: Of the answer in the text; `ANYWHERE` if it is not there.
    """

    number: int
    text: str
    score: float
    span: Span


@dataclass(frozen=True, slots=True)
class Encoded:
    """A question and a passage: token ids, and which of them may be an answer."""

    ids: list[int]
    may_answer: list[bool]


@dataclass(frozen=True, slots=True)
class Group:
    """A question with its passages, of which the first answers, or none.

    Attributes:
        texts: The question with each passage.
        scores: The hybrid score of each.
        span: First and last token of the answer in the first; None if nothing answers.
    """

    texts: list[Encoded]
    scores: list[float]
    span: Span | None


class Examples:
    """All sets, and the batches that are made of them."""

    def __init__(self, embedder: Embedder, data: Path, kept: Path | None = None) -> None:
        """The arguments are those of `find_examples`."""
        _, self._tokenizer = embedder.backbone()
        found = find_examples(embedder, data, kept)
        self._passages, self._examples = found.passages, found.examples

    def batches(self, epoch: int, texts: int, seed: int = SEED) -> list[list[Group]]:
        """All batches of an epoch, each of about so many texts, of like length."""
        self._take_whole()
        chance = random.Random(f"{seed}-{epoch}")
        groups = [
            self._train(chance, pair, example)
            for pair, example in self._choose(chance)
            if example and not example.held_out
        ]
        batches: list[list[Group]] = []
        pooled = _LIKE_LENGTH * texts // 2
        for first in range(0, len(groups), pooled):
            pool = sorted(
                groups[first : first + pooled], key=lambda g: max(len(t.ids) for t in g.texts)
            )
            count = texts
            for group in pool:
                if count + len(group.texts) > texts:
                    batches.append([])
                    count = 0
                batches[-1].append(group)
                count += len(group.texts)
        chance.shuffle(batches)
        return batches

    def held_out(self, pair: Pair, most: int) -> Iterator[Group]:
        """Groups that are not trained on: the passage that answers, and the three best others."""
        self._take_whole()
        chance = random.Random(SEED)
        answered = [e for e in self._examples[pair] if e and e.held_out and e.passage is not None]
        for example in answered[:most]:
            right, *wrong = self._shown(pair, example, example.others[:3])
            yield self._group(chance, pair, example.text, right, wrong, _READ_TOKENS)

    def _choose(self, chance: random.Random) -> list[tuple[Pair, Example | None]]:
        """PIAF's questions twice, since they are few beside ours, and ours; each of XQuAD's in
        English or across languages.
        """
        chosen: list[tuple[Pair, Example | None]] = []
        xquad = []
        for pair, examples in self._examples.items():
            if pair[0].startswith("xquad"):
                xquad.append(examples)
            else:
                times = 2 if pair[0] == "piaf-train" else 1
                chosen.extend((pair, example) for example in examples * times)
        for number in range(min(map(len, xquad))):
            one, other = chance.choice(OTHER_LANGUAGES), chance.choice(OTHER_LANGUAGES)
            across = chance.choice([("en", one), (other, "en"), (other, other)])
            asked, read = chance.choice([("en", "en"), across])
            pair = f"xquad.{asked}", f"xquad.{read}"
            chosen.append((pair, self._examples[pair][number]))
        chance.shuffle(chosen)
        return chosen

    def _train(self, chance: random.Random, pair: Pair, example: Example) -> Group:
        """By itself, or against up to three other passages drawn by their rank, or against its own
        without the sentence that answers.

        Some of the answerable questions have that one alone, and most of the others are shown with
        a sentence that answers: it is the passage that tells, not the question. Sometimes one is
        asked after another question, sometimes as people type into a search box.
        """
        question = example.text
        if example.before and chance.random() < _FOLLOWING_SHARE:
            question = f"{example.before} {question}"
        if chance.random() < _PLAIN_SHARE:
            question = question.lower().rstrip(" ?.")
        others = list(example.others)
        drawn = []
        if example.passage is None:
            drawn.append(others.pop(0))
        (negatives,) = chance.choices(range(len(_NEGATIVES)), _NEGATIVES)
        if others:
            weights = [math.exp(_HARDNESS * score) for _, score in others]
            drawn += sorted(set(chance.choices(others, weights, k=negatives)))
        shown = self._shown(pair, example, drawn)
        right = None if example.passage is None else shown.pop(0)
        most = chance.randint(_MIN_TOKENS, _MAX_TOKENS)
        if right is None and example.counterpart and chance.random() < _COUNTERPART_SHARE:
            number, text, span = example.counterpart
            right = replace(shown.pop(0), number=number, text=text, span=span)
        elif right is not None and chance.random() < _REMOVED_SHARE:
            without = self._without_answer(pair, right)
            if without is not None:
                shown = [without, *shown]
                right = right if chance.random() < _BESIDE_SHARE else None
        return self._group(chance, pair, question, right, shown, most)

    def _shown(
        self, pair: Pair, example: Example, others: Sequence[tuple[int, float]]
    ) -> list[Shown]:
        """The passage that answers, if there is one, and others, as they are."""
        passages = self._passages[pair]
        shown = [Shown(n, passages[n].text, score, ANYWHERE) for n, score in others]
        if example.passage is None:
            return shown
        text = passages[example.passage].text
        return [Shown(example.passage, text, example.score, example.span), *shown]

    def _without_answer(self, pair: Pair, shown: Shown) -> Shown | None:
        """The passage without the sentences of the answer, unless it is said elsewhere too."""
        passage = self._passages[pair][shown.number]
        first, last = shown.span
        kept = [
            shown.text[start - passage.start : end - passage.start]
            for start, end in passage.sentences
            if end - passage.start <= first or start - passage.start >= last
        ]
        text = " ".join(kept)
        if not text or says(text, shown.text[first:last]):
            return None
        return replace(shown, text=text, span=ANYWHERE)

    def _group(
        self,
        chance: random.Random,
        pair: Pair,
        question: str,
        right: Shown | None,
        wrong: Sequence[Shown],
        most: int,
    ) -> Group:
        titled = chance.random() < _TITLE_SHARE

        def encode(shown: Shown) -> tuple[Encoded, Span]:
            context = self._passages[pair][shown.number].context
            title = f"{context}\n" if titled and context else ""
            return self._encode(chance, question, title, shown.text, most, shown.span)

        texts = [encode(shown)[0] for shown in wrong]
        scores = [shown.score for shown in wrong]
        if right is None:
            return Group(texts, scores, None)
        first, span = encode(right)
        return Group([first, *texts], [right.score, *scores], span)

    def _encode(
        self,
        chance: random.Random,
        question: str,
        title: str,
        text: str,
        most: int,
        span: Span,
    ) -> tuple[Encoded, Span]:
        """Cut to `most` tokens, but not within the span.

        Returns:
            The text, and the first and the last token of the span in it.
        """
        around = len(self._places(question)) + len(self._places(title)) + _SPECIAL_TOKENS
        start, end = self._window(chance, text, max(40, most - around), span)
        found = self._tokenizer.backend_tokenizer.encode(question, title + text[start:end])
        offsets = found.offsets
        may_answer = [
            part == 1 and end_of > len(title)
            for part, (_, end_of) in zip(found.sequence_ids, offsets, strict=True)
        ]
        first, last = (place + len(title) - start for place in span)
        inside = [i for i, (a, b) in enumerate(offsets) if may_answer[i] and a < last and b > first]
        encoded = Encoded(found.ids, may_answer)
        if span == ANYWHERE:
            return encoded, ANYWHERE
        if not inside:
            raise ValueError(f"the answer was cut off: {question!r}")
        return encoded, (inside[0], inside[-1])

    def _window(self, chance: random.Random, text: str, most: int, span: Span) -> Span:
        offsets = self._places(text)
        if len(offsets) <= most:
            return 0, len(text)
        low, high = 0, len(offsets) - most
        if span != ANYWHERE:
            first = next(i for i, (_, end) in enumerate(offsets) if end > span[0])
            last = max(i for i, (start, _) in enumerate(offsets) if start < span[1])
            low = max(0, last - most + 1)
            high = max(low, min(first, high))
        start = chance.randint(low, high)
        return offsets[start][0], offsets[start + most - 1][1]

    def _take_whole(self) -> None:
        """Nothing is cut or padded by the tokenizer, as it may have been told for another use."""
        self._tokenizer.backend_tokenizer.no_truncation()
        self._tokenizer.backend_tokenizer.no_padding()

    def _places(self, text: str) -> list[Span]:
        """Where its tokens stand."""
        encoding = self._tokenizer.backend_tokenizer.encode(text, add_special_tokens=False)
        places: list[Span] = encoding.offsets
        return places
