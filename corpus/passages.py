"""Passages: the slices of a document that are indexed, retrieved and cited."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from corpus.content import Block, Span
from corpus.documents import Document
from corpus.formats.markdown import plain_heading
from corpus.repeats import find_repeats, shared_words
from corpus.sentences import split_sentences

TokenCounter = Callable[[Sequence[str]], list[int]]
"""Counts the tokens of texts as the embedding model sees them, special tokens included."""

_CONTEXT_SHARE = 8
_PAUSE = re.compile(r"(?<=[;:,)»])\s+")
_SPACE = re.compile(r"(?<!\d)\s+|\s+(?!\d)")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: `documents[document_id].text[start:end]`."""

    document_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A slice of a document made of whole sentences (or of parts of one that is too long).

    Attributes:
        id: `<document id>:<start>-<end>`.
        document_id: The document it is a slice of.
        start, end: `document.text[start:end] == text`.
        text: The slice.
        heading: The headings it stands under, outermost first, joined by " › "; empty if there are
            none but the document's title.
        context: Title and headings that are not in the slice, for whatever searches or reads it.
        sentences: Spans of its sentences in the document, in order.
        heading_sentences: How many of them, at its beginning, are headings.
        repeated_at: Where else the same is said: pull quotes of the document, and passages of it or
            of others that are not indexed again.
    """

    id: str
    document_id: str
    start: int
    end: int
    text: str
    heading: str
    context: str
    sentences: tuple[Span, ...]
    heading_sentences: int = 0
    repeated_at: tuple[Place, ...] = ()

    @property
    def embedded_text(self) -> str:
        """What is embedded, indexed by its terms, and read by the cross-encoder."""
        return f"{self.context}\n{self.text}" if self.context else self.text


@dataclass(frozen=True, slots=True)
class _Paragraph:
    """Sentences that belong together, with their number of tokens and the headings above them."""

    sentences: tuple[Span, ...]
    tokens: tuple[int, ...]
    heading_sentences: int
    position: int
    headings: tuple[str, ...]

    @property
    def start(self) -> int:
        return self.sentences[0][0]

    @property
    def end(self) -> int:
        return self.sentences[-1][1]

    def part(self, first: int, last: int) -> _Paragraph:
        opening = max(0, min(self.heading_sentences, last) - first)
        return _Paragraph(
            self.sentences[first:last],
            self.tokens[first:last],
            opening,
            self.position,
            self.headings,
        )


def split_passages(
    document: Document, count_tokens: TokenCounter, max_tokens: int, context_tokens: int = 0
) -> list[Passage]:
    """Cut a document into passages along its structure.

    A heading opens a passage and belongs to it; paragraphs, list items and table rows are gathered
    while they fit into `max_tokens`, and a longer paragraph is cut between sentences. The context
    of a passage takes at most `context_tokens` more. A new page begins a new passage, unless a
    paragraph runs across the break. Passages never overlap. Each sentence is in exactly one of
    them, except those of a repeated paragraph (see `find_repeats`), whose place is in `repeated_at`
    of the passage that says the same.

    A sentence that is longer than the budget by itself is cut at a pause or at white space, never
    inside a number, since the model could not read it whole.

    Tokens are counted by sentence and added up: tokenizers do not join what white space parts.
    """
    repeats = find_repeats(document.text, document.blocks)
    cutter = _Cutter(document, count_tokens, max_tokens, context_tokens)
    groups = cutter.gather(cutter.paragraphs(repeats))
    text = document.text
    repeated: dict[int, list[Place]] = {}
    for position, holder in repeats.items():
        span = document.blocks[position].span
        candidates = [
            (shared_words(text, span, (group[0].start, group[-1].end)), -i)
            for i, group in enumerate(groups)
            if any(paragraph.position == holder for paragraph in group)
        ]
        repeated.setdefault(-max(candidates)[1], []).append(Place(document.id, *span))
    return [cutter.passage(group, tuple(repeated.get(i, ()))) for i, group in enumerate(groups)]


class _Cutter:
    """Cuts one document."""

    def __init__(
        self, document: Document, count_tokens: TokenCounter, max_tokens: int, context_tokens: int
    ) -> None:
        self._document = document
        self._text = document.text
        self._count = count_tokens
        # What the prefix and the special tokens take, whatever the text. An empty text would not
        # tell: a prefix that ends in a space has one token more when nothing follows.
        one, two = count_tokens(["a", "a a"])
        self._overhead = 2 * one - two
        self._room = max_tokens - self._overhead
        self._context_tokens = context_tokens
        self._contexts: dict[tuple[tuple[str, ...], str], str] = {}

    def paragraphs(self, repeats: dict[int, int]) -> list[list[_Paragraph]]:
        """The paragraphs in runs; a run ends where a repeat stands, a section or a page begins."""
        runs: list[list[_Paragraph]] = []
        path: list[tuple[int, str]] = []
        headings: list[tuple[Span, int]] = []
        fresh = True
        page: int | None = None

        def add(sentences: list[tuple[Span, int]], position: int) -> None:
            nonlocal fresh
            if fresh:
                runs.append([])
            own = [*headings, *sentences]
            runs[-1].append(
                _Paragraph(
                    tuple(span for span, _ in own),
                    tuple(tokens for _, tokens in own),
                    len(headings),
                    position,
                    tuple(title for _, title in path),
                )
            )
            headings.clear()
            fresh = False

        for position, (block, sentences) in enumerate(self._sentences()):
            if block.level is not None or self._document.page_at(block.start) != page:
                fresh = fresh or not headings
            page = self._document.page_at(block.end - 1)
            if block.level is not None:
                while path and path[-1][0] >= block.level:
                    path.pop()
                path.append((block.level, plain_heading(self._text[block.start : block.end])))
            if position in repeats:
                # A passage never runs across a repeat: it would hold the same words twice.
                if headings:
                    add([], position)
                fresh = True
            elif block.level is not None:
                headings.extend(sentences)
            else:
                add(sentences, position)
        if headings:
            add([], len(self._document.blocks))
        return runs

    def gather(self, runs: list[list[_Paragraph]]) -> list[list[_Paragraph]]:
        """The paragraphs of each run in groups that fit; a group becomes a passage."""
        groups: list[list[_Paragraph]] = []
        for run in runs:
            group: list[_Paragraph] = []
            tokens = 0
            for paragraph in run:
                for part in self._cut(paragraph):
                    more = sum(part.tokens)
                    if group and tokens + more > self._room:
                        groups.append(group)
                        group, tokens = [], 0
                    group.append(part)
                    tokens += more
            groups.append(group)
        return groups

    def passage(self, group: list[_Paragraph], repeated_at: tuple[Place, ...]) -> Passage:
        document = self._document
        start, end = group[0].start, group[-1].end
        headings = group[0].headings
        if headings and headings[0] == document.title:
            headings = headings[1:]
        return Passage(
            id=f"{document.id}:{start}-{end}",
            document_id=document.id,
            start=start,
            end=end,
            text=document.text[start:end],
            heading=" › ".join(headings),
            context=self._context(group[0]),
            sentences=tuple(s for paragraph in group for s in paragraph.sentences),
            heading_sentences=group[0].heading_sentences,
            repeated_at=repeated_at,
        )

    def _sentences(self) -> Iterator[tuple[Block, list[tuple[Span, int]]]]:
        """Each block with its sentences, or what fits of them, and their tokens."""
        blocks = [
            (block, [block.span] if block.whole else split_sentences(self._text, *block.span))
            for block in self._document.blocks
        ]
        counts = iter(self._tokens([span for _, spans in blocks for span in spans]))
        for block, spans in blocks:
            yield (
                block,
                [piece for span in spans for piece in self._fit(span, next(counts))],
            )

    def _tokens(self, spans: Sequence[Span]) -> list[int]:
        counts = self._count([self._text[start:end] for start, end in spans]) if spans else []
        return [count - self._overhead for count in counts]

    def _fit(self, span: Span, tokens: int) -> list[tuple[Span, int]]:
        """The sentence, or pieces of it that fit, cut at the pause or the space nearest to the
        middle.
        """
        if tokens <= self._room or span[1] - span[0] < 2:
            return [(span, tokens)]
        halves = self._halves(span)
        return [
            piece
            for half, count in zip(halves, self._tokens(halves), strict=True)
            for piece in self._fit(half, count)
        ]

    def _halves(self, span: Span) -> tuple[Span, Span]:
        start, end = span
        middle, reach = (start + end) // 2, (end - start) // 4
        pauses = _PAUSE.finditer(self._text, middle - reach, middle + reach)
        spaces = _SPACE.finditer(self._text, start + 1, end - 1)
        gaps = [match.span() for match in pauses] or [match.span() for match in spaces]
        if not gaps:
            return (start, middle), (middle, end)
        left, right = min(gaps, key=lambda gap: abs(gap[0] - middle))
        return (start, left), (right, end)

    def _cut(self, paragraph: _Paragraph) -> list[_Paragraph]:
        """The paragraph, or parts of it of about equal length, each of whole sentences, that fit.

        Headings stay with the sentence that follows them.
        """
        count = len(paragraph.sentences)
        cuts = range(min(paragraph.heading_sentences, count - 2) + 1, count)
        if sum(paragraph.tokens) <= self._room or not cuts:
            return [paragraph]
        middle = (paragraph.start + paragraph.end) / 2
        cut = min(cuts, key=lambda i: abs(paragraph.sentences[i][0] - middle))
        return [*self._cut(paragraph.part(0, cut)), *self._cut(paragraph.part(cut, count))]

    def _context(self, first: _Paragraph) -> str:
        """Title and headings that are not in the slice which this paragraph opens."""
        opening = ""
        if first.heading_sentences:
            end = first.sentences[first.heading_sentences - 1][1]
            opening = plain_heading(self._text[first.start : end])
        key = (first.headings, opening)
        if key not in self._contexts:
            title = self._document.title if self._document.titled else ""
            names = dict.fromkeys((title, *first.headings))
            self._contexts[key] = self._shorten([n for n in names if n and n not in opening])
        return self._contexts[key]

    def _shorten(self, names: list[str]) -> str:
        while names:
            context = " › ".join(names)
            if self._count([context])[0] - self._overhead <= self._context_tokens:
                return context
            # The innermost heading says most; of a single one, its beginning.
            words = names[0].split()
            names = names[1:] or [" ".join(words[: len(words) // 2])] * (len(words) > 1)
        return ""
