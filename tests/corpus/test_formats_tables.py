from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.content import ContentError
from corpus.formats import csv

ROWS = ["Ville: Paris; Surface: 105,4", "Ville: Rome; Surface: 1 285"]


def rows(source: str) -> list[str]:
    content = csv.read(source.encode())
    return [content.text[block.start : block.end] for block in content.blocks]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_the_delimiter_is_found_beside_decimal_commas(delimiter: str) -> None:
    source = "Ville;Surface\nParis;105,4\nRome;1 285\n".replace(";", delimiter)
    assert rows(source) == ROWS


def test_each_row_is_one_block_that_stays_whole() -> None:
    content = csv.read('Ville,Surface\r\nParis,"105,4"\r\n\r\nRome,1 285'.encode("cp1252"))
    assert content.text == "\n".join(ROWS)
    assert all(block.whole and block.level is None for block in content.blocks)


def test_quotes_hold_delimiters_line_breaks_and_quotes() -> None:
    source = 'nom, note\nA, "un; deux,\ntrois"\nB, "dit ""oui"""\n'
    assert rows(source) == ["nom: A; note: un; deux, trois", 'nom: B; note: dit "oui"']


def test_a_first_row_with_numbers_or_twice_the_same_is_no_header() -> None:
    assert rows("Paris;105\nRome;1285\n") == ["Paris; 105", "Rome; 1285"]
    assert rows("Nom;Nom\nA;B\n") == ["Nom; Nom", "A; B"]
    assert rows("Oui;Paris\nNon;Rome\nOui;Nice\n") == ["Oui; Paris", "Non; Rome", "Oui; Nice"]


def test_the_corner_and_the_end_of_a_header_may_be_empty() -> None:
    assert rows(",ville,pays,\n0,Paris,France,\n1,Rome,Italie,\n") == [
        "0; ville: Paris; pays: France",
        "1; ville: Rome; pays: Italie",
    ]


def test_a_row_may_be_short_or_long() -> None:
    assert rows("a;b;c\n1;2;3\n4;5\n6;7;8;9\n") == [
        "a: 1; b: 2; c: 3",
        "a: 4; b: 5",
        "a: 6; b: 7; c: 8; 9",
    ]


def test_one_column_has_no_header_and_no_delimiter() -> None:
    source = "Paris\nRome, la ville\nNice\nLyon\n"
    assert rows(source) == source.split("\n")[:-1]
    assert rows("Une seule ligne") == ["Une seule ligne"]


def test_a_header_without_rows_is_a_row() -> None:
    assert rows("Ville;Surface\n") == ["Ville; Surface"]


def test_lines_above_the_table_are_its_titles() -> None:
    content = csv.read(b"Communes au 1er mai;\n\nVille;Surface\nParis;105,4\n")
    assert content.text == "Communes au 1er mai\n\nVille: Paris; Surface: 105,4"
    assert [block.whole for block in content.blocks] == [False, True]


def test_excel_says_the_delimiter_itself() -> None:
    assert rows("sep=|\r\na;x|b\r\n1|2\r\n") == ["a;x: 1; b: 2"]
    assert rows("sep=\nVille\n") == ["sep=", "Ville"]


def test_rows_beyond_the_sample_are_read() -> None:
    source = "n;carré\n" + "".join(f"{n};{n * n}\n" for n in range(1000))
    found = rows(source)
    assert len(found) == 1000
    assert found[-1] == "n: 999; carré: 998001"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no text"),
        (b";;\n;;\n", "no text"),
        (b"\0\1\2", "not text"),
        (b'a;"b\n' + b"1;2\n" * 50_000, "quotation mark"),
    ],
)
def test_what_is_no_table_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ContentError, match=reason):
        csv.read(data)


cells = st.text(alphabet="aé1 ,;\"\n|'", max_size=6)


@settings(deadline=None)
@given(st.lists(st.lists(cells, min_size=2, max_size=4), max_size=8))
def test_no_cell_is_lost(table: list[list[str]]) -> None:
    # The first row has numbers: it is no header.
    lines = ["\t".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in table]
    text = csv.read("\n".join(["sep=\t", "0\t0\t0\t0", *lines]).encode()).text
    expected = [[" ".join(cell.split()) for cell in row] for row in [["0"] * 4, *table]]
    assert text.split("\n") == ["; ".join(filter(None, row)) for row in expected if any(row)]


@settings(deadline=None)
@given(st.text(alphabet='ab1,;\t|"\r\n =', max_size=60))
def test_any_text_is_a_table_or_refused(source: str) -> None:
    with contextlib.suppress(ContentError):
        content = csv.read(source.encode())
        for block in content.blocks:
            piece = content.text[block.start : block.end]
            assert piece == piece.strip() != ""
