from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from corpus import CorpusError, Document, load_corpus
from tests.conftest import DOCUMENTS

INTERVIEW_SHA256 = "0d7aeb04857f1c09c5cbaa5ad64798dc6a56389d8cae7a4c24e9d37a16f66f88"


def test_the_interview_is_byte_for_byte_what_was_given(interview: Document) -> None:
    assert hashlib.sha256(interview.text.encode()).hexdigest() == INTERVIEW_SHA256
    assert interview.language == "fr"
    assert interview.metadata["date"] == "2025"
    assert "Tesnière" in interview.source


def test_the_shipped_documents_can_all_be_read() -> None:
    corpus = load_corpus([DOCUMENTS])
    assert corpus.failures == ()
    assert len(corpus.documents) == len(list(DOCUMENTS.iterdir()))


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_front_matter_becomes_fields_and_leaves_the_text(tmp_path: Path) -> None:
    path = write(
        tmp_path / "note.md", "---\ntitle: Un titre\ndate: 2024-05-01\nauteur:\n---\n\n# Autre\n"
    )
    document = load_corpus([path]).documents[0]
    assert document.title == "Un titre"
    assert document.metadata == {"date": "2024-05-01"}
    assert document.text == "\n# Autre\n"
    assert document.source == "note.md"


def test_without_front_matter_the_first_heading_is_the_title(tmp_path: Path) -> None:
    write(tmp_path / "a.md", "Un mot.\n\n## Le  titre\n\nThe text is in English, as you can see.")
    write(tmp_path / "b.txt", "Corps " * 60 + ".")
    first, second = load_corpus([tmp_path]).documents
    assert (first.title, second.title) == ("Le titre", "b")
    assert first.language == "en"


def test_line_endings_and_signs_are_kept_and_a_byte_order_mark_is_not(tmp_path: Path) -> None:
    path = write(tmp_path / "x.txt", b"\xef\xbb\xbfUn\r\nDeux\xc2\xa0!\r\n")
    assert load_corpus([path]).documents[0].text == "Un\r\nDeux\u00a0!\r\n"


def test_a_file_keeps_its_id_whether_it_or_its_folder_is_given(tmp_path: Path) -> None:
    path = write(tmp_path / "Été à Paris.txt", "Texte.")
    alone, in_folder = load_corpus([path]).documents[0], load_corpus([tmp_path]).documents[0]
    assert alone.id == in_folder.id
    assert alone.id.startswith("ete-a-paris-")


def test_what_cannot_be_read_is_named_and_the_rest_goes_in(tmp_path: Path) -> None:
    write(tmp_path / "bon.txt", "Bonjour.")
    write(tmp_path / "vide.txt", " \n")
    write(tmp_path / "binaire.txt", bytes(range(32)) * 9)
    write(tmp_path / "image.png", b"\x89PNG")
    write(tmp_path / "yaml.md", "---\na: [\n---\ntexte")
    write(tmp_path / "champs.md", "---\ntitle: {a: b}\n---\ntexte")
    write(tmp_path / ".cache" / "secret.txt", "hidden")
    corpus = load_corpus([tmp_path])
    assert [d.source for d in corpus.documents] == ["bon.txt"]
    reasons = {f.path: f.reason for f in corpus.failures}
    assert set(reasons) == {"vide.txt", "binaire.txt", "image.png", "yaml.md", "champs.md"}
    assert "no text" in reasons["vide.txt"]
    assert "not text" in reasons["binaire.txt"]
    assert ".png" in reasons["image.png"]
    assert "YAML" in reasons["yaml.md"]
    assert "'title'" in reasons["champs.md"]


def test_front_matter_of_any_kind_is_kept_as_it_is_written(tmp_path: Path) -> None:
    fields = "date: 2024-02-30\ntags: [santé, IA]\nlanguage: English\nnote: no"
    path = write(tmp_path / "a.md", f"---\n{fields}\n---\nLe texte est en français.")
    document = load_corpus([path]).documents[0]
    assert document.metadata == {"date": "2024-02-30", "tags": "santé, IA", "note": "no"}
    assert document.language == "en"
    path = write(tmp_path / "b.md", "---\nlanguage: de\n---\nLe texte est en français.")
    assert load_corpus([path]).documents[0].language == "fr"


def test_a_text_that_begins_with_a_rule_is_a_text(tmp_path: Path) -> None:
    text = "---\n- un\n- deux\n---\nSuite."
    assert load_corpus([write(tmp_path / "a.md", text)]).documents[0].text == text


def test_a_name_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    write(tmp_path / "bon.txt", "Un.")
    write(tmp_path / os.fsdecode(b"\xe9t\xe9.txt"), "Deux.")
    corpus = load_corpus([tmp_path])
    assert [d.source for d in corpus.documents] == ["bon.txt"]
    assert "rename it" in corpus.failures[0].reason
    corpus.failures[0].path.encode()


def test_a_file_given_twice_is_one_document(tmp_path: Path) -> None:
    path = write(tmp_path / "sub" / "x.txt", "Un.")
    assert len(load_corpus([tmp_path, path]).documents) == 1


def test_paths_that_cannot_be_used_are_errors(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="does not exist"):
        load_corpus([tmp_path / "nowhere"])
    with pytest.raises(CorpusError, match="no document could be read"):
        load_corpus([tmp_path])
    write(tmp_path / "a" / "x.txt", "Un.")
    write(tmp_path / "b" / "x.txt", "Deux.")
    with pytest.raises(CorpusError, match="the folder that holds both"):
        load_corpus([tmp_path / "a", tmp_path / "b"])
    assert len(load_corpus([tmp_path]).documents) == 2
