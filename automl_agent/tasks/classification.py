"""Classification: probabilities for the codes 0..K-1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl_agent.tasks.base import Task, numbers_problem
from automl_agent.tasks.metrics import Floats

# How far a row's probabilities may be from a sum of 1; single precision stays well within.
_SUM_TOLERANCE = 1e-3


def _problem(array: Any, n_rows: int, n_classes: int) -> str | None:
    shape = getattr(array, "shape", None)
    if shape is not None and shape != (n_rows, n_classes):
        return (
            f"predict_proba gave shape {shape} instead of ({n_rows}, {n_classes}): "
            "one row per row of X, one column per class"
        )
    problem = numbers_problem(array)
    if problem:
        return problem
    if array.size and array.min() < 0:
        return f"predict_proba gave negative probabilities, down to {array.min():.3g}"
    with np.errstate(over="ignore"):  # two huge numbers: their sum is off in any case
        sums = array.sum(axis=1)
    off = np.abs(sums - 1.0)
    if np.any(off > _SUM_TOLERANCE):
        worst = int(off.argmax())
        return (
            f"predict_proba gave {int((off > _SUM_TOLERANCE).sum())} rows that do not sum to 1; "
            f"row {worst} sums to {sums[worst]:.6g}"
        )
    return None


def _shares(y_train: NDArray[Any], n: int) -> Floats:
    counts = np.bincount(y_train)
    return np.tile(counts / counts.sum(), (n, 1))


# With one class in nearly every row the baseline's log loss is so small that a working model may
# cost more than twice of it; a crash should not look better than that.
_CRASH_FLOOR = 1.0

CLASSIFICATION_TASK = Task("classification", "log_loss", _problem, _shares, _CRASH_FLOOR)
