"""What the office formats share: ZIP archives of XML parts, and their fields, lists and tables."""

from __future__ import annotations

import re
import struct
import unicodedata
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from itertools import zip_longest
from posixpath import dirname, join, normpath
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from lxml import etree

from corpus.content import ContentBuilder, ContentError
from corpus.tables import render_rows

_MAX_PARTS = 10_000
_MAX_SIZE = 512 * 2**20
_MAX_RATIO, _RATIO_FROM = 200, 10 * 2**20

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = 0x1

# Files saved as "Strict Open XML" differ by their namespaces, which the libraries do not know.
_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/(\w+)")
_TRANSITIONAL = rb"http://schemas.openxmlformats.org/\1/2006/\2"

_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BadZipFile,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RecursionError,
    SyntaxError,
    TypeError,
    ValueError,
    etree.LxmlError,
    struct.error,
    zlib.error,
)


@contextmanager
def damage_refused(ending: str, *also: type[Exception]) -> Iterator[None]:
    """Turn what the libraries raise for missing or malformed parts into a `ContentError`.

    Args:
        ending: The kind of file, as its name would end.
        also: The exceptions of the library that reads it.
    """
    damage: tuple[type[Exception], ...] = (*_DAMAGE, *also)
    try:
        yield
    except damage as error:
        raise ContentError(
            f"it is damaged or not a {ending} file: open it where it was made and save it again"
        ) from error


def open_package(data: bytes, ending: str) -> BytesIO:
    """A copy of an office file, as an uncompressed archive, that is safe to hand to a library.

    No part of it is larger than it says. Pictures and all else that is not XML are there by name
    only. Relationships to parts that are missing are left out.

    Raises:
        ContentError: It is no such file, is protected, or unpacks to more than it should.
    """
    if data.startswith(_OLE):
        raise ContentError(
            f"it is in an older format or protected by a password: save it as {ending} without one"
        )
    if not data.startswith(b"PK"):
        raise ContentError(f"it is not a {ending} file: save it as one")
    package = BytesIO()
    with ZipFile(BytesIO(data)) as archive, ZipFile(package, "w", ZIP_STORED) as copy:
        parts = {info.filename: info for info in archive.infolist()}
        _check(archive.infolist())
        for name, info in parts.items():
            part = b""
            if _is_read(name):
                # Asking for what is declared keeps zipfile from inflating more than that.
                with archive.open(info) as source:
                    part = _STRICT.sub(_TRANSITIONAL, source.read(info.file_size))
                if name.endswith(".rels"):
                    part = _without_dangling(part, dirname(dirname(name)), parts)
            copy.writestr(name, part)
    package.seek(0)
    return package


def _is_read(name: str) -> bool:
    return name.endswith((".xml", ".rels")) or name == "mimetype"


def _check(parts: Sequence[ZipInfo]) -> None:
    if any(part.flag_bits & _ENCRYPTED for part in parts):
        raise ContentError("it is protected by a password: save it without one")
    read = [part for part in parts if _is_read(part.filename)]
    if any(part.compress_type not in (ZIP_STORED, ZIP_DEFLATED) for part in read):
        raise ContentError("it is packed in an unusual way: open it and save it again")
    if (
        len(parts) > _MAX_PARTS
        or sum(part.file_size for part in read) > _MAX_SIZE
        or any(part.file_size > max(_RATIO_FROM, _MAX_RATIO * part.compress_size) for part in read)
    ):
        raise ContentError("it unpacks to far more than its size: split it, or save it again")


def _without_dangling(relations: bytes, folder: str, parts: Mapping[str, ZipInfo]) -> bytes:
    root = parse_xml(relations)
    for relation in list(root):
        target = normpath(join("/", folder, relation.get("Target", ""))).lstrip("/")
        if relation.get("TargetMode") != "External" and target not in parts:
            root.remove(relation)
    return etree.tostring(root)


def parse_xml(part: bytes) -> etree._Element:
    """The root of an XML part; entities stay unresolved, and nothing else is loaded."""
    return etree.fromstring(part, etree.XMLParser(resolve_entities=False, no_network=True))


_FIELDS = {
    "title": "title",
    "subject": "subject",
    "description": "description",
    "language": "language",
    "creator": "author",
    "initial-creator": "author",
    "keywords": "keywords",
    "keyword": "keywords",
    "created": "date",
    "creation-date": "date",
    "modified": "modified",
    "date": "modified",
}
_DEFAULT_TITLES = {"PowerPoint Presentation", "Présentation PowerPoint"}


def read_fields(package: BytesIO, part: str) -> dict[str, str]:
    """What a properties part says, be it of Office Open XML or OpenDocument.

    OpenDocument's creator is who changed it last; the initial creator counts as the author.
    """
    with ZipFile(package) as archive:
        if part not in archive.namelist():
            return {}
        root = parse_xml(archive.read(part))
    found: dict[str, list[str]] = {}
    for element in root.iter(etree.Element):
        name = etree.QName(element).localname
        value = " ".join(clean_text(element.text or "").split())
        if value and name in _FIELDS and value not in _DEFAULT_TITLES:
            if name == "initial-creator":
                found["author"] = [value]
            elif name == "keyword" or _FIELDS[name] not in found:
                found.setdefault(_FIELDS[name], []).append(value)
    fields = {name: ", ".join(values) for name, values in found.items()}
    for name in ("date", "modified"):
        if name in fields and (date := _iso_date(fields.pop(name))):
            fields[name] = date
    return fields


def _iso_date(value: str) -> str:
    if re.fullmatch(r"\d{4}(-\d\d)?", value):
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return ""
    return value if len(value) == len("2024-05-01") else moment.isoformat(timespec="seconds")


# Zero-width spaces, directional marks and soft hyphens; control characters; what symbol fonts
# draw in the private use area; halves of surrogate pairs. Joiners are part of words and emoji.
_JUNK = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffc"
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ue000-\uf8ff\ud800-\udfff]"
)
_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")


def clean_text(text: str) -> str:
    """The text in composed characters, its lines trimmed, without what cannot be seen."""
    text = _JUNK.sub("", _LINE_ENDS.sub("\n", text))
    lines = (re.sub("[ \t]+", " ", line).strip(" ") for line in text.split("\n"))
    return unicodedata.normalize("NFC", "\n".join(line for line in lines if line))


@dataclass(frozen=True, slots=True)
class ListLevel:
    """How one level of a list is marked.

    Attributes:
        template: The mark, with `%1` for the number at the outermost level, `%2` for the next.
        style: `1`, `a`, `A`, `i` or `I`.
    """

    template: str
    style: str = "1"
    start: int = 1


BULLET = ListLevel("-")


class Numbering:
    """The marks of a list's items, which the files leave to be counted."""

    def __init__(self, levels: Mapping[int, ListLevel], otherwise: ListLevel = BULLET) -> None:
        self._levels = levels
        self._otherwise = otherwise
        self._counts: dict[int, int] = {}

    def mark(self, level: int, start: int | None = None) -> str:
        """The mark of the next item at a level, 0 for the outermost, or of one to start from."""
        current = self._levels.get(level, self._otherwise)
        self._counts = {at: count for at, count in self._counts.items() if at <= level}
        following = self._counts.get(level, current.start - 1) + 1
        self._counts[level] = following if start is None else start
        return re.sub("%([1-9])", lambda match: self._number(int(match[1]) - 1), current.template)

    def _number(self, level: int) -> str:
        current = self._levels.get(level, self._otherwise)
        return count_as(self._counts.get(level, current.start), current.style)


_ROMAN = {
    "m": 1000, "cm": 900, "d": 500, "cd": 400, "c": 100, "xc": 90, "l": 50, "xl": 40,
    "x": 10, "ix": 9, "v": 5, "iv": 4, "i": 1,
}  # fmt: skip


def count_as(number: int, style: str) -> str:
    """Write a number as `1`, `a`, `A`, `i` or `I` count: 3 as 3, c, C, iii or III."""
    written = str(number)
    if style in ("a", "A") and 0 < number <= 26 * 3:
        turn, letter = divmod(number - 1, 26)
        written = chr(ord("a") + letter) * (turn + 1)
    elif style in ("i", "I") and 0 < number < 4000:
        written = ""
        for sign, value in _ROMAN.items():
            count, number = divmod(number, value)
            written += sign * count
    return written.upper() if style.isupper() else written


_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')
_CURRENCY = re.compile("[€$£¥]")
_LOCALE = re.compile(r"\[\$([^\]-]*)(?:-[^\]]*)?\]")


def write_number(value: float, number_format: str = "General") -> str:
    """Write a number in full, as a percentage or with its currency where its format has one.

    Number formats: ECMA-376 part 1, section 18.8.31.
    """
    positive = number_format.split(";")[0]
    bare = _LITERAL.sub("", positive)
    if "%" in bare:
        decimals = re.search(r"\.([0#?]+)", bare)
        return f"{value * 100:.{len(decimals[1]) if decimals else 0}f} %"
    if isinstance(value, float):
        # More digits than a float holds would be noise.
        is_whole = abs(value) < 10**15 and value.is_integer()
        number = str(int(value)) if is_whole else f"{value:.15g}"
    else:
        number = str(value)
    currency = _CURRENCY.search(_LOCALE.sub(r"\1", positive))
    return f"{number} {currency[0]}" if currency else number


Cell = tuple[str, int]
"""The text of a table's cell, and how many columns it spans."""

_YEAR = re.compile(r"(?:19|20)\d\d")
_LONGEST_NAME = 60
_MAX_SPAN = 100


def add_table(
    builder: ContentBuilder, rows: Sequence[Sequence[Cell]], header_rows: int = 0
) -> None:
    """Add a table's rows, each with its header.

    Rows that are one cell across the table are captions, and stand alone. Where several rows make
    the header, the names of a column follow one another.

    Args:
        builder: Where to.
        rows: The cells; one that is merged with the cell above is empty.
        header_rows: How many rows the file says are the header; where none, it is guessed.
    """
    lines = [_spread(row) for row in rows]
    width = max(map(len, lines), default=0)
    captions = [len(row) == 1 and len(line) == width for row, line in zip(rows, lines, strict=True)]
    first = 0
    while first < len(lines) and (captions[first] or not any(lines[first])):
        first += 1
    end = max(first, header_rows)
    if end == first < len(lines) - 1 and looks_like_header([text for text, _ in rows[first]]):
        end += 1
    if end >= len(lines):
        end = first
    columns = zip_longest(*(_spread(row, repeat=True) for row in rows[first:end]), fillvalue="")
    header = [" ".join(dict.fromkeys(filter(None, names))) for names in columns]
    for place, line in enumerate(lines):
        if not first <= place < end:
            for text in render_rows([] if captions[place] else header, [line]):
                builder.row(text)


def looks_like_header(cells: Sequence[str]) -> bool:
    """Whether a table's first row names its columns: short distinct labels, or several years.

    The first cell may be empty: the corner of a table with names on two sides.
    """
    names = [cell for place, cell in enumerate(cells) if cell or place]
    years = [name for name in names if _YEAR.fullmatch(name)]
    labels = [
        name
        for name in names
        if 0 < len(name) <= _LONGEST_NAME
        and not name.endswith((":", "."))
        and not any(sign.isdigit() for sign in name)
    ]
    return (
        len(names) > 1
        and len(set(names)) == len(names)
        and len(labels) + len(years) == len(names)
        and len(years) != 1
    )


def _spread(row: Sequence[Cell], *, repeat: bool = False) -> list[str]:
    return [
        text if repeat or not place else ""
        for text, span in row
        for place in range(min(max(span, 1), _MAX_SPAN))
    ]
