"""What every source gives: a raw table, before a target is chosen and types are decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl_agent.data.wording import quote_names
from automl_agent.exceptions import InputError


@dataclass(frozen=True)
class GivenSplit:
    """A division into training and test rows that the source itself declares.

    Attributes:
        train: positions of the training rows `(T,)`.
        test: positions of the test rows `(M,)`, disjoint from `train`.
        origin: where it comes from, in words.
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    origin: str


@dataclass(frozen=True)
class RawTable:
    """A table as it was read.

    Attributes:
        frame: `(N, D)`, raw values; the column names are unique strings, the index 0..N-1.
        target: the column that the source itself declares to be the target, if it does.
        name: short name of the dataset.
        source: what it was read from, for the log.
        warnings: what the user should know about the reading, one line each.
        task: the task that the source itself declares, if it does.
        note: where it came from, in few words, if its name does not tell.
        split: the division into training and test rows that it declares, if it does.
    """

    frame: pd.DataFrame
    target: str | None
    name: str
    source: str
    warnings: tuple[str, ...] = ()
    task: str | None = None
    note: str = ""
    split: GivenSplit | None = None

    def divided(self, split: GivenSplit) -> tuple[RawTable, RawTable]:
        """The training rows and the test rows as tables of their own."""
        parts = [self.frame.iloc[rows].reset_index(drop=True) for rows in (split.train, split.test)]
        return (
            replace(self, frame=parts[0], split=None),
            replace(self, frame=parts[1], split=None, warnings=(), source=split.origin),
        )


def check_names(names: Counter[str], path: Path) -> None:
    """See that no two columns have the same name.

    Raises:
        InputError: some have.
    """
    repeated = [name for name, count in names.items() if count > 1]
    if repeated:
        raise InputError(f"{path} has several columns named {quote_names(repeated)}", "rename them")


def left_out_warning(columns: Sequence[str]) -> tuple[str, ...]:
    """Say which columns hold no plain values."""
    if not columns:
        return ()
    return (f"columns of lists, objects or bytes, left out: {quote_names(columns)}",)
