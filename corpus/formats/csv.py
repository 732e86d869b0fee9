"""CSV: tables as text, however they are separated."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import chain, islice

from corpus.content import Content, ContentBuilder, ContentError
from corpus.formats.encoding import decode
from corpus.formats.office import looks_like_header
from corpus.tables import render_rows

# The comma last: it is the decimal sign of many a French file that something else separates.
_DELIMITERS = ";\t|,"
_NONE = "\x1f"
_SAMPLE_CHARACTERS = 2**16
_SAMPLE_ROWS = 100
_STATED = re.compile(r"sep=([;,|\t])\r?\n")


def read(data: bytes) -> Content:
    """Read a table. Lines above it that have one value are its titles.

    The first row is the header if it looks like one and none of its texts is among the values
    below it. A table of one column has none.

    Raises:
        ContentError: It is not text, is wrongly quoted, or has no text.
    """
    text = decode(data)
    stated = _STATED.match(text)
    # The first line of what Excel writes.
    text = text[stated.end() :] if stated else text
    rows = _rows(text, stated[1] if stated else _delimiter(text))
    sample = list(islice(rows, _SAMPLE_ROWS))
    builder = ContentBuilder()
    if _usual_width(sample) > 1:
        while sample and sum(map(bool, sample[0])) == 1:
            builder.paragraph(" ".join("".join(sample.pop(0)).split()))
    header = _header(sample)
    for row in chain(sample[1 if header else 0 :], rows):
        for line in render_rows(header, [row]):
            builder.row(line)
    content = builder.build()
    if not content.text:
        raise ContentError("it has no text")
    return content


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """The rows that are not empty."""
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield cells
    except csv.Error as error:
        raise ContentError(
            f"line {reader.line_num} cannot be read ({error}): is a quotation mark left open?"
        ) from error


def _delimiter(text: str) -> str:
    """What cuts most of the first rows into the same number of cells, more than one."""
    fits = {delimiter: _share_of_usual_width(text, delimiter) for delimiter in _DELIMITERS}
    best = max(_DELIMITERS, key=lambda delimiter: fits[delimiter])
    return best if fits[best] >= 0.5 else _NONE


def _share_of_usual_width(text: str, delimiter: str) -> float:
    rows = list(islice(_rows(text[:_SAMPLE_CHARACTERS], delimiter), _SAMPLE_ROWS))
    if not rows:
        # There is nothing but delimiters.
        return 1.0
    width = _usual_width(rows)
    return sum(len(row) == width for row in rows) / len(rows) if width > 1 else 0.0


def _usual_width(rows: Sequence[Sequence[str]]) -> int:
    widths = Counter(map(len, rows))
    return max(widths, key=lambda width: (widths[width], width), default=0)


def _header(rows: Sequence[Sequence[str]]) -> list[str]:
    """The first row, if it names the columns of those below."""
    if len(rows) < 2:
        return []
    names = list(rows[0])
    while names and not names[-1]:
        names.pop()
    values = {(column, cell) for row in rows[1:] for column, cell in enumerate(row)}
    recurs = any((column, name) in values for column, name in enumerate(names) if name)
    return names if looks_like_header(names) and not recurs else []
