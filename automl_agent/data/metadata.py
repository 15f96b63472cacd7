"""What is known about a dataset's training part: the statistics that prompts are written from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import chain, zip_longest
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from automl_agent.data.columns import Column, Kind
from automl_agent.data.dataset import Dataset
from automl_agent.data.prompt_text import prompt_lines
from automl_agent.data.quality import named_like_id
from automl_agent.data.schema import ColumnSchema

#: Categorical columns with more categories never show their values.
MAX_SHOWN_CATEGORIES = 12
MAX_SHOWN_CLASSES = 20
#: Columns described one by one; the rest is counted by kind.
MAX_DESCRIBED_COLUMNS = 100
# From this share of distinct values on, a column of words is taken for identifiers.
_ID_SHARE = 0.95


class ColumnMetadata(BaseModel):
    """Statistics of one column over the training part.

    Attributes:
        name: the column's name.
        kind: "numeric", "categorical", "text" or "datetime".
        missing: share of missing values, 0 to 1.
        distinct: number of distinct values.
        minimum: smallest value of a numeric column that is no identifier.
        maximum: largest value of such a column.
        categories: values of a categorical column with at most 12, unless it identifies rows.
        mean_length: mean number of characters of a text.
        flags: any of "constant", "id_like" and "all_missing".
    """

    model_config = ConfigDict(frozen=True)

    name: str
    kind: str
    missing: float
    distinct: int
    minimum: float | None = None
    maximum: float | None = None
    categories: list[str] | None = None
    mean_length: float | None = None
    flags: list[str] = []


class DatasetMetadata(BaseModel):
    """Statistics of a dataset over the training part.

    Attributes:
        name: the dataset's name.
        task: "classification" or "regression".
        target: the target's name.
        n_rows: rows of the training part.
        n_columns: feature columns.
        n_numeric: numeric columns.
        n_categorical: categorical columns.
        n_text: text columns.
        n_datetime: columns of dates and times.
        max_cardinality: most categories that a categorical column has in the whole table.
        missing: share of the cells that are missing, 0 to 1.
        duplicates: rows that repeat an earlier one, target included.
        n_classes: number of classes.
        class_counts: rows per class, for the 20 largest.
        imbalance: rows of the largest class per row of the smallest.
        target_stats: min, max, mean, std and skew of a regression target.
        columns: the columns' own statistics, in the table's order; at most 100.
        columns_left_out: per kind, the columns not among them.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    task: str
    target: str
    n_rows: int
    n_columns: int
    n_numeric: int
    n_categorical: int
    n_text: int
    n_datetime: int
    max_cardinality: int
    missing: float
    duplicates: int
    n_classes: int | None = None
    class_counts: dict[str, int] | None = None
    imbalance: float | None = None
    target_stats: dict[str, float] | None = None
    columns: list[ColumnMetadata]
    columns_left_out: dict[str, int]

    def prompt_text(self) -> str:
        """Give the statistics as compact lines of JSON for a prompt.

        The text stays under 4,096 bytes of UTF-8 whatever the table's width and the names'
        lengths: names are cut, the most informative columns kept and the others counted by kind.
        """
        head = self.model_dump(exclude={"columns", "columns_left_out"}, exclude_none=True)
        columns = [
            column.model_dump(exclude_defaults=True, exclude_none=True) for column in self.columns
        ]
        order = _by_information(self.columns)
        return prompt_lines(head, columns, order, self.columns_left_out)


def describe(dataset: Dataset, rows: NDArray[np.int64]) -> DatasetMetadata:
    """Compute a dataset's statistics from some of its rows only.

    Args:
        dataset: the dataset.
        rows: positions of the training part's rows `(T,)`.
    """
    X, y = dataset.X.iloc[rows], dataset.y[rows]
    columns = [_describe_column(column, X[column.name]) for column in dataset.schema.columns]
    described = sorted(_by_information(columns)[:MAX_DESCRIBED_COLUMNS])
    kinds = Counter(column.kind for column in columns)
    hidden = kinds - Counter(columns[position].kind for position in described)
    cardinalities = [len(column.categories) for column in dataset.schema.columns]
    return DatasetMetadata(
        name=dataset.name,
        task=dataset.task,
        target=dataset.target,
        n_rows=len(rows),
        n_columns=len(columns),
        n_numeric=kinds[Kind.NUMERIC],
        n_categorical=kinds[Kind.CATEGORICAL],
        n_text=kinds[Kind.TEXT],
        n_datetime=kinds[Kind.DATETIME],
        max_cardinality=max(cardinalities, default=0),
        missing=float(np.mean([column.missing for column in columns])),
        duplicates=int(X.assign(**{_unused_name(X): y}).duplicated().sum()),
        columns=[columns[position] for position in described],
        columns_left_out=dict(hidden),
        **_describe_target(dataset, y),
    )


def _describe_target(dataset: Dataset, y: NDArray[Any]) -> dict[str, Any]:
    if dataset.task == "classification":
        counts = np.bincount(y, minlength=len(dataset.classes))
        largest = np.argsort(-counts, kind="stable")[:MAX_SHOWN_CLASSES]
        present = counts[counts > 0]
        return {
            "n_classes": len(dataset.classes),
            "class_counts": {str(dataset.classes[code]): int(counts[code]) for code in largest},
            "imbalance": float(present.max() / present.min()),
        }
    spread = float(np.std(y))
    centred = (y - np.mean(y)) / spread if spread > 0 else np.zeros(len(y))
    stats = {
        "min": np.min(y),
        "max": np.max(y),
        "mean": np.mean(y),
        "std": spread,
        "skew": np.mean(centred**3),
    }
    return {"target_stats": {name: float(value) for name, value in stats.items()}}


def _describe_column(schema: ColumnSchema, values: Column) -> ColumnMetadata:
    present = values.dropna()
    distinct = int(present.nunique())
    flags = []
    if not len(present):
        flags.append("all_missing")
    elif distinct == 1:
        flags.append("constant")
    if _is_id_like(schema, present, distinct):
        flags.append("id_like")
    facts: dict[str, Any] = {}
    if schema.kind is Kind.NUMERIC and len(present) and "id_like" not in flags:
        facts = {"minimum": float(present.min()), "maximum": float(present.max())}
    elif schema.kind is Kind.TEXT and len(present):
        facts = {"mean_length": float(present.str.len().mean())}
    elif schema.kind is Kind.CATEGORICAL and "id_like" not in flags:
        # The values are those of these rows; the table may have further ones elsewhere.
        shown = sorted(present.astype("str").unique().tolist())
        few = len(schema.categories) <= MAX_SHOWN_CATEGORIES
        facts = {"categories": shown if few else None}
    return ColumnMetadata(
        name=schema.name,
        kind=schema.kind.value,
        missing=float(values.isna().mean()) if len(values) else 0.0,
        distinct=distinct,
        flags=flags,
        **facts,
    )


def _is_id_like(schema: ColumnSchema, present: Column, distinct: int) -> bool:
    if distinct < 2:
        return False
    if schema.kind is Kind.CATEGORICAL:
        return distinct >= _ID_SHARE * len(present)
    if schema.kind is not Kind.NUMERIC or not named_like_id(schema.name):
        return False
    return distinct == len(present) and bool((present == np.floor(present)).all())


def _by_information(columns: list[ColumnMetadata]) -> list[int]:
    """Order positions: unflagged before flagged columns, kinds in turn, little missing first."""

    def rank(position: int) -> tuple[bool, float, int]:
        column = columns[position]
        return bool(column.flags), round(column.missing, 1), position

    by_kind = (
        sorted((p for p, c in enumerate(columns) if c.kind == kind), key=rank) for kind in Kind
    )
    in_turn = _present(chain.from_iterable(zip_longest(*by_kind)))
    return sorted(in_turn, key=lambda position: bool(columns[position].flags))


def _present(positions: Iterable[int | None]) -> list[int]:
    return [position for position in positions if position is not None]


def _unused_name(X: pd.DataFrame) -> str:
    name = "target"
    while name in X.columns:
        name += "_"
    return name
