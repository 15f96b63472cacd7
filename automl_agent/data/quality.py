"""What is wrong with a table, in words: columns left out, values lost, rows repeated."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from pandas.api import types

from automl_agent.data.columns import (
    PLACEHOLDERS,
    Column,
    Kind,
    as_numbers,
    as_text,
    has_leading_zeros,
    merged_integers,
)
from automl_agent.data.schema import TableSchema
from automl_agent.data.wording import count_of, quote_names

# Names that announce a row number: id, customer_id, PassengerId, index, row_number, Unnamed: 0.
_ID_NAME = re.compile(
    r"(?:.*[\W_])?(?:id|idx|index|row_?(?:id|num|number)?|uuid|guid|key|unnamed: \d+)",
    re.IGNORECASE,
)
_CAMEL_ID = re.compile(r".*[a-z](?:Id|ID)")
# Below this, "all values differ" says little about a column.
_MIN_ROWS_FOR_ID = 5


def named_like_id(name: str) -> bool:
    """Tell whether a column's name announces an identifier."""
    return bool(_ID_NAME.fullmatch(name.strip()) or _CAMEL_ID.fullmatch(name.strip()))


def identifiers(frame: pd.DataFrame, schema: TableSchema) -> list[str]:
    """Name the columns that only number or name the rows and so cannot help.

    These are columns of words (no sentences) that all differ, and whole numbers that rise from
    row to row and are named like an identifier.

    Args:
        frame: raw features `(N, D)`.
        schema: their types.
    """
    return [c.name for c in schema.columns if _identifies(c.name, frame[c.name], c.kind)]


def _identifies(name: str, column: Column, kind: Kind) -> bool:
    present = column.dropna()
    if len(present) < _MIN_ROWS_FOR_ID or isinstance(column.dtype, pd.CategoricalDtype):
        return False
    if kind is Kind.CATEGORICAL:
        return bool(as_text(present).is_unique)
    if kind is not Kind.NUMERIC or not named_like_id(name) or len(present) < len(column):
        return False
    numbers = as_numbers(column)
    whole = bool((numbers == np.floor(numbers)).all())
    return whole and bool((numbers.diff().iloc[1:] > 0).all())


def column_warnings(frame: pd.DataFrame, typed: pd.DataFrame, schema: TableSchema) -> list[str]:
    """Word what typing did to a table.

    Args:
        frame: raw features `(N, D)`.
        typed: the same, converted by `schema`.
        schema: the types.
    """
    infinite: dict[str, int] = {}
    unread: dict[str, int] = {}
    examples: list[str] = []
    for column in schema.columns:
        raw = frame[column.name]
        lost = raw[raw.notna() & typed[column.name].isna()]
        if column.kind is Kind.CATEGORICAL or not len(lost):
            continue
        endless = int(np.isinf(as_numbers(lost)).sum()) if column.kind is Kind.NUMERIC else 0
        if endless:
            infinite[column.name] = endless
        if len(lost) > endless:
            unread[column.name] = len(lost) - endless
            examples += as_text(lost).unique().tolist()[:3]
    warnings = []
    if infinite:
        total = count_of(sum(infinite.values()), "infinite value")
        warnings.append(f"{total} became missing, in {quote_names(infinite)}")
    if unread:
        total = count_of(sum(unread.values()), "value that is no number or date",
                         "values that are no numbers or dates")  # fmt: skip
        warnings.append(
            f"{total} became missing, in {quote_names(unread)}: {quote_names(examples, 3)}"
        )
    mixed = [c.name for c in schema.columns if _is_mixed(frame[c.name], c.kind)]
    if mixed:
        warnings.append(f"columns of numbers and words, used as categories: {quote_names(mixed)}")
    hollow = [name for name in typed.columns if typed[name].isna().all()]
    if hollow:
        warnings.append(f"columns without any value: {quote_names(hollow)}")
    merged = {c.name: c.kind for c in schema.columns if _is_merged(frame[c.name], c.kind)}
    for kind, use in ((Kind.CATEGORICAL, "used as categories"), (Kind.NUMERIC, "some now equal")):
        named = [name for name, its in merged.items() if its is kind]
        if named:
            warnings.append(
                "columns whose integers are too large to be told apart as numbers, "
                f"{use}: {quote_names(named)}"
            )
    constant = [n for n in typed.columns if typed[n].nunique() == 1 and n not in merged]
    if constant:
        warnings.append(f"columns with a single value: {quote_names(constant)}")
    return warnings


def _is_mixed(column: Column, kind: Kind) -> bool:
    """Tell whether a categorical column holds numbers as well as words."""
    if kind is not Kind.CATEGORICAL or isinstance(column.dtype, pd.CategoricalDtype):
        return False
    if types.is_object_dtype(column.dtype):
        return types.infer_dtype(column, skipna=True) in ("mixed", "mixed-integer")
    counts = as_text(column).value_counts()
    numbers = as_numbers(pd.Series(counts.index)).notna().to_numpy()
    words = ~numbers & ~counts.index.str.casefold().isin(list(PLACEHOLDERS))
    return bool(counts[numbers].sum() >= 0.5 * counts.sum() and words.any())


def _is_merged(column: Column, kind: Kind) -> bool:
    """Tell whether a column's integers differ, but some not as float64."""
    if kind not in (Kind.NUMERIC, Kind.CATEGORICAL) or _is_mixed(column, kind):
        return False
    if isinstance(column.dtype, pd.CategoricalDtype):
        return False
    distinct = column if types.is_numeric_dtype(column.dtype) else as_text(column).drop_duplicates()
    return not has_leading_zeros(distinct) and merged_integers(distinct) > 0


def unseen_warnings(frame: pd.DataFrame, typed: pd.DataFrame, schema: TableSchema) -> list[str]:
    """Word which columns of the test data hold categories that the training data does not."""
    unseen = {
        column.name: int((frame[column.name].notna() & typed[column.name].isna()).sum())
        for column in schema.columns
        if column.kind is Kind.CATEGORICAL
    }
    named = [name for name, count in unseen.items() if count]
    if not named:
        return []
    total = count_of(sum(unseen.values()), "value")
    return [f"test data: {total} of unseen categories became missing, in {quote_names(named)}"]


def count_repeats(X: pd.DataFrame) -> int:
    """Count the rows that repeat an earlier one."""
    return int(X.duplicated().sum())


def count_shared(X: pd.DataFrame, others: pd.DataFrame) -> int:
    """Count the rows of `others` that also stand in `X`; both have the same types."""
    known = pd.util.hash_pandas_object(X, index=False)
    return int(pd.util.hash_pandas_object(others, index=False).isin(known).sum())
