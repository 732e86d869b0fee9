"""Which passages answer a question: from its evidence, its answers, or its judged documents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property

from corpus import Passage, Place
from evals.matching import contains_tokens, tokenize
from evals.question_set import Question
from index import Snapshot
from qa import RetrievedPassage


class Relevance:
    """Finds what a snapshot holds of the right answers to questions."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._documents = snapshot.documents
        self._passages = snapshot.passages
        self._standing: dict[str, list[tuple[Place, Passage]]] = defaultdict(list)
        for passage in snapshot.passages:
            own = Place(passage.document_id, passage.start, passage.end)
            for place in (own, *passage.repeated_at):
                self._standing[place.document_id].append((place, passage))

    @cached_property
    def _tokens(self) -> list[list[str]]:
        return [tokenize(passage.text) for passage in self._passages]

    def indexed_as(self, retrieved: RetrievedPassage) -> str:
        """The id under which a passage is indexed; filters may place it where the same is said."""
        found = (retrieved.start, retrieved.end)
        return next(
            passage.id
            for place, passage in self._standing[retrieved.document_id]
            if (place.start, place.end) == found
        )

    def find_evidence(self, question: Question) -> list[Place]:
        """Where the evidence stands: as the set says if this is its corpus, else wherever its
        sentences occur.
        """
        places = question.places
        if places and all(place.document_id in self._documents for place in places):
            return list(places)
        return [place for sentence in question.evidence for place in self._occurrences(sentence)]

    def judge(self, question: Question, evidence: Iterable[Place]) -> dict[str, int]:
        """The relevant passages by id, each of grade 1; or the judged documents, as graded.

        A passage is relevant if it holds at least half of an evidence sentence, there or in a place
        that it stands for; where a question names no evidence, if it holds an accepted answer.
        """
        if question.judgements:
            return question.judgements
        if question.evidence:
            return {
                passage.id: 1
                for span in evidence
                for place, passage in self._standing[span.document_id]
                if 2 * (min(span.end, place.end) - max(span.start, place.start))
                >= span.end - span.start
            }
        wanted = [tokenize(answer) for answer in (*question.answers, *question.required)]
        if not wanted:
            return {}
        return {
            passage.id: 1
            for passage, tokens in zip(self._passages, self._tokens, strict=True)
            if any(contains_tokens(tokens, answer) for answer in wanted)
        }

    def _occurrences(self, sentence: str) -> Iterator[Place]:
        for document in self._documents.values():
            start = document.text.find(sentence)
            while start >= 0:
                yield Place(document.id, start, start + len(sentence))
                start = document.text.find(sentence, start + 1)
