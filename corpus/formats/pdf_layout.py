"""The layout of a page: runs of text where they stand, as lines in the order they are read."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

_MARGIN = 0.12
_OUTERMOST = 3
_WIDE_GAP = 1.8
_FEWEST_PAGES = 3
_SAME_PLACE = 3.0
_LARGER = 1.15

_GUTTER = 0.7
_EDGE_TOLERANCE = 2.0
_MOST_EDGES = 16
_MOST_RUNS = 5000
_DEEPEST = 8
_FEWEST_ROWS = 3

_SAME_ROW = 0.35
_WORD_GAP = 0.15
_CELL_GAP = 1.6
_NARROW_CELL_GAP = 0.8
_LONGEST_CELL = 10
_WIDER = 1.2

# A bullet or a number that stands apart from the text that it marks.
_MARK = re.compile(r"[-*•–—▪◦●‣·]|\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]+)[.)]|\d{1,2}(?:\.\d{1,2})*\.?")
_TIGHT_BULLET = re.compile(r"^([•▪◦●‣])(?=\S)")
_LEADER = re.compile(r" *(?:\. ?){4,}")
_VARIABLE = re.compile(r"\d+|^[ivxlc]+$")


@dataclass(frozen=True, slots=True)
class Run:
    """Characters next to each other on a line; lengths in points, from the page's lower left.

    Attributes:
        base: The height of the baseline.
        order: Its place in the file.
    """

    text: str
    left: float
    right: float
    base: float
    size: float
    bold: bool
    order: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """What is written on a page: first what is upright, then what is turned, by its angle."""

    height: float
    frames: tuple[tuple[Run, ...], ...]


@dataclass(frozen=True, slots=True)
class Line:
    """The runs of one row of a column, or a row of a table.

    Attributes:
        cells: What stands apart from each other, each of its own lines.
    """

    cells: tuple[tuple[str, ...], ...]
    left: float
    right: float
    base: float
    size: float
    bold: bool

    @property
    def text(self) -> str:
        return "  ".join(" ".join(cell) for cell in self.cells)

    @property
    def is_row(self) -> bool:
        return len(self.cells) > 1


@dataclass(frozen=True, slots=True)
class Column:
    """Lines below each other; `parted` if others stand beside them."""

    lines: tuple[Line, ...]
    left: float
    right: float
    parted: bool


def body_size(pages: Iterable[Page]) -> float:
    """The size of type of most characters, to half a point."""
    weights: Counter[float] = Counter()
    for page in pages:
        for run in (run for frame in page.frames for run in frame):
            weights[round(run.size * 2) / 2] += len(run.text)
    return weights.most_common(1)[0][0] if weights else 0.0


def without_running_lines(pages: Sequence[Page], body: float) -> list[Page]:
    """The pages without running heads, feet and page numbers.

    These are runs at the upper or lower edge that stand in the same place of most pages, or of most
    of a stretch of them (a chapter, every other page), alike but for numbers. Larger type than the
    body's is a heading, repeated or not.
    """
    if len(pages) < _FEWEST_PAGES:
        return list(pages)
    places: dict[tuple[str, bool], list[tuple[float, int]]] = defaultdict(list)
    for number, page in enumerate(pages):
        for turned, run in _marginal(page, body):
            if turned or run.size < _LARGER * body:
                name = _VARIABLE.sub("#", run.text)
                places[name, turned].append((run.base, number))
    running: set[tuple[int, bool, int]] = set()
    for (_, turned), found in places.items():
        found.sort()
        cuts = [i for i, (a, b) in enumerate(pairwise(found), 1) if b[0] - a[0] > _SAME_PLACE]
        for start, end in pairwise([0, *cuts, len(found)]):
            if _is_running({number for _, number in found[start:end]}, len(pages)):
                running.update((n, turned, round(base)) for base, n in found[start:end])
    # Beside a page number stands the name of a chapter, however short.
    return [
        replace(
            page,
            frames=tuple(
                tuple(run for run in frame if (number, i > 0, round(run.base)) not in running)
                for i, frame in enumerate(page.frames)
            ),
        )
        for number, page in enumerate(pages)
    ]


def _marginal(page: Page, body: float) -> Iterator[tuple[bool, Run]]:
    """The runs in the margins that a gap sets apart from the text, and all that are turned."""
    for turned, frame in enumerate(page.frames):
        if turned:
            yield from ((True, run) for run in frame)
            continue
        rising = sorted({round(run.base) for run in frame})
        falling = rising[::-1]
        low, high = _MARGIN * page.height, (1 - _MARGIN) * page.height
        edges = {
            *(height for height in _set_apart(rising, body) if height < low),
            *(height for height in _set_apart(falling, body) if height > high),
        }
        yield from ((False, run) for run in frame if round(run.base) in edges)


def _set_apart(heights: Sequence[int], body: float) -> Sequence[int]:
    """The outermost lines, up to the last wide gap between them and what follows."""
    for count in range(min(_OUTERMOST, len(heights)), 0, -1):
        following = heights[count : count + 1]
        if not following or abs(heights[count - 1] - following[0]) > _WIDE_GAP * body:
            return heights[:count]
    return ()


def _is_running(numbers: set[int], count: int) -> bool:
    if len(numbers) < min(_FEWEST_PAGES, count - 1):
        return False
    stretch = max(numbers) - min(numbers) + 1
    if len({number % 2 for number in numbers}) == 1:
        stretch = (stretch + 1) // 2
    return 2 * len(numbers) > stretch


def find_columns(page: Page, body: float) -> Iterator[Column]:
    """The columns of a page in reading order, and what stands above, between and below them."""
    for turned, frame in enumerate(page.frames):
        # Across a page stand stamps, beside a table its labels: no headings, however large.
        plain = [replace(r, size=min(r.size, body), bold=False) if turned else r for r in frame]
        for runs, parted in _part(plain, parted=False, depth=0):
            lines = tuple(_lines(runs))
            if lines:
                left, right = min(r.left for r in runs), max(r.right for r in runs)
                yield Column(lines, left, right, parted)


def _part(runs: list[Run], *, parted: bool, depth: int) -> Iterator[tuple[list[Run], bool]]:
    """Cut runs at the gutters between columns of text, and these again."""
    bands = _best_cut(runs) if depth < _DEEPEST else None
    if bands is None:
        yield runs, parted
        return
    for band in bands:
        for side in band:
            yield from _part(side, parted=parted or len(band) > 1, depth=depth + 1)


def _best_cut(runs: list[Run]) -> list[list[list[Run]]] | None:
    """The gutter with most text at its sides: from the top, bands of one part or of two."""
    if not 2 * _FEWEST_ROWS <= len(runs) <= _MOST_RUNS:
        return None
    edges = Counter(round(run.left / _EDGE_TOLERANCE) for run in runs)
    down = sorted(runs, key=lambda run: -run.base)
    best: tuple[int, list[list[list[Run]]]] = (0, [])
    for edge, _ in edges.most_common(_MOST_EDGES):
        bands = _bands(down, (edge - 1) * _EDGE_TOLERANCE)
        gain = sum(len(side) for band in bands if len(band) > 1 for side in band)
        if gain > best[0]:
            best = gain, bands
    return best[1] if best[0] else None


def _bands(down: list[Run], edge: float) -> list[list[list[Run]]]:
    """Parts from top to bottom: what crosses the gutter, or is no columns, whole; else its sides.

    Columns are written one after the other, rows of a table in turns.
    """
    bands: list[list[list[Run]]] = []
    whole: list[Run] = []
    for crossing, group in groupby(down, key=lambda run: _side(run, edge) is None):
        band = list(group)
        if not crossing:
            sides = [[run for run in band if _side(run, edge) is side] for side in (False, True)]
            if all(sides) and _are_columns(sides, edge):
                if whole:
                    bands.append([whole])
                    whole = []
                bands.append(sides)
                continue
        whole = [*whole, *band]
    if whole:
        bands.append([whole])
    return bands


def _side(run: Run, edge: float) -> bool | None:
    """False for the left of a gutter, True for its right, None for what crosses it."""
    if run.left >= edge:
        return True
    return False if run.right <= edge - _GUTTER * run.size else None


def _are_columns(sides: list[list[Run]], edge: float) -> bool:
    rows = [len({round(run.base) for run in side}) for side in sides]
    if max(rows) < _FEWEST_ROWS or min(rows) < _FEWEST_ROWS - 1:
        return False
    written = sorted((run.order, run.left >= edge) for side in sides for run in side)
    turns = sum(a[1] is not b[1] for a, b in pairwise(written))
    if turns <= 1:
        return True
    # Some programs write whatever stands at one height together; sentences go on below.
    going_on = [sum(run.text[:1].islower() for run in side) / len(side) for side in sides]
    return min(rows) >= _FEWEST_ROWS and turns > sum(rows) * 0.8 and min(going_on) > 0.3


def _lines(runs: Sequence[Run]) -> list[Line]:
    tables = list(_table_rows(runs)) if len(runs) <= _MOST_RUNS else []
    in_table = {run.order for row in tables for cell in row for run in cell}
    rows: list[list[Run]] = []
    for run in sorted(runs, key=lambda run: (-run.base, run.left)):
        if run.order in in_table:
            continue
        if rows and rows[-1][0].base - run.base <= _SAME_ROW * max(rows[-1][0].size, run.size):
            rows[-1].append(run)
        else:
            rows.append([run])
    for row in rows:
        row.sort(key=lambda run: run.left)
    stops = Counter(_stop(run) for row in rows for run in row[1:])
    lines = map(_line, [*tables, *(_cells(row, stops) for row in rows)])
    return sorted((line for line in lines if line.cells), key=lambda line: -line.base)


def _table_rows(runs: Sequence[Run]) -> Iterator[list[list[Run]]]:
    """The rows of tables in which a cell has several lines.

    A cell is written before the next one to its right; nothing else stands at a row's height.
    """
    bases = sorted(run.base for run in runs)
    rows: list[list[list[Run]]] = []
    for cell in _stacks(runs):
        if rows and _stands_beside(cell, rows[-1]):
            rows[-1].append(cell)
        else:
            rows.append([cell])
    for row in rows:
        lengths = [len(cell) for cell in row]
        if len(row) > 1 and 1 < max(lengths) <= _LONGEST_CELL and not _is_mark(row[0][0]):
            top = max(cell[0].base for cell in row)
            bottom = min(cell[-1].base for cell in row)
            if bisect_right(bases, top) - bisect_left(bases, bottom) == sum(lengths):
                yield row


def _stacks(runs: Sequence[Run]) -> list[list[Run]]:
    """Lines that were written one below the other, evenly spaced."""
    stacks: list[list[Run]] = []
    for run in sorted(runs, key=lambda run: run.order):
        if not stacks or not _stands_below(run, stacks[-1][-1]):
            stacks.append([run])
            continue
        stack = stacks[-1]
        if len(stack) > 1:
            usual, step = stack[0].base - stack[1].base, stack[-1].base - run.base
            if step > _WIDER * usual:
                stacks.append([])
            elif usual > _WIDER * step and len(stack) == 2:
                stacks.append([stack.pop()])
        stacks[-1].append(run)
    return stacks


def _stands_below(run: Run, last: Run) -> bool:
    step = last.base - run.base
    return (
        0.5 * run.size < step < 1.6 * run.size and run.left < last.right and last.left < run.right
    )


def _stands_beside(cell: list[Run], row: list[list[Run]]) -> bool:
    """Whether a cell is to the right of a row's last, at the height of the row."""
    reach = cell[0].size
    return (
        min(run.left for run in cell) > max(run.right for run in row[-1])
        and cell[-1].base < max(other[0].base for other in row) + reach
        and cell[0].base > min(other[-1].base for other in row) - reach
    )


def _is_mark(run: Run) -> bool:
    return bool(_MARK.fullmatch(run.text))


def _stop(run: Run) -> int:
    return round(run.left / _EDGE_TOLERANCE)


def _cells(row: list[Run], stops: Counter[int]) -> list[list[Run]]:
    """The runs of a line, parted where gaps are wide, or narrower but at the stop of others."""
    cells = [[row[0]]]
    for before, run in pairwise(row):
        gap = (run.left - before.right) / max(run.size, before.size)
        marked = before is row[0] and _is_mark(before) and not run.text[0].isdigit()
        if not marked and gap > (_CELL_GAP if stops[_stop(run)] < 2 else _NARROW_CELL_GAP):
            cells.append([])
        cells[-1].append(run)
    return cells


def _line(cells: list[list[Run]]) -> Line:
    runs = [run for cell in cells for run in cell]
    main = max(runs, key=lambda run: len(run.text))
    letters = sum(len(run.text) for run in runs)
    return Line(
        cells=tuple(part for cell in cells for part in _without_leader(tuple(_text(cell)))),
        left=min(run.left for run in runs),
        right=max(run.right for run in runs),
        base=max(run.base for run in runs) if len(cells) > 1 else main.base,
        size=main.size,
        bold=sum(len(run.text) for run in runs if run.bold) > 0.9 * letters,
    )


def _text(cell: list[Run]) -> Iterator[str]:
    """The lines of a cell."""
    text = _TIGHT_BULLET.sub(r"\1 ", cell[0].text)
    for before, run in pairwise(cell):
        size = max(before.size, run.size)
        if abs(before.base - run.base) > _SAME_ROW * size:
            yield text
            text = run.text
        else:
            text += f" {run.text}" if run.left - before.right > _WORD_GAP * size else run.text
    yield text


def _without_leader(cell: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The cell, or what stands before and after its dotted leader ("Budget . . . . . 12")."""
    if len(cell) > 1:
        yield cell
    else:
        yield from ((part,) for part in _LEADER.split(cell[0]) if part)
