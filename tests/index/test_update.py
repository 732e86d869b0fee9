from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus import find_files, read_files, unknown
from index import Build, Embedder, Manifest, Previous, SnapshotStore, build_snapshot, verify
from index.files import KEY, PASSAGE_KEYS, content_keys
from tests.conftest import CHUNKING


def build(folder: Path, store: SnapshotStore, embedder: Embedder, *, reuse: bool) -> Build:
    previous = Previous(store.current(), embedder.identity) if reuse else None
    files = find_files([folder])
    documents = read_files(files, previous.document if previous else unknown)
    return build_snapshot(documents, embedder, store, CHUNKING, previous=previous)


def content(manifest: Manifest) -> object:
    return manifest.files, manifest.documents, manifest.counts, manifest.digest


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    for i in range(6):
        write(
            folder, f"note-{i}.md", f"# Note {i}\n\nLe bureau {i} ouvre à {i + 7} heures. Et {i}."
        )
    return folder


@pytest.mark.usefixtures("one_thread")
def test_only_what_changed_is_embedded(tmp_path: Path, folder: Path, embedder: Embedder) -> None:
    store = SnapshotStore(tmp_path / "index")
    first = build(folder, store, embedder, reuse=False)
    assert (first.embedded_passages, first.embedded_sentences) == (6, 18)
    write(folder, "note-3.md", "# Note 3\n\nLe bureau 3 ouvre à midi. Et 3.")
    second = build(folder, store, embedder, reuse=True)
    assert second.changed
    assert (second.embedded_passages, second.embedded_sentences) == (1, 1)
    full = build(folder, SnapshotStore(tmp_path / "full"), embedder, reuse=False)
    assert content(second.manifest) == content(full.manifest)


def test_renames_cost_nothing(tmp_path: Path, folder: Path, embedder: Embedder) -> None:
    store = SnapshotStore(tmp_path / "index")
    build(folder, store, embedder, reuse=False)
    (folder / "sub").mkdir()
    for path in list(folder.glob("*.md")):
        path.rename(folder / "sub" / f"renamed {path.name}")
    write(folder, "untitled.txt", "")
    renamed = build(folder, store, embedder, reuse=True)
    assert renamed.changed
    assert (renamed.embedded_passages, renamed.embedded_sentences) == (0, 0)
    assert all("sub-renamed-note" in entry.id for entry in renamed.manifest.documents)
    assert verify(store.current()) == []


def test_deletions_leave_nothing_behind(tmp_path: Path, folder: Path, embedder: Embedder) -> None:
    store = SnapshotStore(tmp_path / "index")
    build(folder, store, embedder, reuse=False)
    (folder / "note-2.md").unlink()
    after = build(folder, store, embedder, reuse=True)
    assert (after.embedded_passages, after.embedded_sentences) == (0, 0)
    snapshot = store.load()
    assert len(snapshot.documents) == 5
    assert not any("bureau 2" in passage.text for passage in snapshot.passages)
    assert snapshot.lexical.coverage(snapshot.lexical.weigh("2")).max() == 0


def test_nothing_changed_publishes_nothing(
    tmp_path: Path, folder: Path, embedder: Embedder
) -> None:
    store = SnapshotStore(tmp_path / "index")
    version = build(folder, store, embedder, reuse=False).manifest.version
    again = build(folder, store, embedder, reuse=True)
    assert not again.changed
    assert again.manifest.version == version == store.current_version()
    assert store.versions() == [version]
    assert list(store.root.glob("building-*")) == []


def test_damaged_vectors_are_not_used_again(
    tmp_path: Path, folder: Path, embedder: Embedder, caplog: pytest.LogCaptureFixture
) -> None:
    store = SnapshotStore(tmp_path / "index")
    first = build(folder, store, embedder, reuse=False)
    path = store.current() / "passages.faiss"
    damaged = bytearray(path.read_bytes())
    damaged[-3] ^= 1
    path.write_bytes(damaged)
    write(folder, "note-9.md", "# Note 9\n\nUn bureau de plus.")
    second = build(folder, store, embedder, reuse=True)
    assert second.embedded_passages == first.embedded_passages + 1
    assert "damaged" in caplog.text
    assert verify(store.current()) == []


def test_vectors_of_another_model_are_not_used_again(
    tmp_path: Path, folder: Path, embedder: Embedder
) -> None:
    store = SnapshotStore(tmp_path / "index")
    build(folder, store, embedder, reuse=False)
    other = embedder.identity.model_copy(update={"sha256": "0" * 64})
    previous = Previous(store.current(), other)
    assert previous.passages.find(content_keys(["x"])).tolist() == [-1]
    assert previous.document("note-1.md", "") is None
    keys = np.load(store.current() / PASSAGE_KEYS)
    assert keys.dtype == KEY
    assert Previous(store.current(), embedder.identity).passages.find(keys).tolist() == [*range(6)]
    assert previous.passages.find(keys).tolist() == [-1] * 6


PARAGRAPHS = [
    "Le laboratoire accueille vingt chercheurs. Il se trouve à Lyon.",
    "La bibliothèque ouvre à 9 heures !",
    "Qui dirige ?\n\nMadame Martin dirige le laboratoire.",
    "The lab has 12 rooms. It opened in 2019.",
    "Le laboratoire accueille vingt chercheurs. Il se trouve a Lyon.",
    "## Budget\n\nLe budget est de 3 millions d’euros.",
]
names = st.sampled_from(["a.txt", "b.md", "c/d.md", "c/e.txt", "f.md"])
texts = st.lists(st.sampled_from(PARAGRAPHS), min_size=1, max_size=3).map("\n\n".join)
edits = st.one_of(
    st.tuples(st.just("write"), names, texts),
    st.tuples(st.just("rename"), names, names),
    st.tuples(st.just("delete"), names, st.just("")),
)


def apply(folder: Path, edit: tuple[str, str, str]) -> None:
    kind, name, argument = edit
    path = folder / name
    if kind == "write":
        write(folder, name, argument)
    elif path.exists() and kind == "delete":
        path.unlink()
    elif path.exists():
        target = folder / argument
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(edits, min_size=1, max_size=3), min_size=1, max_size=4))
@pytest.mark.usefixtures("one_thread")
def test_updates_give_what_a_full_build_gives(
    embedder: Embedder, steps: Iterable[list[tuple[str, str, str]]]
) -> None:
    """Byte for byte, whatever was added, edited, renamed and deleted before."""
    with tempfile.TemporaryDirectory() as home:
        folder, store = Path(home, "documents"), SnapshotStore(Path(home, "index"))
        write(folder, "always.txt", PARAGRAPHS[0])
        build(folder, store, embedder, reuse=False)
        for number, step in enumerate(steps):
            for edit in step:
                apply(folder, edit)
            updated = build(folder, store, embedder, reuse=True)
            other = SnapshotStore(Path(home, f"full-{number}"))
            full = build(folder, other, embedder, reuse=False)
            assert content(updated.manifest) == content(full.manifest)
            assert verify(store.current()) == []
            shutil.rmtree(other.root)
