"""The reader: retrieved passages in, the sentences that answer out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from corpus import (
    Language,
    Passage,
    Place,
    Span,
    Value,
    find_values,
    is_given,
    join_digit_groups,
)
from index import Snapshot, terms
from qa.logits import to_logit, to_probability, weigh
from qa.retriever import Hit, ShortSpan, share_of_terms
from qa.short_answer import asks_for_figure, find_figures
from qa.whole import CLOSERS, complete

# Fitted by `python -m qa.fit.reader`, which says how: what tells the sentence that answers from the
# others, without and with a cross-encoder's judgements, and what tells that one answers at all.
_SENTENCE_WEIGHTS = {
    "passage_cosine": 63.960,
    "sentence_cosine": 39.978,
    "terms": 1.272,
    "coverage": 11.277,
}
_JUDGED_SENTENCE_WEIGHTS = {
    "passage_score": 1.178,
    "span": 0.243,
    "sentence_cosine": 21.171,
    "terms": 0.113,
}
_CONFIDENCE_WEIGHTS = {
    "bias": -28.153,
    "sentence_cosine": 31.492,
    "passage_cosine": 0.100,
    "coverage": 2.251,
    "other_language": 1.556,
}
_JUDGED_CONFIDENCE_WEIGHTS = {
    "bias": -1.095,
    "answers": 0.449,
    "judged_span": 0.106,
}

# A second sentence joins the answer when the reader can hardly tell it from the first.
_SECOND_SENTENCE_SHARE = 0.6

# Another document is heard when it gives another figure in a sentence that fits almost as well.
_OTHER_FIGURE_SHARE = 0.2

# A sentence in the question's language that gives the same answer is preferred from here on.
_SAME_ANSWER_SHARE = 0.05

_MOST_SENTENCES = 3
_SAME_TERMS = 0.8


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence of a passage that may answer, and those around it that it cannot do without.

    Attributes:
        hit: The hit it stands in.
        position: Which of its passage's sentences it is.
        features: What it is judged by, by name; see `describe_sentences`.
        score: The share of belief, among all sentences read, that it is this one that answers.
        first, last: Which sentences are quoted, itself among them.
    """

    hit: Hit
    position: int
    features: dict[str, float]
    first: int
    last: int
    score: float = 0.0

    @property
    def passage(self) -> Passage:
        return self.hit.passage

    @property
    def place(self) -> Place:
        """Of the sentence by itself."""
        return Place(self.passage.document_id, *self.passage.sentences[self.position])

    @property
    def quoted(self) -> tuple[Span, ...]:
        """The sentences that are quoted, in order."""
        return self.passage.sentences[self.first : self.last + 1]

    @property
    def short_answer(self) -> ShortSpan | None:
        """Where the short answer stands in it, if a reader looked for one."""
        spans = self.hit.spans
        return spans[self.position] if spans else None


@dataclass(frozen=True, slots=True)
class Reading:
    """What the reader made of the passages.

    Attributes:
        evidence: The answering sentences, in the order in which they are to be read.
        confidence: Estimated probability that the best sentence answers, or the one that gives the
            same answer in the question's language.
        disagreement: Whether documents give different figures.
    """

    evidence: tuple[Evidence, ...]
    confidence: float
    disagreement: bool = False


def read(
    snapshot: Snapshot,
    question: str,
    language: Language,
    hits: Sequence[Hit],
    asked: str | None = None,
) -> Reading:
    """Pick the sentence, or the few sentences, that answer best.

    Questions are not answers, nor are headings, unless they are whole sentences. Of sentences that
    give the same answer, one in the question's language is preferred. A second sentence is added
    where it is almost as likely as the first and does not merely say the same; and where the
    question asks for a number or a date, the sentences of other documents that give another one. A
    sentence that leans on the one before comes with it, an item that was asked for among others
    with the whole list.

    Args:
        snapshot: Where the hits are from.
        question: As the hits were found for it.
        language: Of the question.
        hits: What is read.
        asked: The question without what was asked before it, if that is part of `question`.
    """
    asked = asked or question
    candidates = rank_sentences(snapshot, question, hits)
    if not candidates:
        return Reading((), 0.0)
    confidence = _probability(confidence_features(snapshot, language, candidates[0]))
    candidates = _prefer_language(snapshot, asked, language, candidates)
    best = candidates[0]
    others = _other_values(snapshot, asked, language, candidates)
    chosen = [best, *others]
    second = next((c for c in candidates[1:] if not _says_the_same(snapshot, asked, c, best)), None)
    close = second is not None and second.score > _SECOND_SENTENCE_SHARE * best.score
    if not others and second is not None and close:
        chosen.append(second)
    whole = [complete(e, snapshot.documents[e.passage.document_id], asked) for e in chosen]
    merged = _merge(whole)
    if not others and len({evidence.passage.id for evidence in merged}) == 1:
        merged.sort(key=lambda evidence: evidence.position)
    return Reading(tuple(merged), confidence, bool(others))


def _prefer_language(
    snapshot: Snapshot, asked: str, language: Language, candidates: list[Evidence]
) -> list[Evidence]:
    """The candidates, but in place of the best one, if there is such, one in this language that
    gives its answer.
    """
    best = candidates[0]
    for candidate in candidates:
        if candidate.score < _SAME_ANSWER_SHARE * best.score:
            break
        document = snapshot.documents[candidate.passage.document_id]
        if document.language != language:
            continue
        if candidate is best:
            break
        if _gives_the_same(snapshot, asked, candidate, best):
            # What else is said is held against the score of the best.
            others = (c for c in candidates if c is not best and c is not candidate)
            return [replace(candidate, score=best.score), *others]
    return candidates


def _gives_the_same(snapshot: Snapshot, asked: str, one: Evidence, other: Evidence) -> bool:
    """Whether two short answers have the same words or, where a figure is asked for, values."""
    short = _short_text(snapshot, one)
    if short and short == _short_text(snapshot, other):
        return True
    if not asks_for_figure(asked):
        return False
    values, others = _short_values(snapshot, one), _short_values(snapshot, other)
    return (
        bool(values)
        and all(is_given(value, others) for value in values)
        and all(is_given(value, values) for value in others)
    )


def _short_values(snapshot: Snapshot, evidence: Evidence) -> list[Value]:
    short = evidence.short_answer
    if short is None:
        return []
    document = snapshot.documents[evidence.passage.document_id]
    return list(find_values(document.text[short.start : short.end], document.language))


def _merge(chosen: Sequence[Evidence]) -> list[Evidence]:
    """Best first; those that quote the same sentences become one, the best of them."""
    merged: list[Evidence] = []
    for evidence in chosen:
        for i, better in enumerate(merged):
            same = better.passage.id == evidence.passage.id
            if same and better.first <= evidence.last and evidence.first <= better.last:
                first, last = min(better.first, evidence.first), max(better.last, evidence.last)
                merged[i] = replace(better, first=first, last=last)
                break
        else:
            merged.append(evidence)
    return merged


def _other_values(
    snapshot: Snapshot, question: str, language: Language, candidates: Sequence[Evidence]
) -> list[Evidence]:
    """The sentences of other documents that answer with a number or a date not yet given."""

    def given(evidence: Evidence) -> list[Value]:
        document = snapshot.documents[evidence.passage.document_id]
        span = (evidence.place.start, evidence.place.end)
        figures = find_figures(question, language, document.text, span, named_only=True)
        return [
            value
            for a, b in figures
            for value in find_values(document.text[a:b], document.language)
        ]

    best = candidates[0]
    known, heard = given(best), {best.passage.document_id}
    found: list[Evidence] = []
    if not known:
        return found
    for candidate in candidates[1:]:
        unlikely = candidate.score < _OTHER_FIGURE_SHARE * best.score
        if unlikely or len(found) + 1 == _MOST_SENTENCES:
            break
        new = given(candidate)
        differs = any(
            not is_given(value, known) and not any(is_given(other, [value]) for other in known)
            for value in new
        )
        if candidate.passage.document_id not in heard and differs:
            found.append(candidate)
            known += new
            heard.add(candidate.passage.document_id)
    return found


def _says_the_same(snapshot: Snapshot, asked: str, one: Evidence, other: Evidence) -> bool:
    """Whether it is the same sentence, or one of another document that gives the same short answer
    or has nearly all of its terms.
    """
    if one.place.document_id == other.place.document_id:
        return one.place == other.place
    if _gives_the_same(snapshot, asked, one, other):
        return True
    return share_of_terms(snapshot, one.place, other.place) >= _SAME_TERMS


def _short_text(snapshot: Snapshot, evidence: Evidence) -> str:
    """The short answer without what is mere form."""
    short = evidence.short_answer
    if short is None:
        return ""
    text = snapshot.documents[evidence.passage.document_id].text[short.start : short.end]
    return " ".join(re.findall(r"\w+", join_digit_groups(text).casefold()))


def rank_sentences(snapshot: Snapshot, question: str, hits: Sequence[Hit]) -> list[Evidence]:
    """All sentences of the passages that could answer, best first; ties in index order."""
    found = describe_sentences(snapshot, question, hits)
    if not found:
        return []
    judged = hits[0].judgement is not None
    return share_belief(found, _JUDGED_SENTENCE_WEIGHTS if judged else _SENTENCE_WEIGHTS)


def share_belief(found: Sequence[Evidence], weights: Mapping[str, float]) -> list[Evidence]:
    """Sentences with their scores, a softmax of their weighed features, best first."""
    logits = np.array([weigh(weights, evidence.features) for evidence in found])
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    return sorted(
        (replace(e, score=float(share)) for e, share in zip(found, shares, strict=True)),
        key=lambda evidence: (-evidence.score, evidence.hit.number, evidence.position),
    )


def describe_sentences(snapshot: Snapshot, question: str, hits: Sequence[Hit]) -> list[Evidence]:
    """All sentences of the passages that could answer, in order, not yet scored.

    Their features: the cosine of question and passage, and of question and sentence; how much of
    the question's terms, by their idf, the sentence has, and the passage (`coverage`). With a
    judgement also the log odds of the hit's score, and how well a short answer stands in the
    sentence.
    """
    weights = snapshot.lexical.weigh(question)
    return [evidence for hit in hits for evidence in _describe(snapshot, weights, hit)]


def confidence_features(snapshot: Snapshot, language: str, best: Evidence) -> dict[str, float]:
    """What the confidence in the best sentence is computed from, by name.

    `other_language` is 1 where the passage is in another language than the question: cosines across
    languages are lower by nature. `answers` is the reranker's judgement that the passage answers,
    and `judged_span` how well to it a short answer stands in the sentence. The second
    cross-encoder, which has a say in `span`, was trained on less of what only seems to answer.
    """
    same = snapshot.documents[best.passage.document_id].language == language
    features = {**best.features, "bias": 1.0, "other_language": float(not same)}
    if best.hit.judgement is not None:
        features["answers"] = best.hit.judgement.answers
        features["judged_span"] = best.hit.judgement.spans[best.position].score
    return features


def _describe(snapshot: Snapshot, weights: Mapping[str, float], hit: Hit) -> Iterator[Evidence]:
    passage = hit.passage
    document = snapshot.documents[passage.document_id]
    total = sum(weights.values()) or 1.0
    for position, (start, end) in enumerate(passage.sentences):
        text = document.text[start:end]
        if not _can_answer(text, position < passage.heading_sentences):
            continue
        own = sum(weights.get(term, 0.0) for term in set(terms(text, document.language))) / total
        features = {
            "passage_cosine": hit.cosine,
            "sentence_cosine": hit.sentence_cosines[position],
            "terms": own,
            "coverage": hit.coverage,
        }
        if hit.judgement is not None:
            features["passage_score"] = to_logit(hit.score)
            features["span"] = hit.spans[position].score
        yield Evidence(hit, position, features, position, position)


def _can_answer(sentence: str, is_heading: bool) -> bool:
    bare = sentence.rstrip(CLOSERS)
    return not bare.endswith("?") and (not is_heading or bare.endswith((".", "!", "…")))


def _probability(features: Mapping[str, float]) -> float:
    judged = "answers" in features
    weights = _JUDGED_CONFIDENCE_WEIGHTS if judged else _CONFIDENCE_WEIGHTS
    return to_probability(weigh(weights, features))
