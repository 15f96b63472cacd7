"""Which source reads what the user named: a table of sources, asked in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from automl_agent.data.sources.bundled import BUNDLED_NAMES, read_bundled
from automl_agent.data.sources.delimited import read_delimited
from automl_agent.data.sources.frame import read_frame
from automl_agent.data.sources.raw_table import RawTable
from automl_agent.data.wording import did_you_mean, quote_names
from automl_agent.exceptions import InputError

Source: TypeAlias = "str | Path | pd.DataFrame"


def _frame(source: Source, _: Sequence[str] | None) -> RawTable | None:
    return read_frame(source) if isinstance(source, pd.DataFrame) else None


def _bundled(source: Source, _: Sequence[str] | None) -> RawTable | None:
    if isinstance(source, str) and source.lower() in BUNDLED_NAMES:
        return read_bundled(source.lower())
    return None


def _delimited(source: Source, names: Sequence[str] | None) -> RawTable | None:
    if isinstance(source, str | Path) and os.path.lexists(Path(source).expanduser()):
        return read_delimited(Path(source).expanduser(), names)
    return None


#: Asked in this order; the first that knows the reference reads it.
_READERS: tuple[Callable[[Source, Sequence[str] | None], RawTable | None], ...] = (
    _frame,
    _bundled,
    _delimited,
)


def read_source(source: Source, names: Sequence[str] | None = None) -> RawTable:
    """Read what the user named.

    Args:
        source: a DataFrame, the name of a bundled dataset, or the path of a delimited file.
        names: column names for a file without a header row (the training file's, for test data).

    Raises:
        InputError: no source knows the reference, or it cannot be read.
    """
    for reader in _READERS:
        table = reader(source, names)
        if table is not None:
            return table
    raise _unknown(source)


def _unknown(source: Source) -> InputError:
    if not isinstance(source, str | Path):
        return InputError(
            f"data cannot be read from {type(source).__name__}",
            "give a name, a path or a DataFrame",
        )
    text = str(source)
    if isinstance(source, Path) or os.sep in text or Path(text).suffix:
        return InputError(f"no such file: {text}", _files_beside(Path(text).expanduser()))
    guess = did_you_mean(text, BUNDLED_NAMES)
    known = f"bundled datasets: {', '.join(BUNDLED_NAMES)}; or give a file"
    return InputError(f"no dataset or file named '{text}'", f"{guess} {known}" if guess else known)


def _files_beside(path: Path) -> str:
    try:
        siblings = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file())
    except OSError:
        return f"the folder {path.parent} cannot be read or does not exist"
    return did_you_mean(path.name, siblings) or f"looked in {quote_names([path.parent.resolve()])}"
