"""The verifier: what an LLM wrote is kept sentence by sentence, where the documents bear it out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from corpus import MONTHS, Value, detect_language, find_values, is_given
from index import Embedder, Snapshot
from qa.reader import Evidence
from qa.reranker import Reranker
from qa.retriever import Hit
from qa.statements import Statement

_SAME_COSINE = 0.85

_WORD = re.compile(r"\w+(?:[’'-]\w+)*")
_NEGATION = re.compile(
    r"\b(?:ne|n['’]\w+|pas|jamais|aucune?|rien|personne|ni|not|never|none|neither|nor|without|sans|"
    r"\w+n['’]t|cannot)\b",
    re.IGNORECASE,
)


class Verifier:
    """Tells what the documents bear out. Safe to call from several threads."""

    def __init__(self, snapshot: Snapshot, embedder: Embedder, reranker: Reranker | None) -> None:
        """Args:
        snapshot: Where the passages are from.
        embedder: Of the snapshot.
        reranker: The judge; without one, the cosines of sentences decide.
        """
        self._snapshot = snapshot
        self._embedder = embedder
        self._reranker = reranker

    def verify(self, statement: Statement, hits: Sequence[Hit]) -> tuple[Evidence, ...]:
        """The sentences that bear a statement out; none if it is not supported.

        Each marker must be that of a passage. Of each passage that is cited, the sentence that
        supports the statement most is its citation. One of them alone, or all together, must
        support it, hold every number and date, by value, and every name in it, and deny what it
        denies.

        Args:
            statement: Its markers count from 1.
            hits: The passages, in the order of the markers.
        """
        if not statement.markers or not all(1 <= m <= len(hits) for m in statement.markers):
            return ()
        cited = [
            self._best_sentence(statement.text, hits[marker - 1])
            for marker in dict.fromkeys(statement.markers)
        ]
        for candidates in (*([evidence] for evidence in cited), cited):
            if self._bears_out(statement.text, candidates):
                return tuple(candidates)
        return ()

    def _best_sentence(self, statement: str, hit: Hit) -> Evidence:
        if self._reranker is not None:
            support = list(self._reranker.support(statement, hit.passage))
        else:
            vector = self._embedder.embed_query(statement)
            cosines = self._snapshot.sentence_vectors(hit.number) @ vector
            support = (cosines - _SAME_COSINE).tolist()
        best = support.index(max(support))
        return Evidence(hit, best, {}, best, best, support[best])

    def _bears_out(self, statement: str, cited: Sequence[Evidence]) -> bool:
        if max(evidence.score for evidence in cited) <= 0:
            return False
        quotes: list[str] = []
        given: list[Value] = []
        for evidence in cited:
            place = evidence.place
            document = self._snapshot.documents[place.document_id]
            quotes.append(document.text[place.start : place.end])
            given += find_values(quotes[-1], document.language)
        values = find_values(statement, detect_language(statement))
        if not all(is_given(value, given) for value in values):
            return False
        contexts = [evidence.passage.context for evidence in cited]
        known = set(_words("\n".join([*quotes, *contexts])))
        if not known.issuperset(_names(statement)):
            return False
        return _denies(statement) == any(map(_denies, quotes))


def _names(text: str) -> Iterator[str]:
    """Words with a capital letter, except where a sentence begins, and without numbers."""
    for match in _WORD.finditer(text):
        word = match.group()
        begins = not text[: match.start()].strip(" «“\"'(")
        inner = word[1:] != word[1:].lower()
        if (inner or (word[0].isupper() and not begins)) and not any(c.isdigit() for c in word):
            yield from (w for w in _words(word) if len(w) > 1 and w not in MONTHS)


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return re.findall(r"\w+", plain)


def _denies(text: str) -> bool:
    return _NEGATION.search(text) is not None
