"""Delimited text files (CSV, TSV and their kin)."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from automl_agent.data.sources.content import Content, short_name
from automl_agent.data.sources.dialect import (
    MISSING,
    Dialect,
    first_row_is_data,
    sniff_dialect,
)
from automl_agent.data.sources.raw_table import RawTable, check_names
from automl_agent.data.wording import count_of, quote_names
from automl_agent.exceptions import InputError


def read_delimited(content: Content, names: Sequence[str] | None = None) -> RawTable:
    """Read a delimited text file.

    Found out from the file: the separator (comma, semicolon, tab, bar), whether a header row is
    there, the encoding (UTF-8, UTF-16 with its mark, else Latin-1) and a decimal comma. Without a
    header the columns are called ``column_1`` … ``column_N``. The values ``?``, ``NA``, ``N/A``,
    ``NaN``, ``null`` (and variants in case) and the empty one are missing; ``None`` is a value.

    Args:
        content: the file's.
        names: for a file without a header, the columns' names (those of the training file).

    Raises:
        InputError: the file cannot be read, is empty or binary, has no row below its header, has
            several columns of one name, or has rows of different lengths (with the line).
    """
    path = content.path
    text, warnings = content.text()
    dialect, rows = sniff_dialect(text, path)
    header, found = _header(rows, names, path)
    if header:
        columns, named = _name_columns(rows[0], path)
        found += named
        if len(rows) < 2:
            raise InputError(f"{path} holds a header row but no data below it")
    else:
        columns = list(names) if names else [f"column_{i + 1}" for i in range(len(rows[0]))]
    frame = _parse(text, dialect, columns, header, path)
    hollow = [name for name in columns if name.startswith("\0")]
    if hollow:
        frame, named = _settle_unnamed(frame)
        found += named
    return RawTable(frame, None, short_name(path), str(path), (*warnings, *found))


def _header(
    rows: list[list[str]], names: Sequence[str] | None, path: Path
) -> tuple[bool, tuple[str, ...]]:
    """Tell whether the first row holds names, with a warning where it does not."""
    width = len(rows[0])
    if names is not None and set(rows[0]) == set(names):
        return True, ()
    # Names given by us, not by a header: the training file had none, so this one has none.
    generated = names is not None and list(names) == [f"column_{i + 1}" for i in range(len(names))]
    if not generated and not first_row_is_data(rows):
        return True, ()
    if names is None:
        return False, (
            f"{path.name} has no header row: its columns are called column_1 to column_{width}",
        )
    if width != len(names):
        raise InputError(
            f"{path} has no header row and {count_of(width, 'column')}",
            f"the training data has {len(names)}",
        )
    if generated:
        return False, ()
    return False, (f"{path.name} has no header row: the training data's names are used",)


def _name_columns(header: list[str], path: Path) -> tuple[list[str], tuple[str, ...]]:
    """Clean the header's names; unnamed columns are marked until their values are known."""
    names = [name.strip() for name in header]
    check_names(Counter(filter(None, names)), path)
    named = [name or f"\0column_{i + 1}" for i, name in enumerate(names)]
    clashes = [n[1:] for n in named if n.startswith("\0") and n[1:] in named]
    if clashes:
        raise InputError(f"{path} has unnamed columns beside {quote_names(clashes)}", "name them")
    return named, ()


def _settle_unnamed(frame: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Drop unnamed columns without values (a trailing separator); name the others by position."""
    unnamed = [name for name in frame.columns if name.startswith("\0")]
    hollow = [name for name in unnamed if frame[name].isna().all()]
    kept = [name for name in unnamed if name not in hollow]
    frame = frame.drop(columns=hollow).rename(columns={name: name[1:] for name in kept})
    if not kept:
        return frame, ()
    return frame, (
        f"{count_of(len(kept), 'column')} without a name in the header: "
        f"now called {quote_names(name[1:] for name in kept)}",
    )


def _parse(
    text: str, dialect: Dialect, columns: list[str], header: bool, path: Path
) -> pd.DataFrame:
    try:
        return pd.read_csv(
            io.StringIO(text),
            sep=dialect.separator,
            quoting=dialect.quoting,
            decimal=dialect.decimal,
            skipinitialspace=True,
            header=0 if header else None,
            names=columns,
            index_col=False,
            keep_default_na=False,
            na_values=list(MISSING),
            low_memory=False,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read as delimited text: {reason}") from error
