"""Statistics as a text that fits a prompt: under a fixed number of bytes, whatever the table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

#: The whole text stays below this many bytes of UTF-8.
MAX_BYTES = 4_096
_NAME_BYTES = 64
_LABEL_BYTES = 24
_FOOT_BYTES = 160


def prompt_lines(
    head: Mapping[str, Any],
    columns: Sequence[Mapping[str, Any]],
    order: Sequence[int],
    left_out: Mapping[str, int],
) -> str:
    """Write a dataset's statistics, one JSON object per line.

    Args:
        head: the dataset's own facts.
        columns: the columns' facts, in the table's order; each has a "kind".
        order: positions of the columns, the most informative first.
        left_out: per kind, columns that are not among `columns`.

    Returns:
        The head, as many columns as fit (in the table's order), and a line that counts the rest
        by kind; fewer than 4,096 bytes of UTF-8.
    """
    first = _line(head)
    lines = [_line(column) for column in columns]
    room = MAX_BYTES - 1 - _size(first) - _FOOT_BYTES
    shown = set()
    for position in order:
        cost = _size(lines[position]) + 1
        if cost <= room:
            shown.add(position)
            room -= cost
    rest = Counter(left_out)
    rest.update(c["kind"] for position, c in enumerate(columns) if position not in shown)
    parts = [first, *(line for position, line in enumerate(lines) if position in shown)]
    if rest.total():
        parts.append(_line({"columns_not_shown": dict(rest)}))
    return "\n".join(parts)


def _line(facts: Mapping[str, Any]) -> str:
    return _json({key: _compact(key, value) for key, value in facts.items()})


def _compact(key: str, value: Any) -> Any:
    if isinstance(value, float):
        return _rounded(value)
    if isinstance(value, str):
        return _cut(value, _NAME_BYTES)
    if isinstance(value, list):
        return [_cut(item, _LABEL_BYTES) for item in value]
    if key == "class_counts":
        # Pairs: two labels may be the same once cut.
        return [[_cut(label, _LABEL_BYTES), count] for label, count in value.items()]
    if isinstance(value, dict):
        return {name: _compact(name, item) for name, item in value.items()}
    return value


def _rounded(value: float) -> float | int:
    short = float(f"{value:.4g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def _cut(text: str, limit: int) -> str:
    """Cut a text so that its JSON string takes at most `limit` bytes, quotes not counted."""
    # A lone surrogate cannot be written as UTF-8.
    text = text[: limit + 1].encode("utf-8", "replace").decode("utf-8")
    if _size(_json(text)) - 2 <= limit:
        return text
    while _size(_json(text)) - 2 > limit - len("…".encode()):
        text = text[:-1]
    return text + "…"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _size(text: str) -> int:
    return len(text.encode("utf-8"))
