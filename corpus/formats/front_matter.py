"""Front matter: what a text file says of itself in YAML, between two rules at its beginning."""

from __future__ import annotations

import re

import yaml

from corpus.content import ContentError

_FRONT_MATTER = re.compile(r"---[ \t]*\r?\n(.*?\r?\n)?---[ \t]*(?:\r?\n|\Z)", re.DOTALL)


def split_front_matter(content: str) -> tuple[dict[str, str], str]:
    """Split a text into its fields, those without a value left out, and what follows them.

    Raises:
        ContentError: The front matter is not YAML, or a field is neither a text nor a list of them.
    """
    match = _FRONT_MATTER.match(content)
    if not match:
        return {}, content
    try:
        # The base loader leaves every value as it is written: a date is no reason to fail.
        fields = yaml.load(match.group(1) or "", Loader=yaml.BaseLoader)  # noqa: S506
    except (yaml.YAMLError, RecursionError) as error:
        raise ContentError(f"its front matter is not valid YAML: {error}") from error
    if fields and not isinstance(fields, dict):
        # Not fields but a text that begins with a rule.
        return {}, content
    plain = {}
    for key, value in (fields or {}).items():
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(item, str) for item in values):
            raise ContentError(
                f"its front matter has a {key!r} that is not a text or a list of texts"
            )
        plain[str(key)] = ", ".join(values).strip()
    return {key: value for key, value in plain.items() if value}, content[match.end() :]
