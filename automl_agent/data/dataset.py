"""A dataset ready for learning: typed features, coded target, and what the user should know."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl_agent.data import quality
from automl_agent.data.columns import Column
from automl_agent.data.schema import TableSchema
from automl_agent.data.sources.raw_table import RawTable
from automl_agent.data.sources.resolve import read_source
from automl_agent.data.splits import MIN_ROWS_TO_SPLIT, rare_classes
from automl_agent.data.target import (
    Label,
    code_classes,
    code_like,
    code_numbers,
    find_target,
    infer_task,
)
from automl_agent.data.wording import count_of, quote_names
from automl_agent.exceptions import InputError

#: Fewer rows with a target cannot be split into training, validation and test parts.
MIN_ROWS = 10
_TASKS = ("classification", "regression")

Target = NDArray[np.int64] | NDArray[np.float64]


@dataclass(frozen=True)
class Dataset:
    """A table with its target.

    Attributes:
        name: short name.
        task: "classification" or "regression".
        target: the target column's name.
        X: features `(N, D)`, typed by `schema`; the index is 0..N-1.
        y: int64 codes `(N,)`, or float64 values `(N,)`.
        classes: the label of each code, sorted; () for regression.
        schema: the features' types, with table-wide categories.
        source: what it was read from, for the log.
        warnings: what the user should know, one line each.
        note: where it came from, in few words, if its name does not tell.
        given_test: test features and target given apart, typed and coded alike.
        test_origin: where those come from, in words.
    """

    name: str
    task: str
    target: str
    X: pd.DataFrame
    y: Target
    classes: tuple[Label, ...]
    schema: TableSchema
    source: str
    warnings: tuple[str, ...]
    note: str = ""
    given_test: tuple[pd.DataFrame, Target] | None = None
    test_origin: str = ""


def load_dataset(
    source: str | Path | pd.DataFrame,
    *,
    target: str | int | tuple[Any, ...] | None,
    task: str | None,
    test_data: str | Path | pd.DataFrame | None = None,
    name: str | None = None,
) -> Dataset:
    """Read a dataset and make it ready.

    Args:
        source: what to read; see `read_source`.
        target: the target column's name, or ``last``; None takes what the source declares. An
            integer or a tuple, for DataFrames with such names, is compared as a string.
        task: "classification" or "regression", in any case; None infers it from the target.
        test_data: a second table with the same columns, for the final test only.
        name: the dataset's name, if not the source's own.

    Raises:
        InputError: anything about the data, the target or the task that cannot be used.
    """
    task = _chosen_task(task)
    raw = read_source(source)
    given = None
    if raw.split is not None:
        if test_data is not None:
            raise InputError(
                f"{raw.source} brings its own test rows: {raw.split.origin}",
                "leave out --test-data, or give the dataset instead of the task",
            )
        raw, given = raw.divided(raw.split)
    elif test_data is not None:
        given = read_source(test_data, names=list(raw.frame.columns))
    target_name = find_target(list(raw.frame.columns), target, raw.target)
    warnings = list(raw.warnings)

    features, values = _separate(raw.frame, target_name, "", warnings)
    if len(values) < MIN_ROWS:
        raise InputError(
            f"{raw.source} has {count_of(len(values), 'row')} with a target",
            f"at least {MIN_ROWS} are needed",
        )
    declared = task or (raw.task if target_name == raw.target else None)
    chosen_task = declared or infer_task(values, target_name)
    y, classes = _code(values, chosen_task, target_name)
    if declared is None and raw.target is None:
        warnings += _task_warnings(chosen_task, target_name, classes)
    schema = _choose_columns(features, warnings)
    X = schema.apply(features)
    warnings += quality.column_warnings(features[list(schema.names)], X, schema)
    if chosen_task == "classification":
        warnings += _rare_warnings(y, classes)
    repeats = quality.count_repeats(X)
    if repeats:
        stand = "repeats an earlier row" if repeats == 1 else "repeat earlier rows"
        warnings.append(
            f"{count_of(repeats, 'row')} {stand} in all features: "
            "identical rows may stand on both sides of a split"
        )
    dataset = Dataset(
        name=name or raw.name,
        task=chosen_task,
        target=target_name,
        X=X,
        y=y,
        classes=classes,
        schema=schema,
        source=raw.source,
        warnings=tuple(warnings),
        note=raw.note,
    )
    if given is None:
        return dataset
    own = given.source if test_data is None else "given apart from the training rows"
    return replace(_with_test(dataset, given), test_origin=own)


def _chosen_task(task: object) -> str | None:
    if task is None:
        return None
    folded = task.strip().casefold() if isinstance(task, str) else task
    for known in _TASKS:
        if folded == known:
            return known
    raise InputError(f"there is no task '{task}'", f"choose {' or '.join(_TASKS)}")


def _with_test(dataset: Dataset, test: RawTable) -> Dataset:
    if dataset.target not in test.frame.columns:
        raise InputError(
            f"the test data {test.source} has no target column '{dataset.target}'",
            f"it has {quote_names(test.frame.columns)}",
        )
    warnings = list(test.warnings)
    features, values = _separate(test.frame, dataset.target, "test data: ", warnings)
    X = dataset.schema.apply(features, called=f"the test data {test.source}")
    y: Target
    if dataset.task == "classification":
        y, label_warnings = code_like(values, dataset.classes, dataset.target)
        warnings += label_warnings
    else:
        y = code_numbers(values, dataset.target, constant=True)
    used = features[list(dataset.schema.names)]
    warnings += quality.unseen_warnings(used, X, dataset.schema)
    shared = quality.count_shared(dataset.X, X)
    if shared:
        warnings.append(
            f"test data: {count_of(shared, 'row')} also in the training data, in all features"
        )
    return replace(dataset, given_test=(X, y), warnings=(*dataset.warnings, *warnings))


def _separate(
    frame: pd.DataFrame, target: str, prefix: str, warnings: list[str]
) -> tuple[pd.DataFrame, Column]:
    """Part features and target; rows without a target are left out, with a warning."""
    present = frame[target].notna()
    if frame[target].dtype == "str" or frame[target].dtype == object:
        present &= frame[target].astype(str).str.strip() != ""
    if not present.any():
        raise InputError(f"{prefix}the target '{target}' has no value in any row")
    absent = int((~present).sum())
    if absent:
        rows = count_of(absent, "row")
        warnings.append(f"{prefix}{rows} without a value in the target '{target}' left out")
    kept = frame[present].reset_index(drop=True)
    return kept.drop(columns=[target]), kept[target]


def _code(values: Column, task: str, target: str) -> tuple[Target, tuple[Label, ...]]:
    if task == "classification":
        return code_classes(values, target)
    return code_numbers(values, target), ()


def _choose_columns(features: pd.DataFrame, warnings: list[str]) -> TableSchema:
    """Decide the types of the columns that can help; identifiers cannot."""
    if not len(features.columns):
        raise InputError(
            "the table has no column besides the target",
            "in a file, is the separator one of , ; tab and |?",
        )
    schema = TableSchema.infer(features)
    left_out = quality.identifiers(features, schema)
    if left_out:
        warnings.append(f"columns that only identify rows, left out: {quote_names(left_out)}")
    kept = TableSchema(tuple(c for c in schema.columns if c.name not in left_out))
    if not kept.columns:
        raise InputError(
            f"no feature column is left: {quote_names(left_out)} only identify rows",
            "add columns that say something about the rows",
        )
    return kept


def _task_warnings(task: str, target: str, classes: tuple[Label, ...]) -> list[str]:
    """Say so where numbers were taken for classes, which the user may see otherwise."""
    numeric = all(isinstance(c, int | float) and not isinstance(c, bool) for c in classes)
    if task != "classification" or not numeric or len(classes) <= 2:
        return []
    return [
        f"the target '{target}' has {len(classes)} distinct whole numbers and is taken for "
        "classes; --task regression predicts it as a value"
    ]


def _rare_warnings(y: NDArray[Any], classes: tuple[Label, ...]) -> list[str]:
    rare = rare_classes(y)
    if not rare:
        return []
    return [
        f"{count_of(len(rare), 'class', 'classes')} with fewer than {MIN_ROWS_TO_SPLIT} rows: "
        f"{count_of(sum(rare.values()), 'row')} that always train and are never tested, "
        f"of {quote_names(classes[code] for code in rare)}"
    ]
