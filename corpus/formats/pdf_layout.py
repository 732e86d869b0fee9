"""The layout of a page: runs of text where they stand, as lines in the order they are read."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

_MARGIN = 0.12
_OUTERMOST = 3
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

# A bullet or a number that stands apart from the text that it marks.
_MARK = re.compile(r"[-*•–▪◦●‣·]|\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]+)[.)]|\d{1,2}(?:\.\d{1,2})*\.?")
_TIGHT_BULLET = re.compile(r"^([•▪◦●‣])(?=\S)")
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
    """The runs of one row of a column; `cells` are how many stand apart from each other."""

    text: str
    left: float
    right: float
    base: float
    size: float
    bold: bool
    cells: int = 1


@dataclass(frozen=True, slots=True)
class Column:
    """Lines below each other; `parted` if others stand beside them."""

    lines: tuple[Line, ...]
    parted: bool

    @property
    def left(self) -> float:
        return min(line.left for line in self.lines)

    @property
    def right(self) -> float:
        return max(line.right for line in self.lines)


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
    places: dict[tuple[str, bool], list[tuple[float, int, int]]] = defaultdict(list)
    for number, page in enumerate(pages):
        for turned, run in _marginal(page):
            if run.size < _LARGER * body:
                name = _VARIABLE.sub("#", run.text)
                places[name, turned].append((run.base, number, run.order))
    running: set[tuple[int, int]] = set()
    for found in places.values():
        found.sort()
        cuts = [i for i, (a, b) in enumerate(pairwise(found), 1) if b[0] - a[0] > _SAME_PLACE]
        for start, end in pairwise([0, *cuts, len(found)]):
            if _is_running({number for _, number, _ in found[start:end]}, len(pages)):
                running.update((number, order) for _, number, order in found[start:end])
    return [
        replace(
            page,
            frames=tuple(
                tuple(run for run in frame if (number, run.order) not in running)
                for frame in page.frames
            ),
        )
        for number, page in enumerate(pages)
    ]


def _marginal(page: Page) -> Iterator[tuple[bool, Run]]:
    """The runs in the outermost lines of a page's margins, and all that are turned."""
    for turned, frame in enumerate(page.frames):
        if turned:
            yield from ((True, run) for run in frame)
            continue
        heights = sorted({round(run.base) for run in frame})
        low = [h for h in heights[:_OUTERMOST] if h < _MARGIN * page.height]
        high = [h for h in heights[-_OUTERMOST:] if h > (1 - _MARGIN) * page.height]
        edges = {*low, *high}
        yield from ((False, run) for run in frame if round(run.base) in edges)


def _is_running(numbers: set[int], count: int) -> bool:
    if len(numbers) < min(_FEWEST_PAGES, count - 1):
        return False
    stretch = max(numbers) - min(numbers) + 1
    if len({number % 2 for number in numbers}) == 1:
        stretch = (stretch + 1) // 2
    return 2 * len(numbers) > stretch


def find_columns(page: Page) -> Iterator[Column]:
    """The columns of a page in reading order, and what stands above, between and below them."""
    for frame in page.frames:
        for runs, parted in _part(list(frame), parted=False, depth=0):
            lines = tuple(_lines(runs))
            if lines:
                yield Column(lines, parted)


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
    if max(rows) < _FEWEST_ROWS:
        return False
    written = sorted((run.order, run.left >= edge) for side in sides for run in side)
    turns = sum(a[1] is not b[1] for a, b in pairwise(written))
    if turns <= 1:
        return True
    # Some programs write whatever stands at one height together; sentences go on below.
    going_on = [sum(run.text[:1].islower() for run in side) / len(side) for side in sides]
    return min(rows) >= _FEWEST_ROWS and turns > sum(rows) * 0.8 and min(going_on) > 0.3


def _lines(runs: Iterable[Run]) -> Iterator[Line]:
    row: list[Run] = []
    for run in sorted(runs, key=lambda run: (-run.base, run.left)):
        if row and row[0].base - run.base > _SAME_ROW * max(row[0].size, run.size):
            yield _line(row)
            row = []
        row.append(run)
    if row:
        yield _line(row)


def _line(row: list[Run]) -> Line:
    row = sorted(row, key=lambda run: run.left)
    text, cells = row[0].text, 1
    for before, run in pairwise(row):
        gap = (run.left - before.right) / max(run.size, before.size)
        if gap <= _WORD_GAP:
            text += run.text
        elif gap <= _CELL_GAP or (
            before is row[0] and _MARK.fullmatch(before.text) and not run.text[0].isdigit()
        ):
            text += f" {run.text}"
        else:
            text += f"  {run.text}"
            cells += 1
    main = max(row, key=lambda run: len(run.text))
    letters = sum(len(run.text) for run in row)
    return Line(
        text=_TIGHT_BULLET.sub(r"\1 ", text),
        left=row[0].left,
        right=max(run.right for run in row),
        base=main.base,
        size=main.size,
        bold=sum(len(run.text) for run in row if run.bold) > 0.9 * letters,
        cells=cells,
    )
