from __future__ import annotations

from pathlib import Path

import pytest

import evals
from corpus import FORMATS, Document, load_corpus
from evals import load_question_set
from evals.formats_corpus import Expected, expected, questions, write_corpus, write_questions

QUESTIONS = Path(evals.__file__).parent / "formats.jsonl"
# Other names of formats that are there.
OTHER_ENDINGS = {".markdown", ".htm", ".xhtml", ".tsv", ".ndjson"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("formats")
    write_corpus(folder)
    return folder


@pytest.fixture(scope="module")
def documents(folder: Path) -> dict[str, Document]:
    corpus = load_corpus([folder])
    assert corpus.failures == ()
    return {document.path: document for document in corpus.documents}


def heading_at(document: Document, offset: int) -> str | None:
    """The innermost heading above a place: the nearest one."""
    above = [b for b in document.blocks if b.level is not None and b.start <= offset]
    return document.text[above[-1].start : above[-1].end] if above else None


def test_the_shipped_questions_are_those_that_the_module_makes(tmp_path: Path) -> None:
    write_questions(tmp_path / "formats.jsonl")
    assert QUESTIONS.read_bytes() == (tmp_path / "formats.jsonl").read_bytes()
    assert list(load_question_set(QUESTIONS).questions) == questions()


def test_there_is_a_file_of_every_format(folder: Path, documents: dict[str, Document]) -> None:
    assert {file.suffix for file in folder.iterdir()} == set(FORMATS) - OTHER_ENDINGS
    assert b"\r\n" in (folder / "betelgeuse.txt").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        (folder / "betelgeuse.txt").read_bytes().decode()
    assert set(documents) == {one.path for one in expected()}


def test_three_questions_are_asked_of_each_file_and_six_of_none() -> None:
    by_file: dict[str, int] = {}
    for one in expected():
        # The records of one file count together.
        file = one.path.rpartition("/")[0] if ".jsonl/" in one.path else one.path
        by_file[file] = by_file.get(file, 0) + 1
    assert set(by_file.values()) == {3}
    assert sum(not question.answerable for question in questions()) == 6
    assert {one.path for one in expected() if one.question.lang == "en"} == {
        "mizar.odt",
        "rigel.json",
    }


@pytest.mark.parametrize("one", expected(), ids=lambda one: one.question.id)
def test_the_evidence_stands_where_it_should(one: Expected, documents: dict[str, Document]) -> None:
    document = documents[one.path]
    (evidence,), (answer,) = one.question.evidence, one.question.answers
    assert answer in evidence
    assert document.text.count(evidence) == 1
    start = document.text.index(evidence)
    assert heading_at(document, start) == one.heading
    assert document.page_at(start) == document.page_at(start + len(evidence) - 1) == one.page
    assert document.language == one.question.lang


def test_evidence_is_found_in_one_document_only(documents: dict[str, Document]) -> None:
    for one in expected():
        holders = [d.path for d in documents.values() if one.question.evidence[0] in d.text]
        assert holders == [one.path]


def test_pages_and_headings_are_asked_for() -> None:
    places = expected()
    for ending, pages in ((".pdf", {1, 2, 3}), (".pptx", {2, 3, 4})):
        assert {one.page for one in places if one.path.endswith(ending)} == pages
    assert len({one.heading for one in places if one.path.endswith(".docx")}) == 3


def test_the_same_corpus_is_written_each_time(
    folder: Path, tmp_path: Path, documents: dict[str, Document]
) -> None:
    stated = {
        path: d.metadata["modified"][:10]
        for path, d in documents.items()
        if "modified" in d.metadata
    }
    # ReportLab has a fixed date of its own.
    assert stated.pop("electre.pdf") == "2000-01-01"
    assert len(stated) == 5
    assert set(stated.values()) == {"2025-03-14"}
    write_corpus(tmp_path)
    for file in folder.iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()
