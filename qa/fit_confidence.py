r"""Fit the reader's confidence on questions whose answer was left in, and taken out.

    python -m qa.fit_confidence --model DIR fr=piaf-train.json en=xquad.en.json \
        en=xquad.en.json,xquad.de.json en=xquad.en.json,xquad.es.json en=xquad.en.json,xquad.ro.json

Each argument is the questions' language and a SQuAD JSON file, and the passages' file where it is
another one (XQuAD: the same paragraphs in the same order in another language). Every question is
read twice: once over all passages, and once without the article that answers it. A logistic
regression tells the two apart; its coefficients are what `qa/reader.py` holds.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from corpus import text_document
from index import Chunking, Embedder, Snapshot, SnapshotStore, build_snapshot
from qa.answerer import READ_PASSAGES
from qa.reader import confidence_features, rank_sentences
from qa.retriever import CANDIDATES, retrieve


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", required=True, help="directory or name of the embedding model")
    parser.add_argument("sets", nargs="+", metavar="LANG=QUESTIONS[,PASSAGES]")
    arguments = parser.parse_args()
    embedder = Embedder.load(arguments.model)
    rows: list[dict[str, float]] = []
    labels: list[bool] = []
    weights: list[float] = []
    for argument in arguments.sets:
        language, _, files = argument.partition("=")
        questions, _, passages = files.partition(",")
        before = len(rows)
        for features, answerable in _read_set(
            Path(questions), Path(passages or questions), language, embedder
        ):
            rows.append(features)
            labels.append(answerable)
        count = len(rows) - before
        weights.extend([1 / count] * count)
        print(f"{argument}: {count} readings", file=sys.stderr)
    names = list(rows[0])
    matrix = np.array([[row[name] for name in names] for row in rows])
    truth = np.array(labels)
    model = LogisticRegression(C=100, max_iter=5000)
    model.fit(matrix, truth, sample_weight=np.array(weights) * len(rows))
    probabilities = model.predict_proba(matrix)[:, 1]
    print(f"_BIAS = {model.intercept_[0]:.2f}")
    for name, coefficient in zip(names, model.coef_[0], strict=True):
        print(f"{name}: {coefficient:.2f}")
    print(f"AUROC {roc_auc_score(truth, probabilities):.3f}")
    for threshold in (0.02, 0.05, 0.1, 0.2, 0.3, 0.5):
        kept, dropped = probabilities[truth] < threshold, probabilities[~truth] < threshold
        print(
            f"threshold {threshold}: refuses {dropped.mean():.3f} of the unanswerable, "
            f"{kept.mean():.3f} of the answerable"
        )


def _read_set(
    questions: Path, passages: Path, language: str, embedder: Embedder
) -> Iterator[tuple[dict[str, float], bool]]:
    # Whatever it is, a language that is not the question's: to the reader, one is as another.
    code = passages.stem.rpartition(".")[2]
    spoken = "en" if (code if len(code) == 2 else language) == "en" else "fr"
    articles = json.loads(passages.read_text(encoding="utf-8"))["data"]
    documents = [
        text_document(
            paragraph["context"],
            f"{a:04}/{p:04}.txt",
            title=article["title"].replace("_", " "),
            language=spoken,
        )
        for a, article in enumerate(articles)
        for p, paragraph in enumerate(article["paragraphs"])
    ]
    with tempfile.TemporaryDirectory() as folder:
        store = SnapshotStore(Path(folder))
        build_snapshot(documents, embedder, store, Chunking(max_tokens=256))
        snapshot = store.load()
        asked = json.loads(questions.read_text(encoding="utf-8"))["data"]
        for a, article in enumerate(asked):
            for paragraph in article["paragraphs"]:
                for entry in paragraph["qas"]:
                    yield from _read_twice(snapshot, embedder, entry["question"], language, a)


def _read_twice(
    snapshot: Snapshot, embedder: Embedder, question: str, language: str, article: int
) -> Iterator[tuple[dict[str, float], bool]]:
    vector = embedder.embed_query(question)
    hits = retrieve(snapshot, question, vector, CANDIDATES)
    elsewhere = [
        hit
        for hit in hits
        if not snapshot.passages[hit.number].document_id.startswith(f"{article:04}-")
    ]
    for answerable, read in ((True, hits), (False, elsewhere)):
        sentences = rank_sentences(snapshot, question, read[:READ_PASSAGES])
        if sentences:
            yield confidence_features(snapshot, language, sentences[0]), answerable


if __name__ == "__main__":
    main()
