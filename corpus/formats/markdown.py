"""Markdown: the raw source is the text, its syntax tree tells the blocks."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt

from corpus.content import Block, Content, ContentError
from corpus.formats.encoding import decode
from corpus.formats.front_matter import split_front_matter
from corpus.formats.text import trim

_BREAK = re.compile(r"\r\n|\r|\n")
_MARKERS = re.compile(r"(?:\s*(?:[-*+]|\d{1,3}[.)]|>)[ \t]+)*(?:\s*#{1,6}(?:[ \t]+|$))?")
_HEADING_END = re.compile(r"(?:[\r\n]+[ \t>]*(?:=+|-+)|(?<![ \t])[ \t]+#+)$")
_MARKUP = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}")
_COMMENT = re.compile(r"<!--.*-->\s*", re.DOTALL)
_LEAVES = frozenset(
    {"heading_open", "paragraph_open", "fence", "code_block", "html_block", "tr_open"}
)


def read(data: bytes) -> Content:
    """Read a Markdown file, with front matter or without.

    Raises:
        ContentError: It is not text, it has none, or its front matter is not valid.
    """
    fields, text = split_front_matter(decode(data))
    if not text.strip():
        raise ContentError("it has no text")
    return Content(text, tuple(find_markdown_blocks(text)), fields=fields)


def find_markdown_blocks(text: str) -> list[Block]:
    """Find the headings, paragraphs, list items and table rows, without the marks before them."""
    starts = [0, *(match.end() for match in _BREAK.finditer(text)), len(text)]
    blocks: list[Block] = []
    # What is inside of a block is left as it is.
    parser = MarkdownIt("commonmark").enable("table").disable("inline")
    for token in parser.parse(text):
        if token.type not in _LEAVES or token.map is None:
            continue
        first, last = token.map
        start, end = starts[first], starts[min(last, len(starts) - 1)]
        if _COMMENT.fullmatch(text, start, end):
            continue
        markers = _MARKERS.match(text, start, end)
        start, end = trim(text, markers.end() if markers else start, end)
        level = None
        if token.type == "heading_open":
            level = int(token.tag[1])
            mark = _HEADING_END.search(text[start:end])
            start, end = trim(text, start, start + mark.start() if mark else end)
        if start < end:
            blocks.append(Block(start, end, level, whole=token.type == "tr_open"))
    return blocks


def plain_heading(text: str) -> str:
    """A heading or title as it reads: on one line, without Markdown's marks."""
    return " ".join(_MARKUP.sub(r"\1", text).split())
