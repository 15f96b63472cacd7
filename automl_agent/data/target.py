"""The target: which column it is, which task it makes, and its values as codes or numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from automl_agent.data.columns import Column, as_numbers, as_text, has_leading_zeros, text_of
from automl_agent.data.wording import count_of, did_you_mean, quote_names
from automl_agent.exceptions import InputError

Label: TypeAlias = "str | int | float | bool"

#: More classes than this point to an identifier or a text, not to a class.
MAX_CLASSES = 1_000
# Whole numbers are classes if they are few, and if each has this many rows on average.
MAX_INTEGER_CLASSES = 20
ROWS_PER_INTEGER_CLASS = 5


def find_target(columns: Sequence[str], wanted: object, declared: str | None) -> str:
    """Choose the target column.

    Args:
        columns: the table's column names.
        wanted: the user's choice: a name, or ``last`` for the last column; or, as DataFrames have
            them, an integer or a tuple, which is compared as a string; or None.
        declared: what the source declares.

    Raises:
        InputError: there is no such column, or neither chose one; the message lists the columns.
            Or the choice is no name of a column.
    """
    if not isinstance(wanted, str | int | np.integer | tuple | None):
        raise InputError(
            f"the target is of type {type(wanted).__name__}",
            f"name one of {quote_names(columns, 20)}, or 'last'",
        )
    name = str(wanted) if wanted is not None else declared
    if name is None:
        raise InputError(
            "no target column was named", f"choose one of {quote_names(columns, 20)}, or 'last'"
        )
    if name in columns:
        return name
    if name == "last":
        return columns[-1]
    folded = [column for column in columns if column.casefold() == name.strip().casefold()]
    if len(folded) == 1:
        return folded[0]
    guess = did_you_mean(name, columns)
    listing = f"columns: {quote_names(columns, 20)}"
    raise InputError(f"there is no column '{name}'", f"{guess} {listing}" if guess else listing)


def infer_task(values: Column, target: str) -> str:
    """Decide between classification and regression.

    Categories, words, booleans, codes with leading zeros and anything with two distinct values are
    classes. Whole numbers
    are classes if they take at most 20 values and have five rows for each on average. All else is
    regression.

    Args:
        values: the target `(N,)` without missing values.
        target: its name, for messages.

    Raises:
        InputError: the target holds dates.
    """
    if types.is_datetime64_any_dtype(values.dtype):
        raise InputError(
            f"the target '{target}' holds dates", "dates are neither classes nor values"
        )
    if isinstance(values.dtype, pd.CategoricalDtype):
        return "classification"
    labels = labels_of(values)
    distinct = set(labels)
    if len(distinct) == 2:
        return "classification"
    if has_leading_zeros(values):
        return "classification"
    if all(isinstance(label, str) for label in distinct):
        many = len(distinct) > MAX_INTEGER_CLASSES
        return "regression" if many and as_numbers(values).notna().all() else "classification"
    few = len(distinct) <= min(MAX_INTEGER_CLASSES, len(values) // ROWS_PER_INTEGER_CLASS)
    whole = all(isinstance(label, bool | int) for label in distinct)
    return "classification" if whole and few else "regression"


def labels_of(values: Column) -> list[Label]:
    """Give values as plain labels: bool, int (also for whole floats), float or str.

    Args:
        values: `(N,)` without missing values.
    """
    if isinstance(values.dtype, pd.CategoricalDtype) or types.is_object_dtype(values.dtype):
        values = values.astype(object).infer_objects()
    if types.is_bool_dtype(values.dtype):
        return [bool(value) for value in values]
    if types.is_integer_dtype(values.dtype):
        return [int(value) for value in values]
    if types.is_numeric_dtype(values.dtype):
        numbers = values.to_numpy(dtype="float64")
        if np.isfinite(numbers).all() and (numbers == np.floor(numbers)).all():
            return [int(value) for value in values]
        return [float(value) for value in numbers]
    return [str(text).strip() for text in as_text(values)]


def code_classes(values: Column, target: str) -> tuple[NDArray[np.int64], tuple[Label, ...]]:
    """Code a classification target.

    Args:
        values: `(N,)` without missing values.
        target: its name, for messages.

    Returns:
        int64 codes `(N,)`, and the label of each code, sorted.

    Raises:
        InputError: one class only, more than 1,000, or as many as rows; infinite values.
    """
    labels = labels_of(values)
    _refuse_infinite(values, target)
    classes: tuple[Label, ...] = tuple(sorted(set(labels)))
    if len(classes) < 2:
        raise InputError(
            f"the target '{target}' has the one value {quote_names(classes)} in every row",
            "there is nothing to predict",
        )
    if len(classes) > MAX_CLASSES or len(classes) == len(labels):
        raise InputError(
            f"the target '{target}' has {len(classes)} classes in {len(labels)} rows",
            "it looks like an identifier or a text, or like numbers for --task regression",
        )
    code = {label: position for position, label in enumerate(classes)}
    return np.array([code[label] for label in labels], dtype=np.int64), classes


def code_numbers(values: Column, target: str, *, constant: bool = False) -> NDArray[np.float64]:
    """Give a regression target as float64 `(N,)`.

    Args:
        values: `(N,)` without missing values.
        target: its name, for messages.
        constant: whether one value in every row is fine, as it is in test data.

    Raises:
        InputError: values that are no numbers or are infinite, or one value in every row.
    """
    numbers = as_numbers(values)
    unread = values[numbers.isna()]
    if len(unread):
        raise InputError(
            f"the target '{target}' cannot be used for regression: "
            f"{count_of(len(unread), 'value is not a number', 'values are not numbers')}, "
            f"such as {quote_names(as_text(unread).unique().tolist(), 3)}",
        )
    _refuse_infinite(values, target)
    if not constant and numbers.nunique() < 2:
        raise InputError(
            f"the target '{target}' has the one value {quote_names(numbers.unique().tolist())} "
            "in every row",
            "there is nothing to predict",
        )
    return numbers.to_numpy(dtype="float64")


def code_like(
    values: Column, classes: Sequence[Label], target: str
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Code test labels by the training data's classes.

    A label that is known but for a full stop at its end is taken for the known one, with a
    warning: the test file of UCI's Adult writes its labels so.

    Args:
        values: `(M,)` without missing values.
        classes: the label of each code.
        target: its name, for messages.

    Returns:
        int64 codes `(M,)`, and warnings.

    Raises:
        InputError: labels that the training data does not have.
    """
    known = {_key(label): code for code, label in enumerate(classes)}
    labels = [_key(label) for label in labels_of(values)]
    stopped = {
        label for label in set(labels) - set(known) if label.endswith(".") and label[:-1] in known
    }
    unknown = sorted(set(labels) - set(known) - stopped)
    if unknown:
        raise InputError(
            f"the test data has {count_of(len(unknown), 'label')} in '{target}' that the training "
            f"data does not have: {quote_names(unknown)}",
            f"known are {quote_names(classes)}",
        )
    codes = [known[label[:-1] if label in stopped else label] for label in labels]
    warnings = (
        f"test labels ending in a full stop were read without it: {quote_names(sorted(stopped))}",
    )
    return np.array(codes, dtype=np.int64), warnings if stopped else ()


def _key(label: Any) -> str:
    # Booleans may arrive as words, in any case.
    text = text_of(label)
    return text.capitalize() if text.casefold() in ("true", "false") else text


def _refuse_infinite(values: Column, target: str) -> None:
    infinite = int(np.isinf(as_numbers(values)).sum()) if _numeric(values) else 0
    if infinite:
        raise InputError(
            f"the target '{target}' has {count_of(infinite, 'infinite value')}",
            "correct or remove these rows",
        )


def _numeric(values: Column) -> bool:
    return types.is_numeric_dtype(values.dtype) or types.is_object_dtype(values.dtype)
