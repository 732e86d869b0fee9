"""Plain text: it has no marks, so its lines themselves tell headings, paragraphs and lists."""

from __future__ import annotations

import re
from collections.abc import Iterator

from corpus.content import Block, Content, ContentError, Span
from corpus.formats.encoding import decode
from corpus.formats.front_matter import split_front_matter

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
_QUESTION = re.compile(r"\s*(?:Q|Question|QUESTION)\s?\d{0,3}\s?:\s")
_ANSWER = re.compile(r"\s*(?:R|A|Réponse|RÉPONSE|Answer|ANSWER)\s?\d{0,3}\s?:\s")


def read(data: bytes) -> Content:
    """Read a text file, with front matter or without.

    Raises:
        ContentError: It is not text, it has none, or its front matter is not valid.
    """
    fields, text = split_front_matter(decode(data))
    if not text.strip():
        raise ContentError("it has no text")
    return Content(text, tuple(find_text_blocks(text)), fields=fields)


def find_text_blocks(text: str) -> list[Block]:
    """Find the headings, paragraphs and list items of a plain text.

    A heading is a short line that asks, or that ends without a stop. In an interview each question
    is the heading of its answer; the same rule finds it, and so does a mark ("Q : ...") on it.
    Short lines in a row, or after a colon, are a list.
    """
    spans = [span for match in _PARAGRAPH.finditer(text) for span in _split(text, match.span())]
    lines = [text[start:end] for start, end in spans]
    short = [_is_short(line) for line in lines]
    blocks: list[Block] = []
    for i, (start, end) in enumerate(spans):
        level = None
        last = i + 1 == len(spans)
        asks = bool(_QUESTION.match(lines[i]))
        if not last and (asks or not _BREAK.search(lines[i])):
            if (asks or lines[i].endswith("?")) and len(lines[i]) <= _MAX_QUESTION:
                level = 2
            elif short[i] and i == 0:
                level = 1
            elif short[i] and not (short[i + 1] or _continues_list(i, lines, short)):
                level = 2
        blocks.append(Block(start, end, level))
    return blocks


def trim(text: str, start: int, end: int) -> Span:
    """The span without the white space at its ends."""
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    return start + left, start + max(left, len(piece.rstrip()))


def _continues_list(i: int, lines: list[str], short: list[bool]) -> bool:
    return (i > 1 and short[i - 1]) or lines[i - 1].endswith(":")


def _is_short(line: str) -> bool:
    return (
        len(line) <= _MAX_TITLE
        and not line.rstrip(_CLOSERS).endswith(_TERMINAL)
        and not _BULLET.match(line)
    )


def _split(text: str, paragraph: Span) -> Iterator[Span]:
    """The turns of questions and answers, if it has any; of each, its lines or the whole."""
    lines = [trim(text, *match.span()) for match in _LINE.finditer(text, *paragraph)]
    lines = [line for line in lines if line[0] < line[1]]
    asked = False
    turn: list[Span] = []
    for line in lines:
        question = bool(_QUESTION.match(text, *line))
        if turn and (question or (asked and _ANSWER.match(text, *line))):
            yield from _lines_or_paragraph(text, turn)
            turn = []
        asked = asked or question
        turn.append(line)
    yield from _lines_or_paragraph(text, turn)


def _lines_or_paragraph(text: str, lines: list[Span]) -> list[Span]:
    """One paragraph if its lines were wrapped at a width, else a paragraph for each line."""
    if len(lines) < 2 or any(_BULLET.match(text, *line) for line in lines):
        return lines
    body = [text[start:end] for start, end in lines[:-1]]
    wrapped = all(len(line) <= _WRAP_WIDTH for line in body)
    unfinished = sum(not line.rstrip(_CLOSERS).endswith(_STOPS) for line in body)
    if wrapped and unfinished * 2 > len(body):
        return [(lines[0][0], lines[-1][1])]
    return lines
