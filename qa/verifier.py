"""The verifier: what an LLM wrote is kept sentence by sentence, where the documents bear it out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np

from corpus import MONTHS, Language, Place, detect_language, find_values, is_given
from index import Embedder, Snapshot, Vectors
from qa.reader import Evidence
from qa.retriever import Hit
from qa.statements import Statement

_SUPPORT = 0.85
"""Least cosine of a statement and what it cites; `tests/qa/test_verifier.py` says what it tells
apart."""

_WORD = re.compile(r"\w+(?:[’'-]\w+)*")
_NEGATION = re.compile(
    r"\b(?:ne|n['’]\w+|pas|jamais|aucune?|rien|personne|ni|not|never|none|neither|nor|without|sans|"
    r"\w+n['’]t|cannot)\b",
    re.IGNORECASE,
)


def verify(
    snapshot: Snapshot, embedder: Embedder, statement: Statement, hits: Sequence[Hit]
) -> tuple[Evidence, ...]:
    """The sentences that bear a statement out; none if it is not supported.

    Each marker must be that of a passage. In each passage that is cited, the sentence nearest in
    meaning is what is cited; one alone, or all together, must hold every number and date, by value,
    and every name of the statement, deny what it denies, and be near enough to it.

    Args:
        snapshot: Where the passages are from.
        embedder: Of the snapshot.
        statement: Its markers count from 1.
        hits: The passages, in the order of the markers.
    """
    if not statement.markers or not all(1 <= m <= len(hits) for m in statement.markers):
        return ()
    vector = embedder.embed_query(statement.text)
    cited = [
        max(_sentences(snapshot, hits[marker - 1], vector), key=lambda evidence: evidence.score)
        for marker in dict.fromkeys(statement.markers)
    ]
    for candidates in (*([evidence] for evidence in cited), cited):
        if _bears_out(snapshot, statement.text, candidates):
            return tuple(candidates)
    return ()


def _sentences(snapshot: Snapshot, hit: Hit, vector: Vectors) -> Iterator[Evidence]:
    cosines = snapshot.sentence_vectors(hit.number) @ vector
    for position, cosine in enumerate(np.asarray(cosines).tolist()):
        yield Evidence(hit, position, {}, position, position, cosine)


def _bears_out(snapshot: Snapshot, statement: str, cited: Sequence[Evidence]) -> bool:
    if max(evidence.score for evidence in cited) < _SUPPORT:
        return False
    quotes = [_quote(snapshot, evidence.place) for evidence in cited]
    contexts = [evidence.passage.context for evidence in cited]
    languages = [snapshot.documents[e.place.document_id].language for e in cited]
    own: Language = detect_language(statement)
    given = [v for q, lang in zip(quotes, languages, strict=True) for v in find_values(q, lang)]
    if not all(is_given(value, given) for value in find_values(statement, own)):
        return False
    known = set(_words("\n".join([*quotes, *contexts])))
    if not all(name in known for name in _names(statement)):
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


def _quote(snapshot: Snapshot, place: Place) -> str:
    return snapshot.documents[place.document_id].text[place.start : place.end]
