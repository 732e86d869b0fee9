"""The short answer: the few words of the evidence that a hurried reader wants.

Questions for a number or a date have a shape that rules can find; for any other question the
sentence itself is the shortest answer that is certain to be whole.
"""

from __future__ import annotations

import re

from corpus import DIGIT_GROUPS, Span
from index import terms

_SPACE = r"[ \u00a0\u202f]"
_WORDS = (
    r"(?:deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|quinze|seize|vingt|trente|"
    r"quarante|cinquante|soixante|cent|mille|two|three|four|five|six|seven|eight|nine|ten|"
    r"(?:une )?(?:dizaine|douzaine|vingtaine|trentaine|quarantaine|cinquantaine|centaine|millier))"
)
_DIGITS = rf"{DIGIT_GROUPS}|(?<![\d.,])\d+(?:[.,]\d+)*"
_NUMBER = re.compile(
    rf"(?:(?:plus|moins|près|more|less|fewer) (?:de |d’|d'|than )|environ |about |around |over )?"
    rf"(?<![\w-])(?:{_DIGITS}|{_WORDS})(?![\w-])"
    rf"(?:{_SPACE}?%|{_SPACE}(?:millions?|milliards?|billions?)"
    rf"(?:{_SPACE}(?:d’|d'|de |of )?\w+)?)?",
    re.IGNORECASE,
)
_MONTH = (
    r"(?:janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre|"
    r"January|February|March|April|May|June|July|August|September|October|November|December)"
)
_DATE = re.compile(
    rf"(?:(?:\d{{1,2}}|1er){_SPACE})?{_MONTH}(?:{_SPACE}\d{{1,2}},)?{_SPACE}\d{{4}}"
    rf"|(?:\d{{1,2}}|1er){_SPACE}{_MONTH}"
)
_YEAR = re.compile(r"(?<!\d)(?:1[5-9]|20)\d\d(?!\d)")
_ASKS_NUMBER = re.compile(
    r"\b(?:combien|how (?:many|much)|quel(?:le)? (?:part|proportion|pourcentage|nombre|surface|"
    r"montant|budget)|what (?:share|percentage|proportion|number))\b",
    re.IGNORECASE,
)
_ASKS_SHARE = re.compile(r"\b(?:part|proportion|pourcentage|share|percentage)\b", re.IGNORECASE)
_ASKS_DATE = re.compile(
    r"^\W*(?:depuis |since )?(?:quand|when)\b|\b(?:quand|when)\W*$"
    r"|\b(?:quelle (?:date|année)|what (?:date|year)|which year)\b",
    re.IGNORECASE,
)
_UNIT = re.compile(
    rf"{_SPACE}?(?:[kcm]?m[²2³3]?|ha|[kM]?€|\$)(?!\w)"
    rf"|{_SPACE}(?:grande?s? )?[^\W\d_][\w-]{{2,}}(?![\w’'])"
)


def find_short_answer(question: str, language: str, text: str, evidence: Span) -> Span:
    """The span of the short answer inside the evidence sentence `text[start:end]`.

    For a number, the one whose next words the question names; else the first one in digits; else
    the first one. The word after it comes with it, as its unit.
    """
    start, end = evidence
    sentence = text[start:end]
    if _ASKS_DATE.search(question):
        match = _DATE.search(sentence) or _YEAR.search(sentence)
        if match:
            return start + match.start(), start + match.end()
    elif _ASKS_NUMBER.search(question):
        asked = set(terms(question, language))
        found: list[tuple[bool, bool, int, int]] = []
        for match in _NUMBER.finditer(sentence):
            percentage = match.group().endswith("%")
            if _ASKS_SHARE.search(question) and not percentage:
                continue
            unit = None if percentage else _UNIT.match(sentence, match.end())
            named = unit is not None and bool(asked & set(terms(unit.group(), language)))
            digits = any(character.isdigit() for character in match.group())
            last = unit.end() if unit else match.end()
            found.append((named, digits, -match.start(), last))
        if found:
            _, _, first, last = max(found)
            return start - first, start + last
    return evidence
