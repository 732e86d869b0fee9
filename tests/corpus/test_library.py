from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from corpus import CorpusError, Document, Library, check_name, find_files, read_files


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "documents")


def documents(library: Library, *paths: Path) -> dict[str, Document]:
    files = library.add_to(find_files(paths))
    read = read_files(files, excluded=library.removed)
    return {d.path: d for d in read if isinstance(d, Document)}


def test_what_is_received_waits_until_it_is_accepted(library: Library) -> None:
    library.receive("a.txt", [b"Un ", b"texte."])
    assert documents(library) == {}
    assert library.accept() == []
    assert documents(library)["a.txt"].text == "Un texte."
    assert library.accept() == []


def test_a_new_file_takes_the_place_of_the_old_one(library: Library) -> None:
    for text in (b"Ancien.", b"Nouveau."):
        library.receive("a.txt", [text])
        library.accept()
    assert [d.text for d in documents(library).values()] == ["Nouveau."]


def test_an_unreadable_file_does_not(library: Library) -> None:
    library.receive("a.docx", [b"PK broken"])
    library.receive("b.txt", [b"Bon."])
    library.accept()
    library.receive("b.txt", [b" "])
    failures = library.accept()
    assert [(f.path, f.reason) for f in failures] == [("b.txt", "it has no text")]
    assert documents(library)["b.txt"].text == "Bon."
    assert list(documents(library)) == ["b.txt"]


def test_an_upload_that_breaks_off_leaves_nothing(library: Library) -> None:
    def broken() -> Iterator[bytes]:
        yield b"Un"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        library.receive("a.txt", broken())
    assert library.accept() == []
    assert [p for p in library.files.parent.rglob("*") if p.is_file()] == []


def test_a_removed_document_stays_away_until_it_is_uploaded_again(
    library: Library, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_text("Du dossier.")
    (folder / "b.txt").write_text("Autre.")
    library.remove(documents(library, folder)["a.txt"])
    assert list(documents(library, folder)) == ["b.txt"]
    library.receive("a.txt", ["Reçu : un texte.".encode()])
    library.accept()
    assert documents(library, folder)["a.txt"].text == "Reçu : un texte."
    library.remove(documents(library, folder)["a.txt"])
    assert list(documents(library, folder)) == ["b.txt"]
    assert list(library.files.iterdir()) == []
    library.restore()
    assert documents(library, folder)["a.txt"].text == "Du dossier."


def test_one_record_of_many_can_be_removed(library: Library) -> None:
    library.receive("r.jsonl", [b'{"id": "x", "text": "Un."}\n{"id": "y", "text": "Deux."}\n'])
    library.accept()
    library.remove(documents(library)["r.jsonl/x"])
    assert list(documents(library)) == ["r.jsonl/y"]
    assert (library.files / "r.jsonl").exists()


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        ".",
        "..",
        "../a.txt",
        "a/b.txt",
        "/etc/passwd",
        "..\\a.txt",
        "C:a.txt",
        ".hidden.txt",
        "a\x00.txt",
        "a\nb.txt",
        "\udce9.txt",
        "é" * 101,
    ],
)
def test_names_that_leave_the_folder_are_refused(library: Library, name: str) -> None:
    with pytest.raises(CorpusError):
        library.receive(name, [b"Un."])
    assert not library.files.parent.exists() or list(library.files.parent.rglob("*.txt")) == []


@pytest.mark.parametrize("name", ["a.txt", "Été à Paris (2).pdf", "a..b.md", "à" * 98 + ".md"])
def test_names_that_stay_are_fine(name: str) -> None:
    check_name(name)
