"""What a task is: its default metric, what a prediction must look like, and its baseline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl_agent.tasks.metrics import Floats, Metric

# A crashed trial costs this many times what the baseline costs.
_CRASH_FACTOR = 2.0
# What it costs where the baseline happens to be perfect.
_PERFECT_BASELINE_CRASH = 1.0


@dataclass(frozen=True)
class Task:
    """A learning task on tables.

    Attributes:
        name: "classification" or "regression".
        default_metric: name of the metric that is used unless the user chooses.
        problem_of: (prediction, n_rows, n_classes) -> what is wrong with it, or None.
        baseline_of: (y_train, n) -> the prediction for n rows that knows no features.
        crash_floor: what a crashed trial costs at least, by a metric without a worst score.
    """

    name: str
    default_metric: str
    problem_of: Callable[[Any, int, int], str | None]
    baseline_of: Callable[[NDArray[Any], int], Floats]
    crash_floor: float = 0.0

    def check_prediction(self, array: Any, n_rows: int, n_classes: int = 0) -> str | None:
        """Check what an estimator predicted.

        Args:
            array: the prediction.
            n_rows: how many rows were to be predicted.
            n_classes: how many classes there are; of no meaning for regression.

        Returns:
            What is wrong, in words for whoever wrote the estimator, or None.
        """
        return self.problem_of(array, n_rows, n_classes)

    def baseline_prediction(self, y_train: NDArray[Any], n: int) -> Floats:
        """Predict without features: the class shares `(n, K)`, or the mean `(n,)`.

        Args:
            y_train: codes (every class present) or values `(T,)`.
            n: rows to predict.
        """
        return self.baseline_of(y_train, n)

    def crash_cost(self, metric: Metric, y: NDArray[Any]) -> float:
        """Give the finite cost that a crashed trial is told with.

        It is the cost of the metric's worst score; where that has no bound, twice the baseline's
        cost on these rows, but not less than the task's floor.

        Args:
            metric: the metric in use.
            y: the training part's target `(T,)`.

        Raises:
            UndefinedScoreError: the metric is not defined for this target.
        """
        if metric.worst is not None:
            return metric.cost(metric.worst)
        baseline = metric.cost(metric.score(y, self.baseline_prediction(y, len(y))))
        if baseline <= 0:
            return max(_PERFECT_BASELINE_CRASH, self.crash_floor)
        return max(_CRASH_FACTOR * baseline, self.crash_floor)


def numbers_problem(array: Any) -> str | None:
    """Tell whether a prediction is an array of finite real numbers; words for what is wrong."""
    if not isinstance(array, np.ndarray):
        return f"the prediction is a {type(array).__name__}, not a numpy array"
    if array.dtype.kind not in "fiu":
        return f"the prediction has dtype {array.dtype}, not a floating-point one"
    bad = int(array.size - np.isfinite(array).sum())
    return f"{bad} of {array.size} predicted values are NaN or infinite" if bad else None
