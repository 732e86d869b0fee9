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
_STOPS = tuple(".!?…:")
_TERMINAL = (*_STOPS, ";", ",")
_CLOSERS = "»”\"’') \u00a0\u202f"
_BREAK = re.compile(r"\r\n|\r|\n")
_PARAGRAPH = re.compile(r"[^\r\n]+(?:(?:\r\n|\r|\n)[^\S\r\n]*(?=\S)[^\r\n]+)*")
_LINE = re.compile(r"[^\r\n]+")
_BULLET = re.compile(r"\s*(?:[-*+•–]|\d{1,3}[.)])[ \t\u00a0]")
_MARKERS = re.compile(r"(?:\s*(?:[-*+]|\d{1,3}[.)]|>)[ \t]+)*(?:\s*#{1,6}(?:[ \t]+|$))?")
_HEADING_END = re.compile(r"(?:[\r\n]+[ \t>]*(?:=+|-+)|[ \t]+#+)$")
_MARKUP = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}")
_COMMENT = re.compile(r"<!--.*-->\s*", re.DOTALL)
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


def plain_heading(text: str) -> str:
    """A heading or title as it reads: on one line, without Markdown's marks."""
    return " ".join(_MARKUP.sub(r"\1", text).split())


def _text_blocks(text: str) -> list[Block]:
    """Plain text has no marks: a heading is a short line that asks, or that ends without a stop.

    In an interview each question is the heading of its answer; the same rule finds it. Short lines
    in a row, or after a colon, are a list.
    """
    spans = [s for match in _PARAGRAPH.finditer(text) for s in _lines_or_paragraph(text, match)]
    lines = [text[start:end] for start, end in spans]
    short = [_is_short(line) for line in lines]
    blocks: list[Block] = []
    for i, (start, end) in enumerate(spans):
        level = None
        if i + 1 < len(spans) and not _BREAK.search(lines[i]):
            if lines[i].endswith("?") and len(lines[i]) <= _MAX_QUESTION:
                level = 2
            elif short[i] and i == 0:
                level = 1
            elif short[i] and not (short[i + 1] or _continues_list(i, lines, short)):
                level = 2
        blocks.append(Block(start, end, level))
    return blocks


def _continues_list(i: int, lines: list[str], short: list[bool]) -> bool:
    return (i > 1 and short[i - 1]) or lines[i - 1].endswith(":")


def _is_short(line: str) -> bool:
    return (
        len(line) <= _MAX_TITLE
        and not line.rstrip(_CLOSERS).endswith(_TERMINAL)
        and not _BULLET.match(line)
    )


def _lines_or_paragraph(text: str, match: re.Match[str]) -> list[Span]:
    """One paragraph if its lines were wrapped at a width, else a paragraph for each line."""
    lines = [_trim(text, m.start(), m.end()) for m in _LINE.finditer(text, *match.span())]
    lines = [line for line in lines if line[0] < line[1]]
    if len(lines) < 2 or any(_BULLET.match(text, *line) for line in lines):
        return lines
    body = [text[start:end] for start, end in lines[:-1]]
    wrapped = all(len(line) <= _WRAP_WIDTH for line in body)
    unfinished = sum(not line.rstrip(_CLOSERS).endswith(_STOPS) for line in body)
    if wrapped and unfinished * 2 > len(body):
        return [(lines[0][0], lines[-1][1])]
    return lines


def _markdown_blocks(text: str) -> list[Block]:
    starts = [0, *(match.end() for match in _BREAK.finditer(text)), len(text)]
    blocks: list[Block] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type not in _LEAVES or token.map is None:
            continue
        first, last = token.map
        start, end = starts[first], starts[min(last, len(starts) - 1)]
        if _COMMENT.fullmatch(text, start, end):
            continue
        markers = _MARKERS.match(text, start, end)
        start, end = _trim(text, markers.end() if markers else start, end)
        level = None
        if token.type == "heading_open":
            level = int(token.tag[1])
            mark = _HEADING_END.search(text[start:end])
            start, end = _trim(text, start, start + mark.start() if mark else end)
        if start < end:
            blocks.append(Block(start, end, level))
    return blocks


def _trim(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    return start + left, start + max(left, len(piece.rstrip()))
