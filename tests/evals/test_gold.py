"""Reading without finding: each question answered from its own document alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from corpus import Place, load_corpus
from evals import evaluate, load_question_set, render_report
from evals.metrics import calibration_error
from evals.question_set import QuestionSet
from index import Embedder, SnapshotStore, build_snapshot
from qa import Answerer
from tests.conftest import CHUNKING
from tests.documents import document


@pytest.fixture
def asked(tmp_path: Path) -> QuestionSet:
    lines = [
        '{"id": "a", "lang": "fr", "question": "Combien de salles compte le musée ?", '
        '"answers": ["12"], "evidence": ["Le musée compte 12 salles."], "answerable": true}',
        '{"id": "b", "lang": "fr", "question": "Combien de salles compte le musée ?", '
        '"answers": ["15"], "evidence": ["Le musée compte 15 salles."], "answerable": true}',
    ]
    (tmp_path / "set.jsonl").write_text("\n".join(lines))
    return load_question_set(tmp_path / "set.jsonl")


def test_each_question_is_answered_from_the_documents_of_its_evidence(
    asked: QuestionSet, tmp_path: Path, embedder: Embedder
) -> None:
    paths = [tmp_path / f"{n}.txt" for n in (12, 15)]
    for path in paths:
        path.write_text(f"Le musée compte {path.stem} salles.")
    store = SnapshotStore(tmp_path / "index")
    build_snapshot(load_corpus(paths).documents, embedder, store, CHUNKING)
    answerer = Answerer(store.load(), embedder, min_confidence=0)
    found = evaluate(asked, answerer, gold=True)
    assert found.gold
    assert [item.short_answer for item in found.items] == ["12 salles", "15 salles"]
    assert all(len(item.passages) == 1 for item in found.items)
    assert found.latency_ms["p50"].value is None
    both = evaluate(asked, answerer)
    assert not both.gold
    assert all(len(item.passages) == 2 for item in both.items)


def test_what_is_indexed_as_of_another_document_is_found_and_shown(
    asked: QuestionSet, tmp_path: Path, embedder: Embedder
) -> None:
    """Two documents say the same, which is indexed once, as of the first of them."""
    first, second = (
        document(name, "Le musée du campus compte 12 salles ouvertes au public.", "Guide")
        for name in ("a", "b")
    )
    store = SnapshotStore(tmp_path / "index")
    build_snapshot([first, second], embedder, store, CHUNKING)
    snapshot = store.load()
    assert len(snapshot.passages) == 1
    place = Place("b", 0, len(second.text))
    changes = {"answers": ("13",), "evidence": (second.text,), "places": (place,)}
    question = asked.questions[0].model_copy(update=changes)
    answerer = Answerer(snapshot, embedder, min_confidence=0)
    result = evaluate(QuestionSet((question,)), answerer, gold=True)
    (item,) = result.items
    assert item.citations[0].document_id == "b"
    assert item.outcome == "wrong span"
    assert "12 salles ouvertes" in render_report(result, snapshot)


def test_calibration_error_is_the_gap_between_confidence_and_truth() -> None:
    right = np.array([True] * 4 + [False])
    assert calibration_error(np.full(5, 0.8), right) == pytest.approx(0)
    assert calibration_error(np.full(5, 0.3), right) == pytest.approx(0.5)
    mixed = np.array([0.95, 0.95, 0.05, 0.05])
    assert calibration_error(mixed, np.array([True, False, False, False])) == pytest.approx(
        (2 * 0.45 + 2 * 0.05) / 4
    )
    assert calibration_error(np.array([1.0]), np.array([True])) == 0
    assert np.isnan(calibration_error(np.array([]), np.array([], bool)))
