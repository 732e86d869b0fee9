"""Shared parts of the tests: the real model, the real interview, a real index of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from corpus import Document, load_corpus
from index import Chunking, Embedder, Snapshot, SnapshotStore, build_snapshot, embedding_model
from qa import Answerer, Reranker, load_reranker

ROOT = Path(__file__).parent.parent
DOCUMENTS = ROOT / "corpus" / "documents"
INTERVIEW = DOCUMENTS / "interview-antoine-tesniere.txt"
QUESTIONS = ROOT / "evals" / "interview.jsonl"
CHUNKING = Chunking(max_tokens=256)


@pytest.fixture(scope="session")
def model_path() -> str:
    home = Path(os.environ.get("CAMPUS_QA_HOME", ROOT / "var"))
    return embedding_model(None, home.resolve() / "models")


@pytest.fixture(scope="session")
def embedder(model_path: str) -> Embedder:
    return Embedder.load(model_path)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Several threads make some processors round the last bit by the size of a batch."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def interview() -> Document:
    return load_corpus([INTERVIEW]).documents[0]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, interview: Document, embedder: Embedder) -> Path:
    """A home directory with an index of the interview in it."""
    directory = tmp_path_factory.mktemp("home")
    store = SnapshotStore(directory / "index")
    build_snapshot([interview], embedder, store, CHUNKING, sources=[INTERVIEW])
    return directory


@pytest.fixture(scope="session")
def snapshot(home: Path) -> Snapshot:
    return SnapshotStore(home / "index").load()


@pytest.fixture(scope="session")
def reranker(embedder: Embedder, model_path: str) -> Reranker | None:
    return load_reranker("embedded", embedder, Path(model_path).parent)


@pytest.fixture(scope="session")
def answerer(snapshot: Snapshot, embedder: Embedder, reranker: Reranker | None) -> Answerer:
    """What the service answers with."""
    return Answerer(snapshot, embedder, reranker)


@pytest.fixture(scope="session")
def quick(snapshot: Snapshot, embedder: Embedder) -> Answerer:
    """Without the reranker, which takes nine tenths of the time, for what does not depend on it."""
    return Answerer(snapshot, embedder)
