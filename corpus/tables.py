"""Tables as text: every row says by itself what its values are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def render_rows(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Write each row as "header: value; header: value", without what is empty.

    A row alone in a passage still tells which value is which. Without a header (all empty), or for
    a cell beyond it, the value stands alone.
    """
    names = [" ".join(name.split()).rstrip(" :") for name in header]
    for row in rows:
        cells = []
        for position, cell in enumerate(row):
            value = " ".join(cell.split())
            if value:
                name = names[position] if position < len(names) else ""
                cells.append(f"{name}: {value}" if name else value)
        if cells:
            yield "; ".join(cells)
