"""One column at a time: which kind it is, and its values converted to that kind."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from pandas.api import types

Column: TypeAlias = "pd.Series[Any]"

#: The dtype of text columns: strings with NaN for missing (pandas 3 calls it `str`).
STRING = pd.StringDtype(na_value=np.nan)

# A string column is numeric (or a date) if this share of its values can be read as one.
PARSED_SHARE = 0.95
# Words that stand for "no value" in columns of numbers; they do not count against that share.
PLACEHOLDERS = frozenset({"none", "-", "--", ".", "missing", "unknown", "n.a.", "#n/a", "<na>"})
# Text has this many words on average (or, in scripts without spaces, characters), and few repeats.
TEXT_WORDS = 4.0
TEXT_CHARACTERS = 20.0
TEXT_DISTINCT_SHARE = 0.3

#: A date of ISO 8601, as a pattern for a whole value.
ISO_DATE = r"\d{4}[-/]\d{1,2}(?:[-/]\d{1,2}(?:[T ]\d{1,2}:\d{2}\S*(?: ?[+-]\d{2}:?\d{2})?)?)?"


#: Codes such as zip codes: as numbers they would lose their first digits.
LEADING_ZERO = r"[+-]?0\d+"
WHOLE_NUMBER = r"[+-]?\d{1,300}"
#: Whole numbers up to here are exact as float64.
EXACT_INTEGERS = 2**53
# Integers that float64 merges are categories if at most this many differ.
MAX_MERGED_CATEGORIES = 50


class Kind(StrEnum):
    """What a column holds, and thereby how it is stored."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    TEXT = "text"
    DATETIME = "datetime"


def kind_of(column: Column) -> Kind:
    """Decide the kind of a raw column.

    Booleans and time spans are numeric (0 and 1; seconds), and so is a column without any value.
    Strings are numeric or dates if at least 95 % of them read as such, text if they are sentences
    that hardly repeat, and categories otherwise. Strings of digits with leading zeros are
    categories, and so are few integers too large to differ as numbers.

    Args:
        column: the raw values `(N,)`, of any dtype.
    """
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return Kind.CATEGORICAL
    if types.is_datetime64_any_dtype(dtype) or isinstance(dtype, pd.PeriodDtype):
        return Kind.DATETIME
    if types.is_integer_dtype(dtype):
        return _kind_of_numbers(column)
    if types.is_numeric_dtype(dtype) or types.is_timedelta64_dtype(dtype):
        return Kind.NUMERIC
    counts = as_text(column).str.strip().value_counts()
    if counts.empty:
        return Kind.NUMERIC
    if share_of_numbers(counts) >= PARSED_SHARE:
        distinct = pd.Series(counts.index, dtype=STRING)
        return Kind.CATEGORICAL if has_leading_zeros(distinct) else _kind_of_numbers(distinct)
    if _share_of_dates(counts) >= PARSED_SHARE:
        return Kind.DATETIME
    return Kind.TEXT if _reads_like_text(counts) else Kind.CATEGORICAL


def as_text(column: Column) -> Column:
    """Convert values to strings; missing stays missing.

    The same value gets the same string whatever its column's dtype: 1 and 1.0 are both ``"1"``,
    so that a column of integers and one that became floats through a missing value agree.

    Returns:
        `(N,)`, dtype `str`.
    """
    if column.dtype == STRING:
        return column
    if types.is_string_dtype(column.dtype) and not types.is_object_dtype(column.dtype):
        return column.astype(STRING)
    values = column.astype(object)
    missing = values.isna().to_numpy()
    texts = [np.nan if gone else text_of(v) for v, gone in zip(values, missing, strict=True)]
    return pd.Series(texts, index=column.index, name=column.name, dtype=STRING)


def text_of(value: object) -> str:
    """Give the string of one value; whole floats are written as integers."""
    # Beyond 1e15 a float's digits are no longer those that were meant.
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, np.floating):
        return text_of(float(value))
    return str(value)


def as_numbers(column: Column) -> Column:
    """Convert values to float64; what is no number becomes NaN, infinite values stay.

    Booleans, and the words true and false in any case, are 1 and 0; time spans are in seconds.
    """
    dtype = column.dtype
    if types.is_timedelta64_dtype(dtype):
        return column.dt.total_seconds().astype("float64")
    if types.is_datetime64_any_dtype(dtype) or isinstance(dtype, pd.PeriodDtype):
        return pd.Series(np.nan, index=column.index, name=column.name, dtype="float64")
    if types.is_numeric_dtype(dtype):
        values = column.to_numpy(dtype="float64", na_value=np.nan)
        return pd.Series(values, index=column.index, name=column.name)
    words = as_text(column).str.strip().astype(object)
    words = words.replace(_TRUTH) if words.isin(list(_TRUTH)).any() else words
    return pd.to_numeric(words, errors="coerce").astype("float64")


def as_datetimes(column: Column) -> Column:
    """Convert values to naive UTC `datetime64[ns]`; what is no ISO 8601 date becomes NaT."""
    if isinstance(column.dtype, pd.PeriodDtype):
        column = pd.Series(column.dt.to_timestamp())
    if types.is_numeric_dtype(column.dtype):
        return pd.Series(pd.NaT, index=column.index, name=column.name, dtype="datetime64[ns]")
    if not types.is_datetime64_any_dtype(column.dtype):
        column = as_text(column).str.strip()
    aware = pd.Series(pd.to_datetime(column, errors="coerce", utc=True, format="ISO8601"))
    times = pd.Series(aware.dt.tz_localize(None))
    representable = times.between(pd.Timestamp.min, pd.Timestamp.max)
    return times.where(representable).astype("datetime64[ns]")


def has_leading_zeros(column: Column) -> bool:
    """Tell whether some value is a string of digits that begins with a superfluous zero."""
    if types.is_numeric_dtype(column.dtype):
        return False
    return bool(as_text(column).str.strip().str.fullmatch(LEADING_ZERO, na=False).any())


def merged_integers(column: Column) -> int:
    """Count the distinct integers of a column some of which are the same number as float64.

    Returns:
        The number of distinct integers; 0 if float64 keeps them apart.
    """
    if types.is_float_dtype(column.dtype) or not (as_numbers(column).abs() > EXACT_INTEGERS).any():
        return 0
    texts = pd.Series(as_text(column).str.strip().dropna().unique(), dtype=STRING)
    distinct = {int(text) for text in texts[texts.str.fullmatch(WHOLE_NUMBER)]}
    return len(distinct) if len({float(number) for number in distinct}) < len(distinct) else 0


def share_of_numbers(counts: pd.Series[int]) -> float:
    """Give the share of the values that read as numbers, placeholders left out.

    Args:
        counts: how often each distinct string occurs, indexed by the string.
    """
    words = pd.Series(counts.index, dtype=STRING)
    weights = counts.to_numpy(dtype="float64")
    is_number = as_numbers(words).notna().to_numpy()
    placeholder = words.str.casefold().isin(list(PLACEHOLDERS)).to_numpy()
    numbers = float(weights[is_number].sum())
    # A column that is mostly placeholders says "unknown"; it holds no numbers to speak of.
    if numbers < 0.5 * weights.sum():
        return numbers / float(weights.sum())
    return numbers / float(weights[~placeholder].sum())


_TRUTH = {"true": 1.0, "True": 1.0, "TRUE": 1.0, "false": 0.0, "False": 0.0, "FALSE": 0.0}


def _kind_of_numbers(column: Column) -> Kind:
    few = 0 < merged_integers(column) <= MAX_MERGED_CATEGORIES
    return Kind.CATEGORICAL if few else Kind.NUMERIC


def _share_of_dates(counts: pd.Series[int]) -> float:
    words = pd.Series(counts.index, dtype=STRING)
    # The pattern is a cheap first look that also keeps plain years and codes from being dates.
    if words.head(200).str.fullmatch(ISO_DATE).mean() < 0.5:
        return 0.0
    is_date = (words.str.fullmatch(ISO_DATE) & as_datetimes(words).notna()).to_numpy(dtype=bool)
    weights = counts.to_numpy(dtype="float64")
    return float(weights[is_date].sum() / weights.sum())


def _reads_like_text(counts: pd.Series[int]) -> bool:
    if len(counts) < TEXT_DISTINCT_SHARE * counts.sum():
        return False
    words = pd.Series(counts.index, dtype=STRING).head(2_000)
    if float(words.map(lambda word: len(word.split())).mean()) >= TEXT_WORDS:
        return True
    without_spaces = sum(not word.isascii() for word in words) >= 0.5 * len(words)
    return without_spaces and float(words.str.len().mean()) >= TEXT_CHARACTERS
