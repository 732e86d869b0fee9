r"""Fit the reader: which sentence answers, and whether any does.

    python -m qa.fit.reader --model DIR [--reranker none] [--most N] \
        written fr=written,piaf-train.json fr=piaf-train.json en=xquad.en.json \
        fr=written,xquad.en.json \
        en=xquad.en.json,xquad.de.json en=xquad.en.json,xquad.es.json en=xquad.en.json,xquad.ro.json

With the embedded reranker, first the weights by which it ranks, without the hybrid score and with
it, then those by which the reader, who then has its judgements, picks a sentence, and those of the
confidence. Only the questions on articles that are held out are used: of what the cross-encoder was
trained on, its judgements are too good to be true. With `--reranker none`, the reader's own weights
on all questions. The second cross-encoder, which reads the best passages again, has no say here: on
texts like those that it learned from it is better than on others.

The ranking and the sentence are choices among the candidates (see `qa.fit.choice`). For the scale
of the reranked score and for the confidence, logistic regressions: whether a passage answers, over
all that are reranked; and whether anything does, whose log odds are then put on the scale of how
often the picked sentence is right (Platt, "Probabilistic outputs for support vector machines",
1999). What tells right from wrong by itself, such as how sure the reader is of one sentence,
hardly tells a near miss. Each question is also read from the passages of all articles but the one
that answers; these readings, and those of questions that nothing answers, which are near misses,
count as an eighth of all each. French, English, questions across languages, and our own sets count
alike, and of each set at most `--most` questions. What is printed is what `qa/reranker.py` and
`qa/reader.py` hold: with `--most 75`, the confidence on the first four of these sets alone, and
without the reranker with `--most 600`; all of it when the first 230 texts of our own set were all
there were.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from corpus import detect_language
from index import Embedder, Snapshot
from qa.answerer import READ_PASSAGES
from qa.cross_encoder import CrossEncoder
from qa.fit.choice import Choice, fit_choice
from qa.fit.sets import USAGE, FitQuestion, article_of, open_set, share_of
from qa.logits import to_probability
from qa.reader import Evidence, confidence_features, describe_sentences, share_belief
from qa.reranker import RERANKED, ranking_features
from qa.retriever import CANDIDATES, Hit, retrieve

Floats = NDArray[np.float64]

_RANKED_BY = ("score", "relevance", "answers", "span")
_RANKED_BY_ALONE = _RANKED_BY[1:]
_SENTENCE = ("passage_cosine", "sentence_cosine", "terms", "coverage")
_JUDGED_SENTENCE = ("passage_score", "span", "sentence_cosine", "terms")
_CONFIDENCE = ("sentence_cosine", "passage_cosine", "coverage", "other_language")
_JUDGED_CONFIDENCE = ("answers", "judged_span")
_SHARES = {"answerable": 0.75, "near miss": 0.125, "elsewhere": 0.125}
_NOTHING = 1e-9


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and what was found for it, best first.

    Attributes:
        hits: Among all passages.
        elsewhere: Among those of other articles than the one that answers.
        share: How much it counts.
    """

    snapshot: Snapshot
    question: FitQuestion
    hits: list[Hit]
    elsewhere: list[Hit]
    share: float


@dataclass(frozen=True, slots=True)
class Picked:
    """What the confidence in the best sentence is computed from.

    Attributes:
        right: Whether it answers.
        kind: `answerable`, `elsewhere` if the article that answers was not read, or `near miss`.
        share: How much it counts.
    """

    features: dict[str, float]
    right: bool
    kind: str
    share: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", required=True, help="directory or name of the embedding model")
    parser.add_argument("--reranker", choices=("embedded", "none"), default="embedded")
    parser.add_argument("--most", type=int, default=300, help="questions of each set (300)")
    parser.add_argument("sets", nargs="+", metavar=USAGE)
    arguments = parser.parse_args()
    embedder = Embedder.load(arguments.model)
    cross_encoder = CrossEncoder(embedder) if arguments.reranker == "embedded" else None
    with ExitStack() as stack:
        readings = [
            reading
            for argument in arguments.sets
            for reading in _read_set(
                stack,
                argument,
                share_of(argument, arguments.sets),
                embedder,
                cross_encoder,
                arguments.most,
            )
        ]
        if cross_encoder is not None:
            _fit_ranking(readings, _RANKED_BY_ALONE)
            readings = _fit_ranking(readings, _RANKED_BY)
        judged = cross_encoder is not None
        picked = _fit_sentences(readings, _JUDGED_SENTENCE if judged else _SENTENCE)
        _fit_confidence(picked, _JUDGED_CONFIDENCE if judged else _CONFIDENCE)


def _read_set(
    stack: ExitStack,
    argument: str,
    share: float,
    embedder: Embedder,
    cross_encoder: CrossEncoder | None,
    most: int,
) -> list[Asked]:
    snapshot, questions = stack.enter_context(open_set(argument, embedder))
    asked = [q for q in questions if q.held_out or cross_encoder is None]
    asked = [asked[i * len(asked) // most] for i in range(most)] if len(asked) > most else asked
    vectors = embedder.embed_queries([question.text for question in asked])
    found = []
    for question, vector in zip(asked, vectors, strict=True):
        hits = retrieve(snapshot, question.text, vector, CANDIDATES)
        elsewhere = [h for h in hits if article_of(h.passage.document_id) != question.article]
        found.append((question, hits[:RERANKED], elsewhere[:RERANKED]))
    readings = []
    for done, (question, hits, elsewhere) in enumerate(found, start=1):
        if cross_encoder is not None:
            once = {hit.number: hit for hit in (*hits, *elsewhere)}
            judgements = cross_encoder.read(question.text, [h.passage for h in once.values()])
            judged = {
                number: replace(hit, judgement=judgement, spans=judgement.spans)
                for (number, hit), judgement in zip(once.items(), judgements, strict=True)
            }
            hits = [judged[hit.number] for hit in hits]
            elsewhere = [judged[hit.number] for hit in elsewhere]
        readings.append(Asked(snapshot, question, hits, elsewhere, share / len(found)))
        if done % 100 == 0 or done == len(found):
            print(f"{argument}: {done} of {len(found)}", file=sys.stderr)
    return readings


def _fit_ranking(readings: Sequence[Asked], names: Sequence[str]) -> list[Asked]:
    """Print the weights of the reranked score, and rank by them."""
    print(f"ranking, by {', '.join(names)}")
    choices = []
    for reading in readings:
        right = np.array([reading.question.is_answered_by(hit.passage) for hit in reading.hits])
        if right.any():
            choices.append(Choice(_ranked_by(reading.hits, names), right, reading.share))
    weights = fit_choice(choices)
    scored, truths, shares = [], [], []
    ranked, firsts = [], []
    for reading in readings:
        hits, elsewhere = (
            [
                replace(hits[i], score=logits[i])
                for logits in [_ranked_by(hits, names) @ weights]
                for i in np.argsort(-logits, kind="stable")
            ]
            for hits in (reading.hits, reading.elsewhere)
        )
        ranked.append(replace(reading, hits=hits, elsewhere=elsewhere))
        scored += [[hit.score] for hit in hits]
        truths += [reading.question.is_answered_by(hit.passage) for hit in hits]
        shares += [reading.share] * len(hits)
        firsts.append(reading.question.is_answered_by(hits[0].passage))
    scale = LogisticRegression(C=1e6, max_iter=5000).fit(scored, truths, sample_weight=shares)
    slope, bias = float(scale.coef_[0][0]), float(scale.intercept_[0])
    print(f"ranking, bias: {bias:.3f}")
    for name, weight in zip(names, weights * slope, strict=True):
        print(f"ranking, {name}: {weight:.3f}")
    answerable = [reading.share * (reading.question.answer is not None) for reading in readings]
    print(f"the first is right, on these: {np.average(firsts, weights=answerable):.3f}")
    return [
        replace(
            reading,
            hits=[replace(h, score=to_probability(bias + slope * h.score)) for h in reading.hits],
            elsewhere=[
                replace(h, score=to_probability(bias + slope * h.score)) for h in reading.elsewhere
            ],
        )
        for reading in ranked
    ]


def _ranked_by(hits: Sequence[Hit], names: Sequence[str]) -> Floats:
    rows = [
        [ranking_features(hit, hit.judgement)[name] for name in names]
        for hit in hits
        if hit.judgement is not None
    ]
    return np.array(rows).reshape(len(rows), len(names))


def _fit_sentences(readings: Sequence[Asked], names: Sequence[str]) -> list[Picked]:
    """Print the weights by which a sentence is picked, and pick by them."""
    described = [
        (
            reading,
            read,
            describe_sentences(reading.snapshot, reading.question.text, read[:READ_PASSAGES]),
        )
        for reading in readings
        for read in (reading.hits, reading.elsewhere)
        if read is reading.hits or reading.question.answer is not None
    ]
    choices = []
    for reading, _, sentences in described:
        right = np.array([_answers(reading, sentence) for sentence in sentences], bool)
        if right.any() and not right.all():
            choices.append(Choice(_matrix(sentences, names), right, reading.share))
    weights = fit_choice(choices)
    for name, weight in zip(names, weights, strict=True):
        print(f"sentence, {name}: {weight:.3f}")
    picked = []
    for reading, read, sentences in described:
        if sentences:
            ranked = share_belief(sentences, dict(zip(names, weights.tolist(), strict=True)))
            language = detect_language(reading.question.text)
            features = confidence_features(reading.snapshot, language, ranked[0])
            elsewhere = "elsewhere" if read is reading.elsewhere else "answerable"
            kind = "near miss" if reading.question.answer is None else elsewhere
            is_right = kind == "answerable" and _answers(reading, ranked[0])
            picked.append(Picked(features, is_right, kind, reading.share))
    return picked


def _fit_confidence(picked: Sequence[Picked], names: Sequence[str]) -> None:
    matrix = [[p.features[name] for name in names] for p in picked]
    right = np.array([p.right for p in picked])
    kinds = np.array([p.kind for p in picked])
    shares = np.array([p.share for p in picked])
    for kind, share in _SHARES.items():
        shares[kinds == kind] *= share / max(shares[kinds == kind].sum(), _NOTHING)
    answerable = kinds == "answerable"
    weighed = shares * len(picked)
    model = LogisticRegression(C=100, max_iter=5000)
    model.fit(matrix, answerable, sample_weight=weighed)
    logits = model.decision_function(matrix)[:, None]
    scale = LogisticRegression(C=1e6, max_iter=5000).fit(logits, right, sample_weight=weighed)
    slope = float(scale.coef_[0][0])
    print(f"confidence, bias: {scale.intercept_[0] + slope * model.intercept_[0]:.3f}")
    for name, weight in zip(names, slope * model.coef_[0], strict=True):
        print(f"confidence, {name}: {weight:.3f}")
    probabilities = scale.predict_proba(logits)[:, 1]
    for name, truth in (("right", right), ("answerable", answerable)):
        area = roc_auc_score(truth, probabilities, sample_weight=shares)
        print(f"AUROC of {name}, on these: {area:.3f}")
    print(f"right, on these that have an answer: {right[answerable].mean():.3f}")
    for threshold in (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5):
        below = probabilities < threshold
        refused = ", ".join(
            f"{np.average(below[kinds == kind], weights=shares[kinds == kind]):.3f} of {kind}"
            for kind in _SHARES
            if (kinds == kind).any()
        )
        print(f"threshold {threshold} refuses {refused}")


def _matrix(sentences: Sequence[Evidence], names: Sequence[str]) -> Floats:
    return np.array([[sentence.features[name] for name in names] for sentence in sentences])


def _answers(reading: Asked, sentence: Evidence) -> bool:
    return reading.question.is_answered_by(
        sentence.passage, (sentence.place.start, sentence.place.end)
    )


if __name__ == "__main__":
    main()
