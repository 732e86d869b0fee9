from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.content import Block, Content, ContentError
from corpus.formats.records import Record, RecordFailure, split_records


def split(value: Any) -> list[Record | RecordFailure]:
    return list(split_records(json.dumps(value, ensure_ascii=False).encode(), ".json"))


def one(value: Any) -> Content:
    (record,) = split(value)
    assert isinstance(record, Record)
    return record.content


def keys(value: Any) -> list[str]:
    return [record.key for record in split(value)]


def test_one_object_with_a_text_is_one_document() -> None:
    text = "Un titre\n\nDu texte."
    content = Content(text, (Block(0, 8, level=1), Block(10, 19)))
    assert split({"text": text, "id": 7}) == [Record("", content)]


def test_a_list_holds_records_with_their_ids_or_numbers() -> None:
    value = [{"id": "a", "text": "x"}, {"text": "x"}, {"_id": 12, "text": "x"}]
    assert keys(value) == ["a", "2", "12"]
    assert keys({"version": "1.0", "tags": ["a"], "data": value}) == ["a", "2", "12"]
    assert keys(
        [{"id": {"$oid": "x"}, "uuid": "u", "text": "x"}, {"id": "é" * 300, "text": "x"}]
    ) == [
        "u",
        "2",
    ]


def test_an_id_that_occurs_twice_is_a_failure_and_a_number_gives_way() -> None:
    assert split([{"id": 1, "text": "a"}, {"id": "1", "text": "b"}])[1] == RecordFailure(
        "1", "record 2 has the same id as one before it"
    )
    assert keys([{"id": 2, "text": "a"}, {"text": "b"}]) == ["2", "2-"]


@pytest.mark.parametrize(
    "name", ["text", "content", "body", "contents", "passage", "abstract", "page_content"]
)
def test_the_text_is_the_first_field_that_has_one(name: str) -> None:
    assert one([{"page_content": " ", "text": "", name: " Le texte.\n"}]).text == "Le texte."
    assert one([{"body": "second", "content": "premier"}]).text == "premier"
    assert one([{"text": 12, "body": "Le texte."}]).text == "Le texte."


def test_a_question_is_the_heading_of_its_answer() -> None:
    content = one([{"answer": "En mai.\n\nÀ Paris", "question": "Quand ?", "lang": "fr"}])
    assert content.text == "Quand ?\n\nEn mai.\n\nÀ Paris"
    assert content.blocks == (Block(0, 7, level=1), Block(9, 16), Block(18, 25))
    assert content.fields == {"language": "fr"}


def test_other_fields_are_kept_as_text_under_the_names_in_use() -> None:
    value = {
        "text": "x",
        "title": " Un\ntitre ",
        "lang": "en",
        "created_at": "2024-05-01",
        "updated_at": "2024-06-01T10:00:00Z",
        "authors": ["A. Martin", "B. Petit", None],
        "url": "https://example.org",
        "metadata": {"page": 12, "title": "un autre", "deep": {"a": 1}},
        "score": 1.10,
        "valid": True,
        "nothing": None,
        "links": [{"a": 1}],
        "raw": "x" * 3000,
    }
    source = json.dumps([value]).replace("1.1", "1.10").encode()
    (record,) = split_records(source, ".json")
    assert isinstance(record, Record)
    assert record.content.fields == {
        "title": "Un titre",
        "language": "en",
        "date": "2024-05-01",
        "modified": "2024-06-01T10:00:00Z",
        "author": "A. Martin, B. Petit",
        "source": "https://example.org",
        "page": "12",
        "score": "1.10",
        "valid": "true",
    }


def test_a_name_in_use_is_not_replaced() -> None:
    fields = one([{"text": "x", "source": "Le Monde", "url": "https://example.org"}]).fields
    assert fields == {"source": "Le Monde", "url": "https://example.org"}


def test_escaped_control_characters_and_halves_of_characters_do_not_come_in() -> None:
    data = rb'[{"text": "a\u0000b\ud83d \ud83d\ude00", "title": "t\ud800"}]'
    (record,) = split_records(data, ".json")
    assert isinstance(record, Record)
    assert record.content.text == "ab\ufffd 😀"
    assert record.content.fields == {"title": "t\ufffd"}


def test_lines_are_records_and_a_bad_one_is_named() -> None:
    lines = [b'\xef\xbb\xbf{"text": "un"}\r', b"", b'{"text": ', b"[1]", b'{"id": "a"}']
    data = b"\n".join([*lines, b'{"id": "b", "text": "\xe9t\xe9"}', b""])
    found = list(split_records(data, ".jsonl"))
    assert [(type(r).__name__, r.key) for r in found] == [
        ("Record", "1"),
        ("RecordFailure", "3"),
        ("RecordFailure", "4"),
        ("RecordFailure", "a"),
        ("Record", "b"),
    ]
    reasons = [r.reason for r in found if isinstance(r, RecordFailure)]
    assert reasons[0].startswith("line 3: it is not JSON (Expecting value")
    assert reasons[1] == "it is not a JSON object"
    assert reasons[2].startswith("it has no text")
    assert isinstance(found[4], Record)
    assert found[4].content.text == "été"


def test_lines_are_read_in_utf_16() -> None:
    data = '{"text": "Été"}\n{"text": "Ċ ou 上"}\n'.encode("utf-16")
    texts = [r.content.text for r in split_records(data, ".jsonl") if isinstance(r, Record)]
    assert texts == ["Été", "Ċ ou 上"]


def test_lines_are_read_one_at_a_time() -> None:
    records = split_records(b'{"text": "un"}\n' * 2 + b"\xff\xfe" * 10, ".jsonl")
    assert isinstance(next(records), Record)
    assert isinstance(next(records), Record)
    assert isinstance(next(records), RecordFailure)


@pytest.mark.parametrize(
    ("data", "ending", "reason"),
    [
        (b"", ".json", "not JSON"),
        (b"{", ".json", r"not JSON \(.* at line 1, column 2\)"),
        (b"[]", ".json", "no records"),
        (b"12", ".json", "neither a JSON object nor a list"),
        (b'"texte"', ".json", "neither a JSON object nor a list"),
        (b'{"a": [{"text": "x"}], "b": [{"text": "x"}]}', ".json", "no text.*, or a list"),
        (b'{"title": "x"}', ".json", "no text.*, or a list"),
        (b"[" * 100_000, ".json", "nested too deeply"),
        (b"\0\1\2", ".json", "not text"),
        (b" \n\n", ".jsonl", "no records"),
        (b"\0\1\2", ".jsonl", "not text"),
    ],
)
def test_what_holds_no_records_is_refused(data: bytes, ending: str, reason: str) -> None:
    with pytest.raises(ContentError, match=reason):
        list(split_records(data, ending))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["text", "id", "title", "metadata", "data", "answer", "question"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(values, st.sampled_from([".json", ".jsonl"]))
def test_any_json_gives_records_or_says_why_not(value: Any, ending: str) -> None:
    try:
        records = list(split_records(json.dumps(value).encode(), ending))
    except ContentError:
        return
    good = [record for record in records if isinstance(record, Record)]
    assert len({record.key for record in good}) == len(good)
    for record in good:
        assert record.content.text.strip()
        assert all(record.content.fields.values())
        json.dumps([record.content.text, *record.content.fields.items()]).encode()
        "".join(record.content.fields.values()).encode()
