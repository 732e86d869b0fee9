"""The short answer: the few words of the evidence that a hurried reader wants.

The cross-encoders find them. Without those, rules find what answers a question for a number or a
date; for any other question the sentence itself is the shortest answer that is certain to be whole.
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


_WHOLE = re.compile(rf"(?:{_DIGITS})[^\W\d_]*|[^\W_]+")
_EDGES = " \t\n\u00a0\u202f.,;:!?…*_"
_BRACKETS = (("(", ")"), ("[", "]"), ("«", "»"), ("“", "”"), ('"', '"'))


def find_short_answer(question: str, language: str, text: str, evidence: Span) -> Span:
    """The span of the short answer inside the evidence sentence `text[start:end]`.

    The one number or date that answers (see `find_figures`); a date with its month before a bare
    year. Where there are several, the sentence: a wrong number is worse than a long answer.
    """
    values = find_figures(question, language, text, evidence)
    if _ASKS_DATE.search(question):
        values = [span for span in values if not text[slice(*span)].isdigit()] or values
    return values[0] if len(values) == 1 else evidence


def tidy(text: str, within: Span, span: Span) -> Span:
    """The span without spaces and punctuation at its ends, no word or number cut, and no bracket
    or quotation mark left alone at an end.
    """
    start, end = within
    sentence = text[start:end]
    first, last = span[0] - start, span[1] - start
    while first < last and sentence[first] in _EDGES:
        first += 1
    while last > first and sentence[last - 1] in _EDGES:
        last -= 1
    for match in _WHOLE.finditer(sentence):
        if match.start() < last and first < match.end():
            first, last = min(first, match.start()), max(last, match.end())
    for opening, closing in _BRACKETS:
        found = sentence[first:last]
        if opening in found and closing not in found and sentence.startswith(closing, last):
            last += len(closing)
        elif found.startswith(opening) and closing not in found[1:]:
            first += 1
        elif found.endswith(closing) and opening not in found[:-1]:
            last -= 1
    while first < last and sentence[first] in _EDGES:
        first += 1
    while last > first and sentence[last - 1] in _EDGES:
        last -= 1
    return (start + first, start + last) if first < last else within


def name_counted(question: str, language: str, text: str, evidence: Span, span: Span) -> Span:
    """The span, with what is counted if it is a number and the question names that: to "how many
    people?", not "1,600" but "1,600 people".
    """
    if _ASKS_DATE.search(question):
        return span
    start, end = span
    figures = find_figures(question, language, text, evidence, named_only=True)
    return next((f for f in figures if f[0] <= start and end <= f[1]), span)


def asks_for_figure(question: str) -> bool:
    """Whether a question asks for a number or a date."""
    return bool(_ASKS_DATE.search(question) or _ASKS_NUMBER.search(question))


def find_figures(
    question: str, language: str, text: str, evidence: Span, *, named_only: bool = False
) -> list[Span]:
    """The spans in a sentence that could answer a question for a number or a date.

    For a date, all there are. For a number, those whose next words the question names, with them,
    or else, unless `named_only`, all. None if the question asks for neither.
    """
    start, end = evidence
    sentence = text[start:end]
    dates = [match.span() for match in _DATE.finditer(sentence)]
    if _ASKS_DATE.search(question):
        years = [match.span() for match in _YEAR.finditer(sentence)]
        alone = [y for y in years if not any(a <= y[0] and y[1] <= b for a, b in dates)]
        found = sorted([*dates, *alone])
    elif _ASKS_NUMBER.search(question):
        named, every = _numbers(sentence, dates, language, question)
        found = named if named or named_only else every
    else:
        found = []
    return [(start + first, start + last) for first, last in found]


def _numbers(
    sentence: str, dates: list[Span], language: str, question: str
) -> tuple[list[Span], list[Span]]:
    """The numbers of a sentence that the question names, and all of them."""
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
    return named, found
