"""Delimited text files (CSV, TSV and their kin)."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from pandas.api import types

from automl_agent.data.columns import EXACT_INTEGERS, WHOLE_NUMBER, Column, has_leading_zeros
from automl_agent.data.sources.content import Content, short_name
from automl_agent.data.sources.dialect import (
    MISSING,
    Dialect,
    first_row_is_data,
    is_plain_number,
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
    Columns with numbers that begin with a superfluous zero, such as zip codes, stay text.

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
    frame = _keep_digits(frame, text, dialect, header, path)
    hollow = [name for name in columns if name.startswith("\0")]
    if hollow:
        frame, named = _settle_unnamed(frame)
        found += named
    return RawTable(frame, None, short_name(path), str(path), (*warnings, *found))


def _header(
    rows: list[list[str]], names: Sequence[str] | None, path: Path
) -> tuple[bool, tuple[str, ...]]:
    """Tell whether the first row holds names, with a warning where that is not plain."""
    width = len(rows[0])
    if names is not None and set(rows[0]) == set(names):
        return True, ()
    # Names given by us, not by a header: the training file had none, so this one has none.
    generated = names is not None and list(names) == [f"column_{i + 1}" for i in range(len(names))]
    if not generated and not first_row_is_data(rows):
        numbers = [name for name in rows[0] if is_plain_number(name)]
        return True, (
            (
                f"the first row of {path.name} was taken for the header, "
                f"although it holds numbers: {quote_names(numbers)}",
            )
            if numbers
            else ()
        )
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


def _keep_digits(
    frame: pd.DataFrame, text: str, dialect: Dialect, header: bool, path: Path
) -> pd.DataFrame:
    """Put text back where numbers lose digits: leading zeros, and integers read as floats."""
    padded = re.search(rf"(?:^|[{re.escape(dialect.separator)}\s\"])[+-]?0\d", text)
    names = list(frame.columns)
    again = [
        name
        for name in names
        if types.is_numeric_dtype(frame[name]) and (padded or _outgrown(frame[name]))
    ]
    if not again:
        return frame
    raw = _parse(text, dialect, names, header, path, again)
    for name in again:
        column = raw[name].str.strip()
        whole = column.dropna().str.fullmatch(WHOLE_NUMBER).all()
        if has_leading_zeros(column) or (whole and _outgrown(frame[name])):
            frame[name] = column
    return frame


def _outgrown(column: Column) -> bool:
    """Tell whether floats are larger than the integers that float64 holds exactly."""
    return types.is_float_dtype(column) and bool((column.abs() > EXACT_INTEGERS).any())


def _parse(
    text: str,
    dialect: Dialect,
    columns: list[str],
    header: bool,
    path: Path,
    as_written: list[str] | None = None,
) -> pd.DataFrame:
    """Read the columns; those named in `as_written`, if given, and no others, as text."""
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
            usecols=as_written,
            dtype=None if as_written is None else "str",
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read as delimited text: {reason}") from error
