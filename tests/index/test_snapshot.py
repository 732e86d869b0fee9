from __future__ import annotations

import json
from pathlib import Path

import faiss
import numpy as np
import pytest

from corpus import Document
from index import (
    Chunking,
    Embedder,
    Snapshot,
    SnapshotError,
    SnapshotStore,
    build_snapshot,
    read_manifest,
    verify,
)
from index.files import MANIFEST
from tests.conftest import CHUNKING
from tests.documents import document

NOTES = [
    document("a-1", "Le campus a ouvert en 2021. Il est à Paris.", "A"),
    document("b-2", "The campus opened in 2021. It is in Paris.", "B", "en"),
]


@pytest.fixture
def store(tmp_path: Path, embedder: Embedder) -> SnapshotStore:
    store = SnapshotStore(tmp_path / "index", keep=2)
    build_snapshot(NOTES, embedder, store, CHUNKING)
    return store


def test_the_manifest_records_what_made_it(
    home: Path, embedder: Embedder, interview: Document
) -> None:
    manifest = read_manifest(SnapshotStore(home / "index").current())
    assert manifest.model == embedder.identity
    assert manifest.chunking == CHUNKING
    assert manifest.documents[0].sha256 == interview.sha256
    assert manifest.counts.documents == 1
    assert manifest.counts.passages == manifest.documents[0].passages
    assert "passages.faiss" in manifest.files


def test_a_snapshot_comes_back_as_it_was_built(snapshot: Snapshot, interview: Document) -> None:
    assert snapshot.documents[interview.id] == interview
    for passage in snapshot.passages:
        assert interview.text[passage.start : passage.end] == passage.text
    assert {type(passage.sentences) for passage in snapshot.passages} == {tuple}


def test_vectors_are_those_of_the_passages_and_their_sentences(
    snapshot: Snapshot, embedder: Embedder, interview: Document
) -> None:
    # With several threads, some processors round the last bit by the size of a batch.
    for number in (0, len(snapshot.passages) // 2, len(snapshot.passages) - 1):
        passage = snapshot.passages[number]
        expected = embedder.embed_passages([passage.embedded_text])
        np.testing.assert_allclose(snapshot.passage_vectors([number]), expected, atol=1e-6)
        sentences = [interview.text[a:b] for a, b in passage.sentences]
        expected = embedder.embed_passages(sentences)
        np.testing.assert_allclose(snapshot.sentence_vectors(number), expected, atol=1e-6)


def test_a_built_index_verifies(home: Path, store: SnapshotStore) -> None:
    assert verify(SnapshotStore(home / "index").current()) == []
    assert verify(store.current()) == []


def test_verify_finds_any_changed_or_missing_file(store: SnapshotStore) -> None:
    directory = store.current()
    for name in read_manifest(directory).files:
        path = directory / name
        content = bytearray(path.read_bytes())
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        assert verify(directory) == [f"{name} is not as it was written"]
        path.unlink()
        assert verify(directory) == [f"{name} is missing"]
        path.write_bytes(content)
    assert verify(directory) == []


def test_verify_finds_wrong_slices_and_counts(store: SnapshotStore) -> None:
    directory = store.current()
    path = directory / "passages.jsonl"
    lines = path.read_text().splitlines()
    first = json.loads(lines[0])
    first["sentences"][0][1] = first["end"] + 5
    path.write_text("\n".join([json.dumps(first), *lines[1:]]) + "\n")
    reseal(directory)
    assert any("a sentence outside itself" in problem for problem in verify(directory))
    path.write_text(lines[0] + "\n")
    reseal(directory)
    assert any("1 passages, not 2" in problem for problem in verify(directory))


def reseal(directory: Path) -> None:
    """Make the checksums right again, as a faulty builder would."""
    from index.snapshot import describe_file

    manifest = json.loads((directory / MANIFEST).read_text())
    for name in manifest["files"]:
        manifest["files"][name] = describe_file(directory / name).model_dump()
    (directory / MANIFEST).write_text(json.dumps(manifest))


def test_the_same_documents_give_the_same_bytes(store: SnapshotStore, embedder: Embedder) -> None:
    first = read_manifest(store.current())
    second = build_snapshot(NOTES, embedder, store, CHUNKING).manifest
    assert second.files == first.files
    assert second.version != first.version
    assert second.version.rpartition("-")[2] == first.version.rpartition("-")[2]


def test_a_builder_that_dies_leaves_the_old_index(store: SnapshotStore, embedder: Embedder) -> None:
    before = store.current()

    def die(stage: str, done: int, total: int) -> None:
        if stage.startswith("embedding"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_snapshot(NOTES, embedder, store, CHUNKING, die)
    assert store.current() == before
    assert verify(before) == []


def test_a_failed_publication_leaves_no_scratch(
    store: SnapshotStore, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = store.current()

    def fail(directory: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(store, "publish", fail)
    with pytest.raises(OSError, match="disk full"):
        build_snapshot(NOTES, embedder, store, CHUNKING)
    assert store.current() == before
    assert list(store.root.glob("building-*")) == []


def test_only_so_many_snapshots_are_kept(store: SnapshotStore, embedder: Embedder) -> None:
    for _ in range(3):
        build_snapshot(NOTES, embedder, store, CHUNKING)
    kept = sorted(path.name for path in (store.root / "snapshots").iterdir())
    assert len(kept) == 2
    assert store.current().name == kept[-1]


def test_a_missing_index_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="campus-qa index build"):
        SnapshotStore(tmp_path).load()


@pytest.mark.parametrize("content", ["", "?"])
def test_a_damaged_index_says_what_to_do(store: SnapshotStore, content: str) -> None:
    for name in [*read_manifest(store.current()).files, MANIFEST]:
        path = store.current() / name
        whole = path.read_bytes()
        path.write_text(content)
        with pytest.raises(SnapshotError, match="campus-qa index build"):
            store.load()
        path.write_bytes(whole)
    store.load()


def test_another_format_version_is_refused(store: SnapshotStore) -> None:
    path = store.current() / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 1}))
    with pytest.raises(SnapshotError, match="format version 1"):
        store.load()


def test_another_model_is_refused_and_the_difference_named(
    snapshot: Snapshot, embedder: Embedder
) -> None:
    snapshot.require_model(embedder.identity)
    other = embedder.identity.model_copy(update={"query_prefix": ""})
    with pytest.raises(SnapshotError, match=r"query_prefix 'query: ' against ''.*rebuild"):
        snapshot.require_model(other)


def test_a_passage_budget_that_does_not_fit_the_model_is_refused(
    tmp_path: Path, embedder: Embedder
) -> None:
    with pytest.raises(SnapshotError, match="CAMPUS_QA_PASSAGE_TOKENS"):
        build_snapshot(NOTES, embedder, SnapshotStore(tmp_path), Chunking(max_tokens=513))


def test_faiss_finds_what_a_full_scan_finds(snapshot: Snapshot, embedder: Embedder) -> None:
    vector = embedder.embed_query("Qui pilote les programmes de recherche ?")
    everything = snapshot.passage_vectors(list(range(len(snapshot.passages))))
    expected = np.argsort(-(everything @ vector), kind="stable")[:5].tolist()
    assert snapshot.search(vector, 5) == expected
    assert len(snapshot.search(vector, 1000)) == len(snapshot.passages)


def test_the_vectors_are_a_plain_faiss_file(home: Path, snapshot: Snapshot) -> None:
    path = SnapshotStore(home / "index").current() / "passages.faiss"
    assert faiss.read_index(str(path)).ntotal == len(snapshot.passages)
