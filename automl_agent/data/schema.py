"""Column types of a table, decided once and then applied to every other table of its kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from automl_agent.data.columns import (
    Column,
    Kind,
    as_datetimes,
    as_numbers,
    as_text,
    kind_of,
    text_of,
)
from automl_agent.data.wording import quote_names
from automl_agent.exceptions import InputError

__all__ = ["ColumnSchema", "Kind", "TableSchema"]


@dataclass(frozen=True)
class ColumnSchema:
    """One column: its name, its kind and, for a categorical one, all its categories.

    Attributes:
        name: the column's name.
        kind: what it holds.
        categories: strings, in the order of their codes; empty unless categorical.
    """

    name: str
    kind: Kind
    categories: tuple[str, ...] = ()

    def convert(self, column: Column) -> Column:
        """Convert raw values `(N,)` to this column's dtype; what does not fit becomes missing."""
        if self.kind is Kind.NUMERIC:
            numbers = as_numbers(column)
            return numbers.where(np.isfinite(numbers))
        if self.kind is Kind.DATETIME:
            return as_datetimes(column)
        text = as_text(column)
        if self.kind is Kind.TEXT:
            return text
        codes = pd.Index(self.categories, dtype=object).get_indexer(pd.Index(text, dtype=object))
        dtype = pd.CategoricalDtype(pd.Index(self.categories, dtype="str"))
        return pd.Series(
            pd.Categorical.from_codes(codes.tolist(), dtype=dtype),
            index=column.index,
            name=column.name,
        )


@dataclass(frozen=True)
class TableSchema:
    """The columns of a feature table, in their order.

    Attributes:
        columns: one entry per column; names are unique.
    """

    columns: tuple[ColumnSchema, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in their order."""
        return tuple(column.name for column in self.columns)

    @classmethod
    def infer(cls, frame: pd.DataFrame) -> TableSchema:
        """Decide the kinds and categories of a raw table's columns; labels are not needed.

        Args:
            frame: `(N, D)`, raw values of any dtype; column names are unique strings.
        """
        return cls(tuple(_infer_column(str(name), frame[name]) for name in frame.columns))

    def apply(self, frame: pd.DataFrame, *, called: str = "the table") -> pd.DataFrame:
        """Convert a table to these columns, in this order.

        Args:
            frame: `(N, D')` with at least these columns; further ones are left out.
            called: what messages call it.

        Returns:
            `(N, D)` with float64 (NaN is missing), `category`, `str` and `datetime64[ns]` columns.
            Infinite and unreadable numbers and unseen categories are missing. Applied to its own
            result it changes nothing.

        Raises:
            InputError: it is no DataFrame, columns are missing, or several have the same name.
        """
        if not isinstance(frame, pd.DataFrame):
            raise InputError(
                f"{called} is not a DataFrame but of type {type(frame).__name__}",
                f"give a pandas DataFrame with the columns {quote_names(self.names)}",
            )
        times = Counter(str(name) for name in frame.columns)
        repeated = [name for name, count in times.items() if count > 1]
        if repeated:
            raise InputError(
                f"{called} has several columns named {quote_names(repeated)}",
                "names are compared as strings; rename them",
            )
        known = {str(name): position for position, name in enumerate(frame.columns)}
        missing = [name for name in self.names if name not in known]
        if missing:
            raise InputError(
                f"{called} lacks the {'column' if len(missing) == 1 else 'columns'} "
                f"{quote_names(missing)}",
                f"it has {quote_names(known)}",
            )
        converted = {
            column.name: column.convert(frame.iloc[:, known[column.name]])
            for column in self.columns
        }
        return pd.DataFrame(converted, index=frame.index, columns=pd.Index(self.names, dtype="str"))

    def to_dict(self) -> dict[str, Any]:
        """Give the schema as plain data that JSON can hold."""
        return {
            "columns": [
                {"name": c.name, "kind": c.kind.value, "categories": list(c.categories)}
                for c in self.columns
            ]
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TableSchema:
        """Rebuild a schema from `to_dict`'s result."""
        return cls(
            tuple(
                ColumnSchema(entry["name"], Kind(entry["kind"]), tuple(entry["categories"]))
                for entry in data["columns"]
            )
        )


def _infer_column(name: str, column: Column) -> ColumnSchema:
    kind = kind_of(column)
    if kind is not Kind.CATEGORICAL:
        return ColumnSchema(name, kind)
    if isinstance(column.dtype, pd.CategoricalDtype):
        # The user declared these, in this order: they stay, seen or not.
        declared = dict.fromkeys(text_of(value) for value in column.cat.categories)
        return ColumnSchema(name, kind, tuple(declared))
    return ColumnSchema(name, kind, tuple(sorted(as_text(column).dropna().unique().tolist())))
