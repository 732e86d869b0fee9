"""JSON and JSON Lines: every record with a text is a document of its own."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from corpus.content import Block, Content, ContentError
from corpus.formats.encoding import decode
from corpus.formats.text import find_text_blocks

_TEXTS = ("text", "content", "body", "contents", "passage", "abstract", "page_content")
_IDS = ("id", "_id", "doc_id", "uuid")
_ALIASES = {
    "language": ("lang",),
    "date": ("published", "published_at", "created_at"),
    "modified": ("updated_at",),
    "author": ("authors",),
    "source": ("url",),
}
_MAX_ID = 200
_MAX_FIELD = 2000
_JUNK = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")

_Object: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """A record, and the key that tells it from the others; "" if it is all the file holds."""

    key: str
    content: Content


@dataclass(frozen=True, slots=True)
class RecordFailure:
    """A record that cannot be used, and why."""

    key: str
    reason: str


class _Number(str):
    """A number, as it is written."""

    __slots__ = ()


def split_records(data: bytes, ending: str) -> Iterator[Record | RecordFailure]:
    """Split a file into its records, in order.

    JSON is one object with a text, a list of objects, or an object that holds exactly one such
    list; with any other ending than ".json", each line is an object. A record's key is its own id,
    else its number (in JSON Lines, that of its line). Its text is the first field of `text`,
    `content`, `body`, `contents`, `passage`, `abstract` and `page_content` that has one, else its
    `question` with its `answer`. Its other fields are kept, as text; what is in `metadata` too.

    Raises:
        ContentError: It is not text, not JSON, or holds no records.
    """
    values = _load_json(data) if ending == ".json" else _load_lines(data)
    seen: set[str] = set()
    for number, value in values:
        if isinstance(value, ContentError):
            yield RecordFailure(number, str(value))
        elif not isinstance(value, dict):
            yield RecordFailure(number, "it is not a JSON object")
        else:
            yield _record(value, number, seen)


def _load_json(data: bytes) -> Iterator[tuple[str, Any]]:
    value = _parse(decode(data))
    if isinstance(value, dict):
        if _content(value):
            yield "", value
            return
        lists = [item for item in value.values() if _is_list_of_objects(item)]
        if len(lists) != 1:
            raise ContentError(_no_text() + ", or a list of records that have one")
        value = lists[0]
    if not isinstance(value, list):
        raise ContentError("it is neither a JSON object nor a list of them")
    if not value:
        raise ContentError("it has no records")
    yield from ((str(number), item) for number, item in enumerate(value, 1))


def _load_lines(data: bytes) -> Iterator[tuple[str, Any]]:
    if b"\0" in data:
        # In UTF-16, a line break is more than one byte.
        data = decode(data).encode()
    empty = True
    for number, line in enumerate(io.BytesIO(data), 1):
        if not line.strip():
            continue
        empty = False
        try:
            yield str(number), _parse(decode(line))
        except ContentError as error:
            yield str(number), ContentError(f"line {number}: {error}")
    if empty:
        raise ContentError("it has no records")


def _parse(text: str) -> Any:
    try:
        return json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=_Number)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ContentError(f"it is not JSON ({error.msg} at {place})") from error
    except RecursionError as error:
        raise ContentError("its values are nested too deeply") from error


def _record(value: _Object, number: str, seen: set[str]) -> Record | RecordFailure:
    key = _own_id(value) if number else ""
    if key in seen:
        return RecordFailure(key, f"record {number} has the same id as one before it")
    if not key:
        key = number
        while key in seen:
            key += "-"
    seen.add(key)
    content = _content(value)
    return Record(key, content) if content else RecordFailure(key, _no_text())


def _own_id(value: _Object) -> str:
    values = (value.get(name) for name in _IDS)
    ids = (_scalar(own) for own in values if not isinstance(own, bool))
    return next((own for own in ids if own and len(own) <= _MAX_ID), "")


def _content(value: _Object) -> Content | None:
    """The text and the fields of a record; None if it has no text."""
    for name in _TEXTS:
        text = _text(value.get(name))
        if text:
            return Content(text, tuple(find_text_blocks(text)), fields=_fields(value, {name}))
    question, answer = _text(value.get("question")), _text(value.get("answer"))
    if not (question and answer):
        return None
    text = f"{question}\n\n{answer}"
    offset = len(text) - len(answer)
    blocks = [Block(offset + b.start, offset + b.end) for b in find_text_blocks(answer)]
    fields = _fields(value, {"question", "answer"})
    return Content(text, (Block(0, len(question), level=1), *blocks), fields=fields)


def _fields(value: _Object, texts: set[str]) -> dict[str, str]:
    metadata = value.get("metadata")
    own = {name: item for name, item in value.items() if name not in texts}
    fields = {}
    for name, item in {**(metadata if isinstance(metadata, dict) else {}), **own}.items():
        items = item if isinstance(item, list) else [item]
        text = ", ".join(filter(None, map(_scalar, items)))
        # A longer one is another text, not something said of this one.
        if text and len(text) <= _MAX_FIELD and name not in _IDS:
            fields[_clean(name)] = text
    for name, aliases in _ALIASES.items():
        for alias in aliases:
            if name not in fields and alias in fields:
                fields[name] = fields.pop(alias)
    return fields


def _text(value: Any) -> str:
    return "" if isinstance(value, _Number) or not isinstance(value, str) else _clean(value).strip()


def _scalar(value: Any) -> str:
    """A text, number or truth value on one line; empty for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return " ".join(_clean(value).split()) if isinstance(value, str) else ""


def _clean(text: str) -> str:
    """Without the control characters and halves of characters that JSON can escape."""
    return _SURROGATE.sub("\ufffd", _JUNK.sub("", text))


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)


def _no_text() -> str:
    return f"it has no text: give it a field named {', '.join(_TEXTS)}, or a question and answer"
