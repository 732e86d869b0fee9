from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
import pytest

from index.files import KEY, FaissWriter, RowWriter, content_keys, map_faiss_vectors


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_vectors_are_written_as_faiss_writes_them(tmp_path: Path, count: int) -> None:
    vectors = np.random.default_rng(1).random((count, 16), np.float32)
    with FaissWriter(tmp_path / "ours", 16) as writer:
        for part in np.array_split(vectors, 7):
            writer.write(part)
    theirs = faiss.IndexFlatIP(16)
    theirs.add(vectors)
    faiss.write_index(theirs, str(tmp_path / "theirs"))
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    np.testing.assert_array_equal(map_faiss_vectors(tmp_path / "ours", 16), vectors)


def test_rows_are_written_as_numpy_writes_them(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).random((12345, 3), np.float32)
    with RowWriter(tmp_path / "rows.npy", rows.dtype, 3) as writer:
        for part in np.array_split(rows, 9):
            writer.write(part)
    np.testing.assert_array_equal(np.load(tmp_path / "rows.npy", mmap_mode="r"), rows)


def test_keys_tell_texts_apart(tmp_path: Path) -> None:
    keys = content_keys(["un", "deux", "un", ""])
    assert keys.dtype == KEY
    assert keys[0] == keys[2]
    assert len(np.unique(keys)) == 3
    with RowWriter(tmp_path / "keys.npy", KEY) as writer:
        writer.write(keys)
    np.testing.assert_array_equal(np.load(tmp_path / "keys.npy"), keys)
