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
    month: number
    for months in (
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "january february march april may june july august september october november december",
    )
    for number, month in enumerate(months.split(), start=1)
}
_MONTH = rf"(?P<month>{'|'.join(MONTHS)})"
_DAY = r"(?P<day>\d{1,2})(?:er|st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"
_DATES = tuple(
    re.compile(rf"(?<![\w.]){pattern}(?!\w)")
    for pattern in (
        r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})",
        r"(?P<day>\d{1,2})/(?P<month>\d{1,2})/(?P<year>\d{4})",
        rf"(?:{_DAY}\s(?:of\s)?)?{_MONTH}\s{_YEAR}",
        rf"{_MONTH}(?:\s{_DAY})?,?\s{_YEAR}",
        rf"{_DAY}\s(?:of\s)?{_MONTH}",
        rf"{_MONTH}\s{_DAY}",
    )
)
# Under these names, for text2num to leave them to us: it makes "2.51000000" of "2.5 million".
_SCALES = {"mio": 10**6, "mrd": 10**9, "k€": 10**3, "m€": 10**6, "md€": 10**9}
_MILLIONS = re.compile(r"\bmillions?\b")
_MILLIARDS = re.compile(r"\b(?:milliards?|billions?)\b")
_ONE = re.compile(r"\b(?:une?|an?|one)(?= (?:mio|mrd)\b)")
_UNITS = {
    unit: name
    for name, units in {
        "%": ("%", "pour cent", "pour 100", "pourcent", "per cent", "percent"),
        "€": ("€", "euro", "euros", "eur", "d’euros", "d'euros", "of euros", "m€", "k€", "md€"),
        "$": ("$", "dollar", "dollars", "de dollars"),
        "m2": (
            "m2",
            "mètre carré",
            "mètres carrés",
            "metres carres",
            *tuple(f"square {metre}" for metre in ("metre", "metres", "meter", "meters")),
        ),
        "ha": ("ha", "hectare", "hectares"),
        "km": ("km", "kilomètre", "kilomètres", "kilometre", "kilometres", "kilometers"),
        "m": ("m", "mètre", "mètres", "metre", "metres", "meter", "meters"),
        "year": ("an", "ans", "année", "années", "year", "years"),
        "month": ("mois", "month", "months"),
        "day": ("jour", "jours", "day", "days"),
    }.items()
    for unit in units
}


def _any_of(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_NUMBER = re.compile(
    r"(?P<sign>[€$])?\s?(?<![\w.,])(?<![^\W\d]-)(?P<digits>\d{1,3}(?:[.,]\d{3})+(?!\d)|\d+)(?P<part>[.,]\d+)?"
    rf"(?:\s?(?P<scale>{_any_of(_SCALES)})(?!\w))?"
    rf"(?:\s?(?P<unit>{_any_of(_UNITS)})(?![\w²2]))?"
)


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


def find_values(text: str, language: Language) -> frozenset[Value]:
    """All numbers and dates of a text, also those written in words."""
    folded = unicodedata.normalize("NFKC", join_digit_groups(text)).lower()
    named = _MILLIARDS.sub("mrd", _MILLIONS.sub("mio", re.sub(r"\s+", " ", folded)))
    plain = alpha2digit(_ONE.sub("1", named), language)
    return frozenset(_find(join_digit_groups(plain)))


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
    for match in _NUMBER.finditer(plain):
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
