from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from corpus import CorpusError, Document, Uploads, check_name, find_files, read_files


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    return Uploads(tmp_path / "documents")


def documents(uploads: Uploads, *paths: Path) -> dict[str, Document]:
    files = uploads.add_to(find_files(paths))
    read = read_files(files, excluded=uploads.removed)
    return {d.path: d for d in read if isinstance(d, Document)}


def test_what_is_received_waits_until_it_is_accepted(uploads: Uploads) -> None:
    uploads.receive("a.txt", [b"Un ", b"texte."])
    assert documents(uploads) == {}
    assert uploads.accept() == []
    assert documents(uploads)["a.txt"].text == "Un texte."
    assert uploads.accept() == []


def test_a_new_file_takes_the_place_of_the_old_one(uploads: Uploads) -> None:
    for text in (b"Ancien.", b"Nouveau."):
        uploads.receive("a.txt", [text])
        uploads.accept()
    assert [d.text for d in documents(uploads).values()] == ["Nouveau."]


def test_an_unreadable_file_does_not(uploads: Uploads) -> None:
    uploads.receive("a.docx", [b"PK broken"])
    uploads.receive("b.txt", [b"Bon."])
    uploads.accept()
    uploads.receive("b.txt", [b" "])
    failures = uploads.accept()
    assert [(f.path, f.reason) for f in failures] == [("b.txt", "it has no text")]
    assert documents(uploads)["b.txt"].text == "Bon."
    assert list(documents(uploads)) == ["b.txt"]


def test_an_upload_that_breaks_off_leaves_nothing(uploads: Uploads) -> None:
    def broken() -> Iterator[bytes]:
        yield b"Un"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        uploads.receive("a.txt", broken())
    assert uploads.accept() == []
    assert [p for p in uploads.files.parent.rglob("*") if p.is_file()] == []


def test_a_removed_document_stays_away_until_it_is_uploaded_again(
    uploads: Uploads, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_text("Du dossier.")
    (folder / "b.txt").write_text("Autre.")
    uploads.remove(documents(uploads, folder)["a.txt"])
    assert list(documents(uploads, folder)) == ["b.txt"]
    uploads.receive("a.txt", ["Reçu : un texte.".encode()])
    uploads.accept()
    assert documents(uploads, folder)["a.txt"].text == "Reçu : un texte."
    uploads.remove(documents(uploads, folder)["a.txt"])
    assert list(documents(uploads, folder)) == ["b.txt"]
    assert list(uploads.files.iterdir()) == []
    uploads.restore()
    assert documents(uploads, folder)["a.txt"].text == "Du dossier."


def test_one_record_of_many_can_be_removed(uploads: Uploads) -> None:
    uploads.receive("r.jsonl", [b'{"id": "x", "text": "Un."}\n{"id": "y", "text": "Deux."}\n'])
    uploads.accept()
    uploads.remove(documents(uploads)["r.jsonl/x"])
    assert list(documents(uploads)) == ["r.jsonl/y"]
    assert (uploads.files / "r.jsonl").exists()


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
def test_names_that_leave_the_folder_are_refused(uploads: Uploads, name: str) -> None:
    with pytest.raises(CorpusError):
        uploads.receive(name, [b"Un."])
    assert not uploads.files.parent.exists() or list(uploads.files.parent.rglob("*.txt")) == []


@pytest.mark.parametrize("name", ["a.txt", "Été à Paris (2).pdf", "a..b.md", "à" * 98 + ".md"])
def test_names_that_stay_are_fine(name: str) -> None:
    check_name(name)
