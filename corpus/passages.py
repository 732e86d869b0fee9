"""Passages: the slices of a document that are indexed, retrieved and cited."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from corpus.blocks import Block, find_blocks, plain_heading
from corpus.documents import Document
from corpus.repeats import find_repeats, shared_words
from corpus.sentences import Span, split_sentences

TokenCounter = Callable[[str], int]
"""Counts the tokens of a text as the embedding model sees them."""


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
        sentences: Spans of its sentences in the document, in order.
        heading_sentences: How many of them, at its beginning, are headings.
        repeated_at: Spans elsewhere in the document that say the same (pull quotes).
    """

    id: str
    document_id: str
    start: int
    end: int
    text: str
    heading: str
    sentences: tuple[Span, ...]
    heading_sentences: int = 0
    repeated_at: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class _Paragraph:
    sentences: tuple[Span, ...]
    heading_sentences: int
    position: int
    headings: tuple[str, ...]

    @property
    def start(self) -> int:
        return self.sentences[0][0]

    @property
    def end(self) -> int:
        return self.sentences[-1][1]


def split_passages(
    document: Document, count_tokens: TokenCounter, max_tokens: int
) -> list[Passage]:
    """Cut a document into passages along its structure.

    A heading opens a passage and belongs to it; paragraphs are gathered while they fit into
    `max_tokens`, and a longer paragraph is cut between sentences. Passages never overlap. Each
    sentence is in exactly one of them, except those of a repeated paragraph (see `find_repeats`):
    their spans are in `repeated_at` of the passage that says the same.

    A sentence that is longer than the budget by itself is cut at white space, since the model could
    not read it whole.
    """
    text = document.text
    blocks = find_blocks(text, document.format)
    repeats = find_repeats(text, blocks)
    runs = _paragraphs(text, blocks, repeats, count_tokens, max_tokens)
    groups = _gather(runs, text, count_tokens, max_tokens)
    repeated: dict[int, list[Span]] = {}
    for position, holder in repeats.items():
        span = blocks[position].span
        candidates = [
            (shared_words(text, span, (group[0].start, group[-1].end)), -i)
            for i, group in enumerate(groups)
            if any(paragraph.position == holder for paragraph in group)
        ]
        repeated.setdefault(-max(candidates)[1], []).append(span)
    return [_passage(document, group, tuple(repeated.get(i, ()))) for i, group in enumerate(groups)]


def _paragraphs(
    text: str,
    blocks: list[Block],
    repeats: dict[int, int],
    count_tokens: TokenCounter,
    max_tokens: int,
) -> list[list[_Paragraph]]:
    """The paragraphs in runs; a run ends where a repeat stands or a section begins."""
    runs: list[list[_Paragraph]] = []
    path: list[tuple[int, str]] = []
    headings: list[Span] = []
    fresh = True

    def add(sentences: list[Span], position: int) -> None:
        nonlocal fresh
        if fresh:
            runs.append([])
        titles = tuple(title for _, title in path)
        runs[-1].append(_Paragraph((*headings, *sentences), len(headings), position, titles))
        headings.clear()
        fresh = False

    for position, block in enumerate(blocks):
        if block.level is not None:
            fresh = fresh or not headings
            while path and path[-1][0] >= block.level:
                path.pop()
            path.append((block.level, plain_heading(text[block.start : block.end])))
        if position in repeats:
            # A passage never runs across a repeat: it would hold the same words twice.
            if headings:
                add([], position)
            fresh = True
            continue
        sentences = [
            piece
            for sentence in split_sentences(text, block.start, block.end)
            for piece in _fit(text, sentence, count_tokens, max_tokens)
        ]
        if block.level is not None:
            headings.extend(sentences)
        else:
            add(sentences, position)
    if headings:
        add([], len(blocks))
    return runs


def _fit(text: str, sentence: Span, count_tokens: TokenCounter, max_tokens: int) -> list[Span]:
    """The sentence, or pieces of it that fit, cut at the white space nearest to the middle."""
    start, end = sentence
    if count_tokens(text[start:end]) <= max_tokens:
        return [sentence]
    middle = (start + end) // 2
    spaces = [i for i in range(start + 1, end - 1) if text[i].isspace()]
    cut = min(spaces, key=lambda i: abs(i - middle)) if spaces else middle
    right = cut + (len(text[cut:end]) - len(text[cut:end].lstrip()))
    left = start + len(text[start:cut].rstrip())
    return [
        *_fit(text, (start, left), count_tokens, max_tokens),
        *_fit(text, (right, end), count_tokens, max_tokens),
    ]


def _gather(
    runs: list[list[_Paragraph]], text: str, count_tokens: TokenCounter, max_tokens: int
) -> list[list[_Paragraph]]:
    groups: list[list[_Paragraph]] = []
    for run in runs:
        group: list[_Paragraph] = []
        for paragraph in run:
            for part in _cut(paragraph, text, count_tokens, max_tokens):
                if group and count_tokens(text[group[0].start : part.end]) > max_tokens:
                    groups.append(group)
                    group = []
                group.append(part)
        groups.append(group)
    return groups


def _cut(
    paragraph: _Paragraph, text: str, count_tokens: TokenCounter, max_tokens: int
) -> list[_Paragraph]:
    """The paragraph, or parts of it of about equal length, each of whole sentences, that fit."""
    sentences = paragraph.sentences
    if count_tokens(text[paragraph.start : paragraph.end]) <= max_tokens or len(sentences) == 1:
        return [paragraph]
    middle = (paragraph.start + paragraph.end) / 2
    cut = min(range(1, len(sentences)), key=lambda i: abs(sentences[i][0] - middle))
    halves = (
        _Paragraph(
            sentences[:cut],
            min(cut, paragraph.heading_sentences),
            paragraph.position,
            paragraph.headings,
        ),
        _Paragraph(
            sentences[cut:],
            max(0, paragraph.heading_sentences - cut),
            paragraph.position,
            paragraph.headings,
        ),
    )
    return [part for half in halves for part in _cut(half, text, count_tokens, max_tokens)]


def _passage(document: Document, group: list[_Paragraph], repeated_at: tuple[Span, ...]) -> Passage:
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
        sentences=tuple(s for paragraph in group for s in paragraph.sentences),
        heading_sentences=group[0].heading_sentences,
        repeated_at=repeated_at,
    )
