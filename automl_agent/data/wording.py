"""Lists of names in messages: quoted, capped, with a guess at what was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


def quote_names(names: Iterable[object], limit: int = 8) -> str:
    """Word a list of names for a one-line message.

    Args:
        names: the names, in the order in which they are shown.
        limit: how many are shown; the rest is counted.

    Returns:
        For example ``'age', 'income' and 12 more``.
    """
    shown = [_quote(name) for name in names]
    if len(shown) > limit:
        return f"{', '.join(shown[:limit])} and {len(shown) - limit} more"
    return ", ".join(shown)


def count_of(number: int, singular: str, plural: str | None = None) -> str:
    """Word a count, for example ``1 row`` or ``12 rows``."""
    return f"{number} {singular if number == 1 else plural or singular + 's'}"


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Name the known names nearest to `name`: ``did you mean 'iris'?``, or nothing."""
    folded = {candidate.casefold(): candidate for candidate in known}
    near = difflib.get_close_matches(name.casefold(), list(folded), n=3, cutoff=0.6)
    return f"did you mean {quote_names(folded[match] for match in near)}?" if near else ""


def _quote(name: object, width: int = 60) -> str:
    text = " ".join(str(name).split())
    return f"'{text[: width - 1]}…'" if len(text) > width else f"'{text}'"
