"""Numbers, durations and configurations as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DECIDED_BY = {"user": "asked for", "model": "from the generated scenario", "default": "default"}


def number(value: float | None) -> str:
    """Four significant digits or so; a dash for nothing."""
    if value is None:
        return "–"
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.4f}"
    return f"{value:.4g}"


def signed(value: float) -> str:
    """A difference, with its sign; four places, or four digits where those say too little."""
    if 5e-5 <= abs(value) < 1e4:
        return f"{value:+.4f}"
    return f"{value:+.4g}"


def duration(seconds: float) -> str:
    """Seconds, or minutes from two minutes on."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min"


def bytes_of(size: int) -> str:
    """A file's size: bytes, kB, MB or GB."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"


def plural(count: int, singular: str) -> str:
    """The count and its noun."""
    return f"{count:,} {singular if count == 1 else singular + 's'}"


def counts(by_kind: Mapping[str, int]) -> str:
    """`3 default, 2 random` from a mapping."""
    return ", ".join(f"{count} {kind}" for kind, count in by_kind.items()) or "none"


def config_value(value: Any) -> str:
    """A hyperparameter's value, floats shortened."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def config_changes(previous: Mapping[str, Any] | None, config: Mapping[str, Any]) -> str:
    """What a configuration changes against the previous incumbent; everything if there is none."""
    if previous is None:
        return ", ".join(f"{name} {config_value(value)}" for name, value in config.items())
    changed = []
    for name in dict.fromkeys([*previous, *config]):
        before, after = previous.get(name), config.get(name)
        if before == after:
            continue
        old = "off" if before is None else config_value(before)
        new = "off" if after is None else config_value(after)
        changed.append(f"{name} {old} → {new}")
    return ", ".join(changed)
