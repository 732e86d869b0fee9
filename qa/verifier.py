"""The verifier: what an LLM wrote is kept sentence by sentence, where the documents bear it out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from corpus import MONTHS, Value, detect_language, find_values, in_digits, is_given
from index import Embedder, Snapshot
from qa.reader import Evidence
from qa.reranker import Reranker
from qa.retriever import Hit
from qa.statements import Statement

_SAME_COSINE = 0.85
_MOST_CHARACTERS = 500
_MOST_MARKERS = 3
_ALIKE = 4

_WORD = re.compile(r"\w+(?:[’'-]\w+)*")
_ONLY = re.compile(r"\b(?:ne\s|n['’])\w+\s+qu(?:e\b|['’])", re.IGNORECASE)
_DENIAL = re.compile(
    r"\b(?:ne|n['’]\w+|pas|jamais|aucune?|nulle?|rien|ni|non|sans|not|never|none|nobody|nothing|"
    r"neither|nor|without|cannot|\w+n['’]t|no(?!\.|\s*\d))\b",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"://|\bwww\.|<")
# Capitalised without being names of anything that a document would have to mention.
_NO_NAMES = frozenset(
    """
    lundi mardi mercredi jeudi vendredi samedi dimanche monday tuesday wednesday thursday friday
    saturday sunday pr dr mr mrs ms mme professor professeur docteur doctor french english français
    française anglais anglaise
    le la les un une des du de au aux ce cet cette ces il elle ils elles on nous vous leur leurs son
    sa ses notre nos en dans sur sous par pour avec sans selon depuis après avant pendant lors entre
    vers chez plus moins environ près tous toutes tout toute chaque plusieurs certains certaines
    quatre trois deux cinq six sept huit neuf dix parmi grâce ainsi aussi enfin puis ensuite
    aujourd hui actuellement notamment cela ceci celui celle ceux celles et mais ou car donc si
    the an this that these those it he she they we you its his her their our in on at by for with
    from to of as and but or so if more less about around over under nearly almost all both each
    every some several many most two three four five six seven eight nine ten there here today
    currently according after before since during between among when while where who what which
    yes oui non no not one its both
    """.split()
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
        markers = dict.fromkeys(statement.markers)
        if not markers or len(markers) > _MOST_MARKERS or len(statement.text) > _MOST_CHARACTERS:
            return ()
        if not all(1 <= marker <= len(hits) for marker in markers):
            return ()
        cited = [self._best_sentence(statement.text, hits[marker - 1]) for marker in markers]
        supporting = [evidence for evidence in cited if evidence.score > 0]
        for candidates in (*([evidence] for evidence in supporting), supporting):
            if self._bears_out(statement.text, candidates):
                return tuple(candidates)
        return ()

    def _best_sentence(self, statement: str, hit: Hit) -> Evidence:
        if self._reranker is not None:
            # Most documents write numbers in digits, and so does the judge know them.
            written = in_digits(statement, detect_language(statement))
            support = list(self._reranker.support(written, hit.passage))
        else:
            vector = self._embedder.embed_query(statement)
            cosines = self._snapshot.sentence_vectors(hit.number) @ vector
            support = (cosines - _SAME_COSINE).tolist()
        best = support.index(max(support))
        return Evidence(hit, best, {}, best, best, support[best])

    def _bears_out(self, statement: str, cited: Sequence[Evidence]) -> bool:
        quotes: list[str] = []
        given: list[Value] = []
        languages = set()
        for evidence in cited:
            place = evidence.place
            document = self._snapshot.documents[place.document_id]
            languages.add(document.language)
            quotes.append(document.text[place.start : place.end])
            given += find_values(quotes[-1], "fr") | find_values(quotes[-1], "en")
        own = detect_language(statement)
        if not cited or not all(is_given(value, given) for value in find_values(statement, own)):
            return False
        quoted = "\n".join([*quotes, *(evidence.passage.context for evidence in cited)])
        if _ADDRESS.search(statement) and not _ADDRESS.search(quoted):
            return False
        known = set(_words(quoted))
        if own not in languages:
            # Names are spelt a little differently: "Ministry", "ministère".
            known |= {word[:_ALIKE] for word in known}
            names = {name if name in known else name[:_ALIKE] for name in _names(statement)}
        else:
            names = set(_names(statement))
        return names <= known and _denies(statement) == any(map(_denies, quotes))


def _names(text: str) -> Iterator[str]:
    """Words with a capital letter or a digit among letters, that are no common ones."""
    for match in _WORD.finditer(text):
        word = match.group()
        mixed = any(c.isdigit() for c in word) and any(c.isalpha() for c in word)
        if mixed or word != word.lower():
            for part in _words(word):
                if len(part) > 1 and not part.isdigit() and part not in _NO_NAMES | MONTHS.keys():
                    yield part


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return re.findall(r"\w+", plain)


def _denies(text: str) -> bool:
    return _DENIAL.search(_ONLY.sub("", text)) is not None
