"""The structure of a document: its headings and paragraphs, as exact spans of the text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from markdown_it import MarkdownIt

from corpus.sentences import Span

Format = Literal["text", "markdown"]

_MAX_QUESTION = 300
_MAX_TITLE = 120
_WRAP_WIDTH = 100
_TERMINAL = tuple('.!?…:;,»”"')
_PARAGRAPH = re.compile(r"[^\n]+(?:\n[^\S\n]*(?=[^\s])[^\n]+)*")
_LINE = re.compile(r"[^\n]+")
_MARKER = re.compile(r"(?:\s*(?:[-*+]|\d{1,3}[.)]|>|#{1,6})[ \t]+)+")
_LEAVES = frozenset(
    {"heading_open", "paragraph_open", "fence", "code_block", "html_block", "tr_open"}
)


@dataclass(frozen=True, slots=True)
class Block:
    """A heading or a paragraph: `text[start:end]`. `level` is 1 to 6 for headings, else None."""

    start: int
    end: int
    level: int | None = None

    @property
    def span(self) -> Span:
        return self.start, self.end


def find_blocks(text: str, format: Format) -> list[Block]:
    """Find the headings and paragraphs of `text`, in reading order, without overlap."""
    return _markdown_blocks(text) if format == "markdown" else _text_blocks(text)


def _text_blocks(text: str) -> list[Block]:
    """Plain text has no marks: a heading is a short line that asks, or that ends without a stop.

    In an interview each question is the heading of its answer; the same rule finds it.
    """
    spans = [
        span for match in _PARAGRAPH.finditer(text) for span in _lines_or_paragraph(text, match)
    ]
    blocks: list[Block] = []
    for position, (start, end) in enumerate(spans):
        line = text[start:end]
        has_body = position + 1 < len(spans)
        level = None
        if has_body and "\n" not in line:
            if line.endswith("?") and len(line) <= _MAX_QUESTION:
                level = 2
            elif len(line) <= _MAX_TITLE and not line.endswith(_TERMINAL):
                level = 1 if position == 0 else 2
        blocks.append(Block(start, end, level))
    return blocks


def _lines_or_paragraph(text: str, match: re.Match[str]) -> list[Span]:
    """One paragraph if its lines were wrapped at a width, else a paragraph for each line."""
    lines = [_trim(text, m.start(), m.end()) for m in _LINE.finditer(text, *match.span())]
    lines = [line for line in lines if line[0] < line[1]]
    if len(lines) < 2:
        return lines
    body = lines[:-1]
    wrapped = all(end - start <= _WRAP_WIDTH for start, end in body)
    open_ended = sum(not text[start:end].endswith(_TERMINAL[:4]) for start, end in body)
    if wrapped and open_ended * 2 > len(body):
        return [(lines[0][0], lines[-1][1])]
    return lines


def _markdown_blocks(text: str) -> list[Block]:
    starts = [0] + [match.end() for match in re.finditer(r"\n", text)] + [len(text)]
    blocks: list[Block] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type not in _LEAVES or token.map is None:
            continue
        first, last = token.map
        start, end = starts[first], starts[min(last, len(starts) - 1)]
        marker = _MARKER.match(text, start, end)
        start, end = _trim(text, marker.end() if marker else start, end)
        level = None
        if token.type == "heading_open":
            level = int(token.tag[1])
            end = start + len(re.sub(r"(?:\s*\n[=-]+|\s+#+)$", "", text[start:end]))
        if start < end:
            blocks.append(Block(start, end, level))
    return blocks


def _trim(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    return start + left, start + max(left, len(piece.rstrip()))
