"""Numbers and dates as values: "70 000 m2", "70.000 m²" and "soixante-dix mille mètres carrés"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from text_to_num import alpha2digit

from corpus.language import Language
from corpus.numbers import join_digit_groups

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "janvier january janv jan",
            "février february févr feb",
            "mars march mar",
            "avril april avr apr",
            "mai may",
            "juin june jun",
            "juillet july juil jul",
            "août august aug",
            "septembre september sept sep",
            "octobre october oct",
            "novembre november nov",
            "décembre december déc dec",
        ),
        start=1,
    )
    for name in names.split()
}
"""Numbers of the months by their names and abbreviations, in lower case."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number and its unit, "" where it has none that is known here."""

    number: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class Date:
    """A date, as far as it is given."""

    year: int | None
    month: int | None
    day: int | None


Value = Quantity | Date


def _any_of(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_MONTH = rf"(?P<month>{_any_of(MONTHS)})\b\.?"
_DAY = r"(?P<day>\d{1,2})(?:er|st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"
_DATES = tuple(
    re.compile(rf"(?<![\w.,]){pattern}(?!\w)")
    for pattern in (
        r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})",
        r"(?P<day>\d{1,2})[/.](?P<month>\d{1,2})[/.](?P<year>\d{4})",
        rf"(?:{_DAY}\s(?:of\s)?)?{_MONTH},?\s{_YEAR}",
        rf"{_MONTH}(?:\s{_DAY})?,?\s{_YEAR}",
        rf"{_DAY}\s(?:of\s)?{_MONTH}",
        rf"{_MONTH}\s{_DAY}",
    )
)
_CLOCK = re.compile(r"(?<![\w.,])(?P<hours>\d{1,2})\s?[h:]\s?(?P<minutes>\d{2})(?![\w:])")
# Under these names, for text2num to leave them to us: it makes "2.51000000" of "2.5 million".
_SCALES = {"mio": 10**6, "mrd": 10**9, "k€": 10**3, "m€": 10**6, "md€": 10**9}
_UNITS = {
    unit: name
    for name, units in {
        "%": ("%", "pour cent", "pour 100", "pourcent", "per cent", "percent"),
        "€": ("€", "euro", "euros", "eur", "d’euros", "d'euros", "of euros", "m€", "k€", "md€"),
        "$": ("$", "dollar", "dollars", "de dollars"),
        "£": ("£", "pound", "pounds", "livres sterling"),
        "m2": (
            "m2",
            "mètre carré",
            "mètres carrés",
            "square metre",
            "square metres",
            "square meters",
        ),
        "ha": ("ha", "hectare", "hectares"),
        "km": ("km", "kilomètre", "kilomètres", "kilometre", "kilometres", "kilometers"),
        "m": ("m", "mètre", "mètres", "metre", "metres", "meter", "meters"),
        "kg": ("kg", "kilo", "kilos", "kilogramme", "kilogrammes", "kilograms"),
        "t": ("t", "tonne", "tonnes", "tons"),
        "year": ("an", "ans", "année", "années", "year", "years"),
        "month": ("mois", "month", "months"),
        "week": ("semaine", "semaines", "week", "weeks"),
        "day": ("jour", "jours", "day", "days"),
        "hour": ("heure", "heures", "hour", "hours"),
        "minute": ("minute", "minutes", "min"),
    }.items()
    for unit in units
}
_UNIT = rf"(?:{_any_of(_UNITS)})(?![\w²2])"
_NUMBER = re.compile(
    r"(?P<sign>[€$£])?\s?(?<![\d.,])(?<![^\W\d_]-)(?<![^\W\d_])"
    r"(?P<digits>[1-9]\d{0,2}(?:[.,]\d{3})+(?!\d)|\d+)(?P<part>[.,]\d+)?"
    rf"(?:\s?(?P<scale>{_any_of(_SCALES)})(?!\w))?(?:\s?(?P<unit>{_UNIT}))?"
)

_SMALLEST_WORD = 1.5

_REWRITTEN = tuple(
    (re.compile(pattern), written)
    for pattern, written in (
        (r"(?<=\d)[²³¹⁰-⁹]+", ""),
        (r"(?<=\d)\s?M(?=\s?€|\s?\$|\s?d['’]euros|(?!\w))", " mio"),
        (r"(?<=\d)\s?(?:[Mm]ds?|bn)\b", " mrd"),
    )
)
_REWRITTEN_FOLDED = tuple(
    (re.compile(pattern), written)
    for pattern, written in (
        (r"\s+", " "),
        (r"(?<=[^\W\d_])-(?=[^\W\d_])", " "),
        (r"\bmillions?\b", "mio"),
        (r"\b(?:milliards?|billions?)\b", "mrd"),
        (r"\b(?:une?|an?|one)(?= (?:mio|mrd)\b)", "1"),
        (r"\b(\d+) (mio|mrd) (?:et demie?|and a half)\b", r"\1,5 \2"),
        (r"\bneuf(?= \w+s\b)", "9"),
        (r"\bpremier(?= (?:janv|févr|mars|avr|mai|juin|juil|août|sept|oct|nov|déc))", "1"),
    )
)
# "10 à 15 %" is two shares, "les 4 et 5 mai" two days.
_LINK = r"\s?(?P<link>à|et|ou|au|to|and|or|-|–)\s?"
_SHARED = tuple(
    re.compile(rf"(?<![\w.,])(?P<one>{number}){_LINK}(?P<other>{number})(?P<rest>{rest})")
    for number, rest in (
        (r"\d[\d.,]*", rf"\s?(?:(?:{_any_of(_SCALES)})(?!\w)\s?)?{_UNIT}"),
        (r"\d{1,2}", rf"\s(?:{_any_of(MONTHS)})\b(?:\s\d{{4}}\b)?"),
    )
)


def find_values(text: str, language: Language) -> frozenset[Value]:
    """All numbers and dates of a text, also those written in words.

    "un" and "one" are no numbers here, nor are digits that are part of a name ("CAC40").
    """
    for pattern, written in _REWRITTEN:
        text = pattern.sub(written, text)
    plain = unicodedata.normalize("NFKC", join_digit_groups(text)).lower()
    for pattern, written in _REWRITTEN_FOLDED:
        plain = pattern.sub(written, plain)
    plain = join_digit_groups(in_digits(plain, language))
    for pattern in _SHARED:
        plain = pattern.sub(r"\g<one>\g<rest> \g<link> \g<other>\g<rest>", plain)
    return frozenset(_find(plain))


def in_digits(text: str, language: Language) -> str:
    """The text with numbers from two on in digits, whether they were written in words or not."""
    written: str = alpha2digit(text, language, _SMALLEST_WORD)
    return written


def is_given(value: Value, given: Iterable[Value]) -> bool:
    """Whether a value is among others, of which it may leave something out: the unit of a number,
    the day or the month of a date.
    """
    return any(_leaves_out(value, other) for other in given)


def _find(plain: str) -> Iterator[Value]:
    for pattern in _DATES:
        for match in pattern.finditer(plain):
            found = match.groupdict()
            yield Date(
                int(found["year"]) if found.get("year") else None,
                int(MONTHS.get(found["month"], found["month"])),
                int(found["day"]) if found.get("day") else None,
            )
        plain = pattern.sub(" ", plain)
    for match in _CLOCK.finditer(plain):
        yield Quantity(Decimal(60 * int(match["hours"]) + int(match["minutes"])), "o'clock")
    for match in _NUMBER.finditer(_CLOCK.sub(" ", plain)):
        whole = re.sub(r"[.,]", "", match["digits"])
        number = Decimal(whole + (match["part"] or "").replace(",", "."))
        scale = _SCALES.get(match["scale"] or "", 1)
        unit = match["unit"] or match["sign"] or match["scale"] or ""
        yield Quantity(number * scale, _UNITS.get(unit, ""))


def _leaves_out(value: Value, other: Value) -> bool:
    if isinstance(value, Quantity):
        if isinstance(other, Date):
            return not value.unit and value.number == other.year
        return value.number == other.number and value.unit in ("", other.unit)
    if isinstance(other, Quantity):
        return False
    pairs = zip(
        (value.year, value.month, value.day), (other.year, other.month, other.day), strict=True
    )
    return all(own is None or own == another for own, another in pairs)
