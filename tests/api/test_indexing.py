"""What a build reads, and what it does where nothing is left to read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from api.indexing import run_build
from api.settings import Settings
from corpus import CorpusError, Failure
from index import Build, NothingToIndexError, SnapshotError


@pytest.fixture
def settings(tmp_path: Path, model_path: str) -> Settings:
    return Settings(home=tmp_path / "home", embedding_model=model_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_text("Un premier texte.")
    (folder / "b.txt").write_text("Un second texte.")
    return folder


def build(settings: Settings, *paths: Path, may_be_empty: bool = True) -> Build | None:
    return run_build(
        settings,
        paths or None,
        reuse=True,
        progress=lambda stage, done, total: None,
        may_be_empty=may_be_empty,
    )


def served(settings: Settings) -> list[str]:
    return [entry.path for entry in settings.store.load().manifest.documents]


def test_without_paths_it_reads_what_the_index_was_built_from(
    settings: Settings, folder: Path
) -> None:
    build(settings, folder)
    (folder / "c.txt").write_text("Un troisième texte.")
    settings.uploads.receive({"b.txt": [b"Recu, et non du dossier."]})
    build(settings)
    assert served(settings) == ["a.txt", "b.txt", "c.txt"]
    assert settings.store.load().manifest.sources == (str(folder.resolve()),)
    texts = {d.path: d.text for d in settings.store.load().documents.values()}
    assert texts["b.txt"] == "Recu, et non du dossier."


def test_an_index_is_empty_once_all_its_documents_have_been_removed(
    settings: Settings, folder: Path
) -> None:
    build(settings, folder)
    version = settings.store.current_version()
    for document in settings.store.load().documents.values():
        settings.uploads.remove(document)
    with pytest.raises(NothingToIndexError):
        build(settings, may_be_empty=False)
    assert build(settings) is None
    with pytest.raises(SnapshotError, match="have been removed"):
        settings.store.load()
    assert build(settings) is None
    # It is still known where documents come from; the shipped ones are not taken instead.
    (folder / "c.txt").write_text("Un troisième texte.")
    build(settings)
    assert served(settings) == ["c.txt"]
    settings.store.retire()
    assert settings.store.rollback().version > version


def test_an_index_stays_where_nothing_is_left_by_accident(settings: Settings, folder: Path) -> None:
    build(settings, folder)
    for file in folder.iterdir():
        file.unlink()
    with pytest.raises(NothingToIndexError):
        build(settings)
    assert served(settings) == ["a.txt", "b.txt"]


def test_an_index_that_cannot_be_read_is_not_replaced_by_the_shipped_documents(
    settings: Settings, folder: Path
) -> None:
    build(settings, folder)
    manifest = settings.store.current() / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"format_version": ', '"format_version": 9'))
    settings.uploads.receive({"c.txt": ["Reçu.".encode()]})
    with pytest.raises(SnapshotError, match="campus-qa index build"):
        build(settings)
    build(settings, folder)
    assert served(settings) == ["a.txt", "b.txt", "c.txt"]


def test_a_bad_upload_is_named_even_if_the_build_fails(settings: Settings, folder: Path) -> None:
    build(settings, folder)
    folder.rename(folder.with_name("elsewhere"))
    settings.uploads.receive({"d.docx": [b"not a docx"]})
    named: list[Failure] = []

    def dropped(failures: Sequence[Failure]) -> None:
        named.extend(failures)

    with pytest.raises(CorpusError, match="does not exist"):
        run_build(
            settings, None, reuse=True, progress=lambda stage, done, total: None, dropped=dropped
        )
    assert [failure.path for failure in named] == ["d.docx"]
