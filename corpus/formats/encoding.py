"""Text out of bytes: the encoding is told from the bytes."""

from __future__ import annotations

import codecs
import io
import re

from corpus.content import ContentError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    # Before UTF-16, whose mark is the beginning of this one.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WESTERN = ("cp1252", "iso8859-15", "mac-roman", "cp850")
_OTHERS = tuple(
    "cp1251 koi8-r iso8859-5 mac-cyrillic cp866 cp1253 iso8859-7 cp1250 iso8859-2 cp1254 cp1255 "
    "cp1256 cp932 euc_jp gb18030 big5 cp949 cp874".split()
)
# What a page states, as the web takes it (https://encoding.spec.whatwg.org/#names-and-labels).
_STANDS_FOR = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "shift_jis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
}
_SAMPLE_BYTES = 2**17
_MAX_CONTROL_SHARE = 0.02
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f]")

# How well a sign beyond ASCII fits French or English: the more frequent in either, the better.
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_WEIGHTS = (
    ("éèà’", 3.0),
    ("êçùôîâûœ«»“”ÉÀŒ…–—€°\u00a0", 2.0),
    ("ëïüÿæáíóúñäößìòÇÈÊËÎÏÔÙÛÆÂÄÖÜ‘•·×²³§©®£½", 1.0),
    ("ãõåøšž", 0.5),
)
_WEIGHT = {sign: weight for signs, weight in _WEIGHTS for sign in signs}
_STRANGE = -3.0
_UNUSED = re.compile(r"[\x80-\x9f]")
_INSIDE_WORDS = frozenset("’·")
_AT_WORD_ENDS = frozenset("àù")


def decode(data: bytes, stated: str = "") -> str:
    """Decode a text. A byte order mark is left out; line breaks stay as they are.

    What decides is, in this order: a byte order mark, UTF-8 (which other encodings hardly ever
    look like), UTF-16 if every other byte tells it, `stated` (what a web page says of itself),
    and a guess. The guess is a Western encoding if the signs beyond ASCII stand where French and
    English have them, for short texts have too few of them for statistics; else it is
    charset-normalizer's. In UTF-8 that is damaged, U+FFFD stands for what cannot be read.

    Raises:
        ContentError: It is not text, or its encoding cannot be told.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _checked(data[len(mark) :].decode(name, "replace"))
    if b"\0" in data:
        return _checked(_decode_utf16(data))
    try:
        return _checked(data.decode())
    except UnicodeDecodeError:
        damaged = data.decode(errors="replace")
    if damaged.count("\ufffd") * 4 <= sum(1 for _ in _NOT_ASCII.finditer(damaged)):
        return _checked(damaged)
    for name in (_codec(stated), _guess(data)):
        try:
            return _checked(data.decode(name))
        except (LookupError, UnicodeDecodeError):
            continue
    raise ContentError("its encoding cannot be told: save it as UTF-8")


def _checked(text: str) -> str:
    # In bounded memory: a text has few of them.
    controls = sum(1 for _ in _CONTROL.finditer(text))
    if "\0" in text or controls > _MAX_CONTROL_SHARE * len(text):
        raise ContentError("it is not text")
    return text


def _decode_utf16(data: bytes) -> str:
    """Signs below U+0100 have a zero byte in UTF-16: the second where the first byte is the low."""
    first, second = data[::2].count(0), data[1::2].count(0)
    name = "utf-16-le" if second > first else "utf-16-be"
    try:
        return data.decode(name)
    except UnicodeDecodeError as error:
        raise ContentError("it is not text") from error


def _codec(stated: str) -> str:
    """The codec that is meant; empty if there is none, or none that is for text."""
    try:
        name = codecs.lookup(stated.strip()).name
    except (LookupError, ValueError):
        return ""
    name = _STANDS_FOR.get(name, name)
    return name if name in _WESTERN or name in _OTHERS else ""


def _guess(data: bytes) -> str:
    sample = _sample(data)
    fits = {name: _western_fit(sample, name) for name in _WESTERN}
    best = max(_WESTERN, key=lambda name: fits[name])
    if fits[best] > 0:
        return best
    # Imported here, since few texts come to this and every command would wait for it.
    import charset_normalizer

    match = charset_normalizer.from_bytes(sample, cp_isolation=list(_OTHERS)).best()
    return match.encoding if match else ""


def _sample(data: bytes) -> bytes:
    """The first of the lines that tell something."""
    lines: list[bytes] = []
    left = _SAMPLE_BYTES
    for line in io.BytesIO(data):
        if not line.isascii():
            lines.append(line[:left])
            left -= len(line)
            if left <= 0:
                break
    return b"".join(lines)


def _western_fit(sample: bytes, name: str) -> float:
    """How well, on average, the signs beyond ASCII fit as the encoding has them; below 0, badly."""
    try:
        text = sample.decode(name)
    except UnicodeDecodeError:
        return _STRANGE
    if _UNUSED.search(text):
        return _STRANGE
    weights = [_sign_weight(text, match.start()) for match in _NOT_ASCII.finditer(text)]
    return sum(weights) / len(weights)


def _sign_weight(text: str, position: int) -> float:
    sign = text[position]
    before = text[position - 1] if position else " "
    after = text[position + 1 : position + 2] or " "
    weight = _WEIGHT.get(sign, _STRANGE)
    letters = before.isalpha() and after.isalpha()
    if not sign.isalpha():
        misplaced = letters and sign not in _INSIDE_WORDS
        return _STRANGE if misplaced or (sign in "–—" and before.isalpha()) else weight
    crowded = letters and not (before.isascii() or after.isascii())
    if crowded or (sign.isupper() and before.islower()):
        return _STRANGE
    return weight - 3 if sign in _AT_WORD_ENDS and after.isalpha() else weight
