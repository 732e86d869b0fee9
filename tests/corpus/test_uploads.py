from __future__ import annotations

import subprocess
import sys
import time
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from corpus import CorpusError, Document, Uploads, check_name, find_files, read_files
from tests.conftest import ROOT


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    return Uploads(tmp_path / "documents")


def documents(uploads: Uploads, *paths: Path) -> dict[str, Document]:
    files = uploads.add_to(find_files(paths))
    read = read_files(files, excluded=uploads.removed)
    return {d.path: d for d in read if isinstance(d, Document)}


def test_what_is_received_waits_until_it_is_accepted(uploads: Uploads) -> None:
    uploads.receive({"a.txt": [b"Un ", b"texte."]})
    assert documents(uploads) == {}
    assert uploads.accept() == []
    assert documents(uploads)["a.txt"].text == "Un texte."
    assert uploads.accept() == []


def test_a_new_file_takes_the_place_of_the_old_one(uploads: Uploads) -> None:
    for text in (b"Ancien.", b"Nouveau."):
        uploads.receive({"a.txt": [text]})
        uploads.accept()
    assert [d.text for d in documents(uploads).values()] == ["Nouveau."]


def test_an_unreadable_file_does_not(uploads: Uploads) -> None:
    uploads.receive({"a.docx": [b"PK broken"]})
    uploads.receive({"b.txt": [b"Bon."]})
    uploads.accept()
    uploads.receive({"b.txt": [b" "]})
    failures = uploads.accept()
    assert [(f.path, f.reason) for f in failures] == [("b.txt", "it has no text")]
    assert documents(uploads)["b.txt"].text == "Bon."
    assert list(documents(uploads)) == ["b.txt"]


def test_an_upload_that_breaks_off_leaves_nothing(uploads: Uploads) -> None:
    def broken() -> Iterator[bytes]:
        yield b"Un"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        uploads.receive({"a.txt": broken()})
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
    uploads.receive({"a.txt": ["Reçu : un texte.".encode()]})
    uploads.accept()
    assert documents(uploads, folder)["a.txt"].text == "Reçu : un texte."
    uploads.remove(documents(uploads, folder)["a.txt"])
    assert list(documents(uploads, folder)) == ["b.txt"]
    assert list(uploads.files.iterdir()) == []
    uploads.restore()
    assert documents(uploads, folder)["a.txt"].text == "Du dossier."


def test_one_record_of_many_can_be_removed(uploads: Uploads) -> None:
    uploads.receive({"r.jsonl": [b'{"id": "x", "text": "Un."}\n{"id": "y", "text": "Deux."}\n']})
    uploads.accept()
    uploads.remove(documents(uploads)["r.jsonl/x"])
    assert list(documents(uploads)) == ["r.jsonl/y"]
    assert (uploads.files / "r.jsonl").exists()


def test_of_an_upload_and_a_removal_the_later_one_counts(uploads: Uploads) -> None:
    uploads.receive({"a.txt": [b"Un."]})
    uploads.accept()
    document = documents(uploads)["a.txt"]
    uploads.receive({"a.txt": [b"Deux."]})
    uploads.remove(document)
    assert uploads.accept() == []
    assert documents(uploads) == {}
    assert list(uploads.files.iterdir()) == []
    uploads.remove(document)
    uploads.receive({"a.txt": [b"Trois."]})
    uploads.accept()
    assert documents(uploads)["a.txt"].text == "Trois."


def test_removals_at_the_same_time_all_count(uploads: Uploads, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for i in range(40):
        (folder / f"{i}.txt").write_text(f"Texte {i}.")
    found = documents(uploads, folder)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(uploads.remove, found.values()))
    assert uploads.removed == {document.id for document in found.values()}
    assert documents(uploads, folder) == {}


def test_of_several_files_all_are_kept_or_none(uploads: Uploads) -> None:
    def broken() -> Iterator[bytes]:
        yield b"Un"
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        uploads.receive({"a.txt": [b"Bon."], "b.txt": broken()})
    with pytest.raises(CorpusError):
        uploads.receive({"a.txt": [b"Bon."], "../b.txt": [b"Non."]})
    assert uploads.accept() == []
    assert documents(uploads) == {}
    uploads.receive({"a.txt": [b"Bon."], "b.txt": [b"Bon aussi."]})
    uploads.accept()
    assert list(documents(uploads)) == ["a.txt", "b.txt"]


def test_a_name_is_the_same_however_its_accents_are_written(
    uploads: Uploads, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / unicodedata.normalize("NFD", "été.txt")).write_text("Du dossier.")
    for form, text in (("NFC", "Ancien."), ("NFD", "Nouveau.")):
        uploads.receive({unicodedata.normalize(form, "été.txt"): [text.encode()]})  # type: ignore[arg-type]
        uploads.accept()
    assert [d.text for d in documents(uploads, folder).values()] == ["Nouveau."]
    assert len(list(uploads.files.iterdir())) == 1


def killed_while_looking(uploads: Uploads, times: int) -> None:
    """A builder that dies of what it looks at, for the first time or the next."""
    folder = uploads.files.parent
    script = "import sys; from pathlib import Path; from corpus import Uploads\n"
    script += "Uploads(Path(sys.argv[1])).accept()"
    builder = subprocess.Popen([sys.executable, "-c", script, str(folder)], cwd=ROOT)
    tries = folder / "checking" / ".a.txt.tries"
    while not tries.exists() or tries.stat().st_size < times:
        assert builder.poll() is None
        time.sleep(0.001)
    builder.kill()
    builder.wait()


LONG = [
    f"Ligne {i} : un texte assez long pour que sa lecture dure.\n".encode() for i in range(10**5)
]


def test_an_upload_survives_a_builder_that_dies_while_looking_at_it(uploads: Uploads) -> None:
    uploads.receive({"a.txt": LONG})
    killed_while_looking(uploads, 1)
    uploads.receive({"a.txt": [b"Plus tard."], "b.txt": [b"Autre."]})
    assert uploads.accept() == []
    assert documents(uploads)["a.txt"].text == "Plus tard."
    assert list(documents(uploads)) == ["a.txt", "b.txt"]


def test_a_file_that_ends_the_builder_again_and_again_is_left_out(uploads: Uploads) -> None:
    uploads.receive({"a.txt": LONG, "b.txt": [b"Autre."]})
    killed_while_looking(uploads, 1)
    killed_while_looking(uploads, 2)
    failures = uploads.accept()
    assert [f.path for f in failures] == ["a.txt"]
    assert "broke down" in failures[0].reason
    assert list(documents(uploads)) == ["b.txt"]
    uploads.receive({"a.txt": [b"Bon."]})
    assert uploads.accept() == []
    assert list(documents(uploads)) == ["a.txt", "b.txt"]


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
        "CON.txt",
        "lpt1.md",
        "nul",
        "a.txt ",
        " a.txt",
        "a.txt.",
        "a\x85.txt",
        "a\u2028.txt",
        "fdp.\u202etxt",
        "é" * 101,
    ],
)
def test_names_that_leave_the_folder_are_refused(uploads: Uploads, name: str) -> None:
    with pytest.raises(CorpusError):
        uploads.receive({name: [b"Un."]})
    assert not uploads.files.parent.exists() or list(uploads.files.parent.rglob("*.txt")) == []


@pytest.mark.parametrize(
    "name", ["a.txt", "Été à Paris (2).pdf", "a..b.md", "Console.md", "à" * 98 + ".md"]
)
def test_names_that_stay_are_fine(name: str) -> None:
    check_name(name)
