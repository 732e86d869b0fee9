"""Lexical retrieval: text to terms, and BM25 over them."""

from __future__ import annotations

import logging
import math
import re
import unicodedata
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import Stemmer
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

from corpus import join_digit_groups

Ints = NDArray[np.integer[Any]]

# bm25s sets its own logger to DEBUG when it is imported.
logging.getLogger("bm25s").setLevel(logging.WARNING)

_WORD = re.compile(r"\w+")
_K1, _B = 0.9, 0.4
_ERRORS = (5, 9)
_SLICE = 500_000
_STEMMERS = {"fr": "french", "en": "english"}
STOP_WORDS = frozenset(
    """
    a à afin ai ainsi après au aucun aujourd aussi autre aux avait avec avoir c ce ceci cela celle
    celles celui ces cet cette ceux chez ci comme comment combien d dans de depuis des donc dont du
    elle elles en encore entre es est et étaient était étant été être eu eux fait faut furent fut
    hui il ils j je jusqu l la le lequel laquelle les lesquels lesquelles leur leurs lors lorsqu lui
    là m ma mais me mes moi mon n ne ni nos notre nous on ont or ou où par parce pas peu peut plus
    pour pourquoi puisqu quand que quel quelle quelles quels qui quoi quoiqu qu s sa sans se selon
    sera ses si soit son sont sous sur t ta te tes toi ton tous tout toute toutes très tu un une vos
    votre vous y about after all also an and any are as at be been before being between but by can
    could did do does during for from had has have he her his how i if in into is it its many me
    more most much my no not of on or our she so some such than that the their them then there these
    they this those through to under up was we were what when where which while who whom whose why
    will with would you your
    """.split()
)


def terms(text: str, language: str) -> list[str]:
    """The index terms of a text, in order, with repeats.

    Lower case; parted at apostrophes ("l'Inserm"); digit groups joined ("1 600" is "1600"); stop
    words dropped, what elision leaves of them too; stemmed with Snowball for the language (French
    unless it is `en`); accents stripped last, since the French stemmer needs them.
    """
    return [_stem(word, language) for word in _words(text)]


class LexicalIndex:
    """Okapi BM25 over the terms of texts (Robertson and Zaragoza, "The Probabilistic Relevance
    Framework: BM25 and Beyond", 2009) with k1 = 0.9, b = 0.4, in Lucene's form:

        score(q, d) = sum over t in q of idf(t) · tf / (tf + k1 · (1 - b + b · |d| / mean |d|))
        idf(t) = ln(1 + (N - df(t) + 0.5) / (df(t) + 0.5))
    """

    def __init__(self, bm25: bm25s.BM25) -> None:
        self._bm25 = bm25
        self._vocabulary: dict[str, int] = bm25.vocab_dict
        self._size = int(bm25.scores["num_docs"])
        self._document_frequency = np.diff(bm25.scores["indptr"])

    @classmethod
    def load(cls, directory: Path) -> LexicalIndex:
        return cls(bm25s.BM25.load(directory, mmap=True, show_progress=False))

    def __len__(self) -> int:
        return self._size

    def weigh(self, query: str) -> dict[str, float]:
        """The terms of a query, whichever its language, with their idf.

        Where a word has another stem in French than in English, the one that the texts know is
        taken. For a word that they do not know, the term nearest to it in spelling stands in; if
        there is none, it keeps the highest idf there is.
        """
        weights: dict[str, float] = {}
        for word in _words(query):
            stems = list(dict.fromkeys(_stem(word, language) for language in _STEMMERS))
            known = [stem for stem in stems if stem in self._vocabulary]
            for stem in known or [self._nearest(stems)]:
                weights[stem] = self._idf(stem)
        return weights

    def _nearest(self, stems: Sequence[str]) -> str:
        """The commonest of the terms that one typing error (two, if it is long) parts from one of
        the stems of an unknown word; the first of these if there are none.
        """
        for allowed in range(1, len(_ERRORS) + 1):
            near = [
                found
                for stem in stems
                if stem.isalpha() and len(stem) >= _ERRORS[allowed - 1]
                for length in range(len(stem) - allowed, len(stem) + allowed + 1)
                for found, _, _ in process.extract_iter(
                    stem, self._by_length.get(length, ()), scorer=OSA.distance, score_cutoff=allowed
                )
            ]
            if near:
                return min(near, key=lambda found: (self._idf(found), found))
        return stems[0]

    @cached_property
    def _by_length(self) -> dict[int, list[str]]:
        lengths: dict[int, list[str]] = defaultdict(list)
        for term in self._vocabulary:
            lengths[len(term)].append(term)
        return lengths

    def coverage(self, weights: Mapping[str, float]) -> NDArray[np.float32]:
        """How much of a weighed query each text covers: BM25 over the sum of the idfs.

        0 where no term occurs, below 1 always, and comparable from one query to another. Shape
        (number of texts,).
        """
        known = [term for term in weights if term in self._vocabulary]
        if not known:
            return np.zeros(self._size, np.float32)
        scores: NDArray[np.float32] = self._bm25.get_scores(known)
        return scores / np.float32(sum(weights.values()))

    def _idf(self, term: str) -> float:
        token = self._vocabulary.get(term)
        frequency = 0 if token is None else int(self._document_frequency[token])
        return math.log(1 + (self._size - frequency + 0.5) / (frequency + 0.5))


class LexicalWriter:
    """Writes the index of texts handed over one by one; holds their vocabulary and lengths only.

    Postings go to a scratch file in the order of the texts, and from there, slice by slice, to
    their place in the order of the terms.
    """

    def __init__(self, scratch: Path) -> None:
        """`scratch`: an empty directory for files that are needed until `save` returns."""
        self._scratch = scratch
        self._postings = (scratch / "postings").open("w+b")
        self._ids: dict[str, int] = {}
        self._lengths = array("i")
        self._postings_count = array("i")

    def add(self, text: str, language: str) -> None:
        """Index the next text; its number is how many came before it."""
        found = terms(text, language)
        counts = Counter(found)
        rows = [(self._ids.setdefault(t, len(self._ids)), n) for t, n in counts.items()]
        self._postings.write(np.asarray(rows, np.int32).tobytes())
        self._lengths.append(len(found))
        self._postings_count.append(len(rows))

    def save(self, directory: Path) -> None:
        """Write the index, in the format of bm25s."""
        if not self._ids:
            # No text has a term; bm25s refuses to load an index without postings.
            self._ids[""] = 0
            self._postings.write(np.asarray([(0, 1)], np.int32).tobytes())
            self._postings_count[0] = 1
        self._postings.flush()
        # Sorted, so that the same texts give the same files.
        vocabulary = {term: number for number, term in enumerate(sorted(self._ids))}
        order = np.asarray([vocabulary[term] for term in self._ids], np.int32)
        frequency = np.zeros(len(order), np.int64)
        for _, found, _ in self._slices(order):
            frequency += np.bincount(found, minlength=len(order))
        size = len(self._lengths)
        idf = np.log(1 + (size - frequency + 0.5) / (frequency + 0.5)).astype(np.float32)
        lengths = np.asarray(self._lengths, np.float32)
        norms = _K1 * (1 - _B + _B * lengths / max(float(lengths.mean()), 1.0))
        indptr = np.concatenate([[0], np.cumsum(frequency)])
        total = int(indptr[-1])
        data = np.memmap(self._scratch / "data", np.float32, "w+", shape=(total,))
        indices = np.memmap(self._scratch / "indices", np.int32, "w+", shape=(total,))
        free = indptr[:-1].copy()
        for numbers, found, counts in self._slices(order):
            by_term = np.argsort(found, kind="stable")
            found, numbers, counts = found[by_term], numbers[by_term], counts[by_term]
            present, first, lengths_of_runs = np.unique(
                found, return_index=True, return_counts=True
            )
            within = np.arange(len(found)) - np.repeat(first, lengths_of_runs)
            places = free[found] + within
            data[places] = idf[found] * (counts / (counts + norms[numbers]))
            indices[places] = numbers
            free[present] += lengths_of_runs
        bm25 = bm25s.BM25(method="lucene", k1=_K1, b=_B)
        bm25.scores = {"data": data, "indices": indices, "indptr": indptr, "num_docs": size}
        bm25.vocab_dict = vocabulary
        bm25.nonoccurrence_array = None
        bm25.save(directory, show_progress=False)
        self._postings.close()

    def _slices(self, order: NDArray[np.int32]) -> Iterator[tuple[Ints, Ints, Ints]]:
        """The postings slice by slice: numbers of texts, terms, and how often they occur."""
        per_text = np.asarray(self._postings_count, np.int64)
        self._postings.seek(0)
        first = 0
        while first < len(per_text):
            reach = np.searchsorted(np.cumsum(per_text[first:]), _SLICE, side="right")
            last = first + max(1, int(reach))
            count = int(per_text[first:last].sum())
            rows = np.frombuffer(self._postings.read(count * 8), np.int32).reshape(-1, 2)
            numbers = np.repeat(np.arange(first, last), per_text[first:last])
            yield numbers, order[rows[:, 0]], rows[:, 1]
            first = last


def _words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", join_digit_groups(text)).lower()
    return [w for w in _WORD.findall(folded) if w not in STOP_WORDS]


@lru_cache(maxsize=100_000)
def _stem(word: str, language: str) -> str:
    stem = _stemmer("en" if language == "en" else "fr").stemWord(word)
    return "".join(c for c in unicodedata.normalize("NFD", stem) if not unicodedata.combining(c))


@cache
def _stemmer(language: str) -> Stemmer.Stemmer:
    return Stemmer.Stemmer(_STEMMERS[language])
