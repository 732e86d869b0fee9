"""Near-duplicates: passages that say what an earlier passage says already."""

from __future__ import annotations

import re
import unicodedata
import zlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray

from corpus.numbers import join_digit_groups
from corpus.passages import Passage

_WORD = re.compile(r"\w+")
_SHINGLE = 3
_SIMILAR = 0.8
_BANDS = 8
_ROWS = 2
# Words that stand on their own: a shorter passage depends on the title of its document.
_OWN_WORDS = 20
_SAME_STEM = 0.75
# What two texts must have alike to say the same, besides numbers and names.
_TELLING = frozenset(
    """
    ne n pas non ni jamais aucun aucune sans sauf plus moins peu not no never nor none without
    except more less few only seul seule seulement
    deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize
    vingt trente quarante cinquante soixante cent cents mille million millions milliard milliards
    dizaine douzaine quinzaine vingtaine trentaine quarantaine cinquantaine centaine millier
    two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred
    thousand billion premier première second seconde deuxième troisième first third
    janvier février mars avril mai juin juillet août septembre octobre novembre décembre lundi mardi
    mercredi jeudi vendredi samedi dimanche january february march april may june july august
    september october november december monday tuesday wednesday thursday friday saturday sunday
    """.split()
)
# Fixed odd multipliers and offsets, one pair for each of the hash functions of MinHash.
_RANDOM = np.random.default_rng(20201204)
_MULTIPLIERS = _RANDOM.integers(1, 2**32, (_BANDS * _ROWS, 1), dtype=np.uint64) | np.uint64(1)
_OFFSETS = _RANDOM.integers(0, 2**32, (_BANDS * _ROWS, 1), dtype=np.uint64)
_MASK = np.uint64(0xFFFFFFFF)


class NearDuplicates:
    """Finds, among passages handed over one by one, those that repeat an earlier one.

    A passage is a near-duplicate of an earlier one if both have the same headings, numbers,
    capitalised words, negations and words for quantities, at least 80 % of their word trigrams in
    common (Jaccard), and no word of one replaced by another one: an edit that changes what is said
    is no repeat. Candidates come from MinHash with locality-sensitive hashing (Broder, "On the
    resemblance and containment of documents", 1997; Indyk and Motwani, 1998): 8 bands of 2 rows,
    which miss a pair at 80 % three times in ten thousand.

    It keeps 64 bytes a passage; texts are asked for again where two are compared.
    """

    def __init__(self) -> None:
        self._bands = array("Q")

    def add(self, passage: Passage, title: str) -> None:
        """Hand over the next passage, with the title of its document."""
        words = _words(passage.text)
        said = _telling(passage.text)
        key = [passage.heading, *(f"{word} {count}" for word, count in sorted(said.items()))]
        if len(words) < _OWN_WORDS:
            key.append(title)
        salt = zlib.crc32("\n".join(key).encode())
        hashes = np.fromiter((zlib.crc32(s.encode()) for s in _shingles(words)), np.uint64)
        smallest = ((hashes * _MULTIPLIERS + _OFFSETS) & _MASK).min(axis=1)
        for band in smallest.reshape(_BANDS, _ROWS).tolist():
            self._bands.append((band[0] << 32 | band[1]) ^ (salt << 16))

    def resolve(self, text_of: Callable[[int], str]) -> NDArray[np.int64]:
        """For each passage, the number of the first one that it repeats, or -1.

        The one it repeats is not a repeat itself. Shape (number of passages,).

        Args:
            text_of: Gives the text of a passage by its number.
        """
        bands = np.frombuffer(self._bands, np.uint64).reshape(-1, _BANDS)
        groups = np.zeros(bands.shape, np.int64)
        shared = np.zeros(bands.shape, bool)
        for band in range(_BANDS):
            _, groups[:, band], counts = np.unique(
                bands[:, band], return_inverse=True, return_counts=True
            )
            shared[:, band] = counts[groups[:, band]] > 1
        same_as = np.full(len(bands), -1, np.int64)
        kept: dict[tuple[int, int], list[int]] = defaultdict(list)
        for number in np.flatnonzero(shared.any(axis=1)).tolist():
            own = [(b, int(groups[number, b])) for b in np.flatnonzero(shared[number]).tolist()]
            candidates = sorted({holder for place in own for holder in kept[place]})
            text = text_of(number) if candidates else ""
            holder = next((c for c in candidates if says_the_same(text_of(c), text)), None)
            if holder is not None:
                same_as[number] = holder
            else:
                for place in own:
                    kept[place].append(number)
        return same_as


def says_the_same(one: str, other: str) -> bool:
    """Whether two texts say the same but for signs, small words and typing errors."""
    first, second = _words(one), _words(other)
    if first == second:
        return _telling(one) == _telling(other)
    a, b = _shingles(first), _shingles(second)
    if len(a & b) < _SIMILAR * len(a | b) or _telling(one) != _telling(other):
        return False
    gone, come = Counter(first) - Counter(second), Counter(second) - Counter(first)
    return not (gone and come) or all(
        any(_alike(word, new) for new in come) for word in gone if len(word) > _SHINGLE
    )


def _alike(one: str, other: str) -> bool:
    return SequenceMatcher(None, one, other).ratio() >= _SAME_STEM


def _words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", join_digit_groups(text)).lower()
    return _WORD.findall(folded)


def _telling(text: str) -> Counter[str]:
    """Its numbers, capitalised words (but for the first) and telling words, with their counts."""
    words = _WORD.findall(unicodedata.normalize("NFKC", join_digit_groups(text)))
    return Counter(
        word.lower()
        for i, word in enumerate(words)
        if any(c.isdigit() for c in word)
        or (i > 0 and word[0].isupper())
        or word.lower() in _TELLING
    )


def _shingles(words: list[str]) -> set[str]:
    """Runs of three words; of a shorter text, all of it."""
    count = max(1, len(words) - _SHINGLE + 1)
    return {" ".join(words[i : i + _SHINGLE]) for i in range(count)}
