"""The reader: retrieved passages in, the sentences that answer out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from corpus import Passage
from index import Snapshot, terms
from qa.retriever import PASSAGE_WEIGHT, SENTENCE_WEIGHT, Hit
from qa.short_answer import figures, find_values

# The sentence's own terms, then those of the passage around it. Chosen on piaf-dev.
_TERMS_WEIGHT = 0.10
_PASSAGE_TERMS_WEIGHT = 0.05

# A second sentence joins the answer when the reader can hardly tell it from the first.
_SECOND_SENTENCE_MARGIN = 0.01

# Another document is heard when it gives another figure in a sentence that fits almost as well.
_OTHER_FIGURE_MARGIN = 0.03
_MOST_SENTENCES = 3
_SAME_TERMS = 0.8

# Fitted by `python -m qa.fit_confidence` (which says how) on piaf-train and XQuAD.
_BIAS = -91.72
_COEFFICIENTS = {
    "sentence_cosine": 52.63,
    "passage_cosine": 54.25,
    "coverage": 11.41,
    "other_language": 6.48,
}


_CLOSERS = "»”\"’') *_\u00a0\u202f"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence that answers: `document.text[start:end]`, and how well it fits the question."""

    hit: Hit
    passage: Passage
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What the reader made of the passages.

    Attributes:
        evidence: The answering sentences, in the order in which they are to be read.
        confidence: Estimated probability that the documents answer the question at all.
        disagreement: Whether documents give different figures.
    """

    evidence: tuple[Evidence, ...]
    confidence: float
    disagreement: bool = False


def read(snapshot: Snapshot, question: str, language: str, hits: Sequence[Hit]) -> Reading:
    """Pick the sentence, or the few sentences, that answer best.

    A sentence is scored by its own cosine and terms and those of its passage. Questions are not
    answers, nor are headings, unless they are whole sentences. A second sentence is added where its
    score is within a hair of the first's and it does not merely say the same; and where the
    question asks for a number or a date, the sentences of other documents that give another one.
    """
    candidates = rank_sentences(snapshot, question, hits)
    if not candidates:
        return Reading((), 0.0)
    best = candidates[0]
    others = _other_figures(snapshot, question, language, candidates)
    chosen = [best, *others]
    second = next((c for c in candidates[1:] if not _says_the_same(snapshot, c, best)), None)
    if not others and second is not None and best.score - second.score < _SECOND_SENTENCE_MARGIN:
        chosen.append(second)
        if second.passage.id == best.passage.id:
            chosen.sort(key=lambda evidence: evidence.start)
    features = confidence_features(snapshot, language, best)
    return Reading(tuple(chosen), _probability(features), bool(others))


def _other_figures(
    snapshot: Snapshot, question: str, language: str, candidates: Sequence[Evidence]
) -> list[Evidence]:
    """The sentences of other documents that answer with a number or a date not yet given."""

    def given(evidence: Evidence) -> set[frozenset[str]]:
        text = snapshot.documents[evidence.passage.document_id].text
        span = (evidence.start, evidence.end)
        values = find_values(question, language, text, span, named_only=True)
        return {figures(text[a:b]) for a, b in values}

    best = candidates[0]
    known, heard = given(best), {best.passage.document_id}
    found: list[Evidence] = []
    if not known:
        return found
    for candidate in candidates[1:]:
        if best.score - candidate.score > _OTHER_FIGURE_MARGIN or len(found) + 1 == _MOST_SENTENCES:
            break
        if candidate.passage.document_id not in heard and given(candidate) - known:
            found.append(candidate)
            known |= given(candidate)
            heard.add(candidate.passage.document_id)
    return found


def _says_the_same(snapshot: Snapshot, one: Evidence, other: Evidence) -> bool:
    """Whether nearly all terms of the one are in the other, a sentence of another document."""
    if one.passage.document_id == other.passage.document_id:
        return False
    own, others = (
        set(terms(document.text[evidence.start : evidence.end], document.language))
        for evidence in (one, other)
        for document in [snapshot.documents[evidence.passage.document_id]]
    )
    return len(own & others) >= _SAME_TERMS * len(own)


def rank_sentences(snapshot: Snapshot, question: str, hits: Sequence[Hit]) -> list[Evidence]:
    """All sentences of the passages that could answer, best first; ties in index order."""
    weights = snapshot.lexical.weigh(question)
    return sorted(
        (evidence for hit in hits for evidence in _score(snapshot, weights, hit)),
        key=lambda evidence: (-evidence.score, evidence.hit.number, evidence.start),
    )


def confidence_features(snapshot: Snapshot, language: str, best: Evidence) -> dict[str, float]:
    """What the confidence is computed from, by name.

    `other_language` is 1 where the passage is in another language than the question: cosines across
    languages are lower by nature.
    """
    same = snapshot.documents[best.passage.document_id].language == language
    position = best.passage.sentences.index((best.start, best.end))
    return {
        "sentence_cosine": best.hit.sentence_cosines[position],
        "passage_cosine": best.hit.cosine,
        "coverage": best.hit.coverage,
        "other_language": float(not same),
    }


def _score(snapshot: Snapshot, weights: Mapping[str, float], hit: Hit) -> list[Evidence]:
    passage = hit.passage
    document = snapshot.documents[passage.document_id]
    total = sum(weights.values()) or 1.0
    found = []
    for position, (start, end) in enumerate(passage.sentences):
        text = document.text[start:end]
        if not _can_answer(text, position < passage.heading_sentences):
            continue
        own = sum(weights.get(term, 0.0) for term in set(terms(text, document.language))) / total
        score = (
            PASSAGE_WEIGHT * hit.cosine
            + SENTENCE_WEIGHT * hit.sentence_cosines[position]
            + _TERMS_WEIGHT * own
            + _PASSAGE_TERMS_WEIGHT * hit.coverage
        ) / (PASSAGE_WEIGHT + SENTENCE_WEIGHT + _TERMS_WEIGHT + _PASSAGE_TERMS_WEIGHT)
        found.append(Evidence(hit, passage, start, end, score))
    return found


def _can_answer(sentence: str, is_heading: bool) -> bool:
    bare = sentence.rstrip(_CLOSERS)
    return not bare.endswith("?") and (not is_heading or bare.endswith((".", "!", "…")))


def _probability(features: dict[str, float]) -> float:
    logit = _BIAS + sum(_COEFFICIENTS[name] * value for name, value in features.items())
    return 1 / (1 + math.exp(-logit))
