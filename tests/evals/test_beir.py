from __future__ import annotations

import json
from pathlib import Path

import pytest

from evals import QuestionSetError, cached_snapshot, evaluate, load_question_set
from index import Embedder
from qa import Answerer
from tests.conftest import CHUNKING

CORPUS = [
    {"_id": "d/1", "title": "Bibliothèque", "text": "La bibliothèque prête huit livres."},
    {"_id": "d2", "title": "Piscine", "text": "La piscine municipale ferme le lundi."},
    {"_id": "d3", "title": "Un titre seul", "text": ""},
    {"_id": "d4", "title": "", "text": ""},
]
QUERIES = [
    {"_id": "q1", "text": "Combien de livres peut-on emprunter ?"},
    {"_id": "q2", "text": "Quand la piscine est-elle fermée ?"},
    {"_id": "q3", "text": "Sans jugement ?"},
]
JUDGED = "query-id\tcorpus-id\tscore\nq1\td/1\t2\nq1\td2\t0\nq2\td2\t1\nq3\td2\t0\n"


def write(folder: Path, **files: str) -> Path:
    (folder / "qrels").mkdir(exist_ok=True)
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, CORPUS)))
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, QUERIES)))
    (folder / "qrels" / "test.tsv").write_text(JUDGED)
    for name, content in files.items():
        (folder / name.replace("__", "/").replace("_", ".")).write_text(content)
    return folder


def test_reads_corpus_queries_and_judgements(tmp_path: Path) -> None:
    found = load_question_set(write(tmp_path))
    assert [d.id for d in found.documents] == ["d/1", "d2", "d3"]
    assert found.documents[2].text == "Un titre seul"
    assert [(q.id, dict(q.judgements)) for q in found.questions] == [
        ("q1", {"d/1": 2, "d2": 0}),
        ("q2", {"d2": 1}),
    ]
    assert {q.lang for q in found.questions} == {"fr"}


def test_documents_are_ranked_not_passages(tmp_path: Path, embedder: Embedder) -> None:
    found = load_question_set(write(tmp_path))
    snapshot = cached_snapshot(
        found.documents, embedder, CHUNKING, tmp_path / "cache", lambda *_: None
    )
    result = evaluate(found, Answerer(snapshot, embedder))
    assert result.retrieval["ndcg@10"].value == 1
    assert result.outcomes == {"right": 2}
    assert result.answer["hit"].value is None
    assert result.abstention["aurc"].value is None
    assert [item.rank_of_evidence for item in result.items] == [1, 1]


def test_trec_columns_and_other_splits_are_read(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "qrels" / "test.tsv").rename(folder / "qrels" / "mine.tsv")
    (folder / "qrels" / "mine.tsv").write_text("q2\t0\td2\t1\n")
    assert [q.id for q in load_question_set(folder).questions] == ["q2"]
    (folder / "qrels" / "other.tsv").write_text("q1\t0\td2\t1\n")
    with pytest.raises(QuestionSetError, match=r"test\.tsv, dev\.tsv or train\.tsv"):
        load_question_set(folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("corpus_jsonl", '{"_id": "a", "text": "x"}\n{"text": "x"}', "line 2: an object with _id"),
        (
            "corpus_jsonl",
            '{"_id": "a", "text": "x"}\n' * 2,
            "line 2: the _id 'a' is empty or occurs twice",
        ),
        ("corpus_jsonl", '{"_id": "a", "text": null}', "line 1: .*text: Input should be a valid"),
        ("corpus_jsonl", '{"_id": "a", "text": "\\ud800"}', "line 1: it is not JSON"),
        ("corpus_jsonl", '{"_id": "a", "text": ""}', "has no document with a text"),
        ("queries_jsonl", "no", "line 1: it is not JSON"),
        ("queries_jsonl", "[" * 100_000, "line 1: it is not JSON"),
        ("queries_jsonl", '{"_id": "", "text": "x"}', "line 1: the _id '' is empty"),
        ("qrels__test_tsv", "q1\td2\t1.0\n", "line 1: query-id, corpus-id and a whole number"),
        ("qrels__test_tsv", "q1\td2\t²\n", "line 1: query-id, corpus-id and a whole number"),
        ("qrels__test_tsv", "q1\td9\t1\n", "line 1: there is no document 'd9'"),
        (
            "qrels__test_tsv",
            "query-id\tcorpus-id\tscore\nq9\td2\t1\n",
            "line 2: there is no query 'q9'",
        ),
        ("qrels__test_tsv", "q1 d2 1\nq1 d2 1\n", "line 1: query-id, corpus-id and a whole number"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(QuestionSetError, match=message):
        load_question_set(write(tmp_path, **{name: content}))


def test_a_folder_without_a_corpus_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(QuestionSetError, match=r"corpus\.jsonl cannot be read"):
        load_question_set(tmp_path)
