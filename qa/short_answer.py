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

    For a number, the one whose next words the question names, with them, or else the only one there
    is. Where there are several and none is named, the sentence: a wrong number is worse than a long
    answer.
    """
    start, end = evidence
    sentence = text[start:end]
    dates = [match.span() for match in _DATE.finditer(sentence)]
    if _ASKS_DATE.search(question):
        year = _YEAR.search(sentence)
        found = [*dates, *([year.span()] if year else [])][:1]
    elif _ASKS_NUMBER.search(question):
        asked = set(terms(question, language))
        share = bool(_ASKS_SHARE.search(question))
        named, found = [], []
        for match in _NUMBER.finditer(sentence):
            percentage = match.group().endswith("%")
            in_date = any(a < match.end() and match.start() < b for a, b in dates)
            if in_date or (share and not percentage):
                continue
            unit = None if percentage else _UNIT.match(sentence, match.end())
            last = unit.end() if unit else match.end()
            found.append((match.start(), last))
            if unit and asked & set(terms(unit.group(), language)):
                named.append((match.start(), last))
        found = named[:1] or found
    else:
        found = []
    return (start + found[0][0], start + found[0][1]) if len(found) == 1 else evidence
