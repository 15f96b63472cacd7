"""What every source gives: a raw table, before a target is chosen and types are decided."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class RawTable:
    """A table as it was read.

    Attributes:
        frame: `(N, D)`, raw values; the column names are unique strings, the index 0..N-1.
        target: the column that the source itself declares to be the target, if it does.
        name: short name of the dataset.
        source: what it was read from, for the log.
        warnings: what the user should know about the reading, one line each.
    """

    frame: pd.DataFrame
    target: str | None
    name: str
    source: str
    warnings: tuple[str, ...] = ()
