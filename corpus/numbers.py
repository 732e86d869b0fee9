"""Numbers as people write them: digits in groups of three."""

from __future__ import annotations

import re

DIGIT_GROUPS = r"(?<!\d)\d{1,3}(?:[ \u00a0\u202f\u2009]\d{3})+(?!\d)"
"""A pattern for a number whose digits are grouped by spaces, as in "1 600" or "70 000"."""

_GROUPED = re.compile(DIGIT_GROUPS)


def join_digit_groups(text: str) -> str:
    """Write "1 600" as "1600", whichever space stands in it; "en 2024 150" stays as it is."""
    return _GROUPED.sub(lambda match: re.sub(r"\s", "", match.group()), text)
