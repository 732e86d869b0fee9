"""Excel workbooks: Office Open XML, ECMA-376 part 1, chapter 18 (SpreadsheetML)."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from io import BytesIO
from itertools import chain, groupby, islice
from typing import IO

from lxml import etree
from openpyxl.cell import Cell, MergedCell
from openpyxl.reader.excel import ExcelReader
from openpyxl.utils.escape import unescape
from openpyxl.utils.exceptions import CellCoordinatesException
from openpyxl.worksheet._read_only import ReadOnlyWorksheet

from corpus.content import Content, ContentBuilder, ContentError
from corpus.formats.office import (
    clean_text,
    damage_refused,
    open_package,
    read_fields,
    write_number,
)
from corpus.tables import render_rows

_MAX_ROWS = 2**20
_MAX_CELLS = 10_000_000
_DEFAULT_NAME = re.compile(r"(?:sheet|feuil|feuille) ?\d+", re.IGNORECASE)
_YEAR = re.compile(r"(?:19|20)\d\d")
_FIGURE = re.compile(r"[-+\d\s.,/:%€$£]+")
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def read(data: bytes) -> Content:
    """Read the visible sheets of a workbook, each under its name, as rows with their headers.

    Empty rows set tables apart. Formulas count by the result that was stored with them; those
    without one are a gap. Values are written in full, as dates, percentages or amounts where they
    are shown as such.
    """
    with (
        damage_refused(".xlsx", CellCoordinatesException),
        # openpyxl prints on standard output, and warns of what it would not keep when saving.
        redirect_stdout(sys.stderr),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        package = open_package(data, ".xlsx")
        fields = read_fields(package, "docProps/core.xml")
        builder = ContentBuilder()
        gaps = tuple(_add_sheets(package, builder))
    content = builder.build(fields, gaps)
    if not content.blocks:
        raise ContentError(gaps[0][1] if gaps else "it has no text")
    return content


@dataclass(slots=True)
class _Allowance:
    """How many cells may still be read: a short file can claim a great many empty ones."""

    cells: int = _MAX_CELLS


def _add_sheets(package: BytesIO, builder: ContentBuilder) -> Iterator[tuple[str, str]]:
    """Add the sheets, and tell what could not be read of them."""
    reader = ExcelReader(package, read_only=True, data_only=True, keep_links=False)
    # The properties have been read; openpyxl refuses workbooks for dates that are malformed there.
    reader.valid_files = [name for name in reader.valid_files if not name.startswith("docProps/")]
    reader.read()
    parts = {sheet.name: relation.target for sheet, relation in reader.parser.find_sheets()}
    sheets = [sheet for sheet in reader.wb.worksheets if sheet.sheet_state == "visible"]
    allowance = _Allowance()
    for sheet in sheets:
        name = clean_text(sheet.title)
        is_named = len(sheets) > 1 or not _DEFAULT_NAME.fullmatch(name)
        tables = groupby(_rows(sheet, allowance), key=lambda row: any(cell.text for cell in row))
        for has_text, rows in tables:
            if has_text:
                if is_named:
                    builder.heading(name, 1)
                    is_named = False
                _add_table(rows, builder)
        if allowance.cells < 0:
            yield name, f"the workbook has more than {_MAX_CELLS} cells: split it"
        with reader.archive.open(parts[sheet.title]) as part:
            missing = _without_result(part)
        if missing:
            cells = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
            yield (
                name,
                f"formulas without a stored result, {len(missing)} ({cells}): "
                "open it in a spreadsheet program and save it again",
            )


@dataclass(frozen=True, slots=True)
class _Value:
    """What a cell shows, and whether that is text rather than a number or a date."""

    text: str
    is_text: bool = False


_NOTHING = _Value("")


def _rows(sheet: ReadOnlyWorksheet, allowance: _Allowance) -> Iterator[list[_Value]]:
    # The stated dimensions may be wrong either way.
    sheet.reset_dimensions()
    for row in islice(sheet.rows, _MAX_ROWS):
        allowance.cells -= max(len(row), 1)
        if allowance.cells < 0:
            return
        yield [_value(cell) for cell in row]


def _add_table(rows: Iterator[Sequence[_Value]], builder: ContentBuilder) -> None:
    """Add the rows of a table; those of one cell at its beginning are its caption."""
    header: list[str] = []
    first = next(rows, None)
    while first is not None and sum(bool(cell.text) for cell in first) == 1:
        _add_row([], first, builder)
        first = next(rows, None)
    if first is None:
        return
    second = next(rows, None)
    if second is not None and _names_columns(first):
        header = [cell.text for cell in first]
    else:
        _add_row([], first, builder)
    for row in chain([] if second is None else [second], rows):
        _add_row(header, row, builder)


def _add_row(header: Sequence[str], row: Sequence[_Value], builder: ContentBuilder) -> None:
    for text in render_rows(header, [[cell.text for cell in row]]):
        builder.row(text)


def _names_columns(row: Sequence[_Value]) -> bool:
    """Whether a table's first row is its header: distinct labels, with perhaps several years."""
    cells = [cell for cell in row if cell.text]
    years = [cell for cell in cells if _YEAR.fullmatch(cell.text)]
    labels = [cell for cell in cells if cell.is_text and not _FIGURE.fullmatch(cell.text)]
    return (
        len(cells) > 1
        and len({cell.text for cell in cells}) == len(cells)
        and len(labels) + len(years) == len(cells)
        and len(years) != 1
    )


def _value(cell: Cell | MergedCell) -> _Value:
    value = cell.value
    if value is None or cell.data_type == "e":
        return _NOTHING
    if isinstance(value, str):
        return _Value(clean_text(unescape(value)), is_text=True)
    return _Value(_shown(value, cell.number_format))


def _shown(value: object, number_format: str) -> str:
    match value:
        case bool():
            return str(value).upper()
        case int() | float():
            return write_number(value, number_format)
        case datetime() if "h" not in number_format.lower():
            return value.date().isoformat()
        case datetime():
            return value.isoformat(" ", "seconds" if value.second else "minutes")
        case time():
            return value.isoformat("seconds" if value.second else "minutes")
        case timedelta():
            minutes, seconds = divmod(round(value.total_seconds()), 60)
            duration = f"{minutes // 60}:{minutes % 60:02}"
            return f"{duration}:{seconds:02}" if seconds else duration
        case _:
            return str(value)


def _without_result(part: IO[bytes]) -> list[str]:
    """The cells of a sheet that hold a formula without a result; an empty text is a result."""
    found = []
    for _, row in etree.iterparse(part, tag=f"{_MAIN}row", resolve_entities=False):
        found += [
            cell.get("r", "")
            for cell in row.iterchildren(f"{_MAIN}c")
            if cell.find(f"{_MAIN}f") is not None
            and not cell.findtext(f"{_MAIN}v")
            and cell.get("t") != "str"
        ]
        # What has been seen is let go, or the whole sheet would be held.
        row.clear()
        parent = row.getparent()
        if parent is not None:
            del parent[: parent.index(row)]
    return found
