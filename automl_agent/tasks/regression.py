"""Regression: one number per row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl_agent.tasks.base import Task, numbers_problem
from automl_agent.tasks.metrics import Floats


def _problem(array: Any, n_rows: int, _: int) -> str | None:
    shape = getattr(array, "shape", None)
    if shape is not None and shape != (n_rows,):
        return f"predict gave shape {shape} instead of ({n_rows},): one number per row of X"
    return numbers_problem(array)


def _mean(y_train: NDArray[Any], n: int) -> Floats:
    return np.full(n, float(np.mean(y_train)))


REGRESSION_TASK = Task("regression", "rmse", _problem, _mean)
