"""Metrics: one frozen object each, from which the cost to be minimised is derived in one place.

Predictions of classification are probabilities `(N, K)`, float64; a metric that needs labels takes
the most probable class (and also accepts codes `(N,)`). Predictions of regression are `(N,)`.
Everything takes row weights, which the bootstrap uses.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from automl_agent.exceptions import InputError

Floats = NDArray[np.float64]
RowValues: TypeAlias = Callable[[NDArray[Any], NDArray[Any]], Floats]
Score: TypeAlias = Callable[[NDArray[Any], NDArray[Any], Floats], float]

CLASSIFICATION = frozenset({"classification"})
REGRESSION = frozenset({"regression"})
_SMALLEST_PROBABILITY = 1e-15


class UndefinedScoreError(InputError):
    """The metric has no value on these rows, for example ROC AUC with one class only."""


@dataclass(frozen=True)
class Metric:
    """How predictions are scored.

    Attributes:
        name: the name used in options and logs.
        tasks: names of the tasks it fits.
        direction: "minimize" or "maximize", of the score.
        needs: "proba", "labels" (the most probable class) or "values".
        best: the best possible score.
        worst: the worst possible score; None where there is no bound.
        function: (y, prediction, weights) -> score, in natural units.
        row_values: for a metric that is (a function of) a weighted mean over rows: each row's
            share; None for the others.
        of_mean: what makes the score of that mean.
    """

    name: str
    tasks: frozenset[str]
    direction: Literal["minimize", "maximize"]
    needs: Literal["proba", "labels", "values"]
    best: float
    worst: float | None
    function: Score
    row_values: RowValues | None = None
    of_mean: Callable[[Any], Any] = float

    def score(
        self,
        y: NDArray[Any],
        prediction: NDArray[Any],
        sample_weight: NDArray[Any] | None = None,
    ) -> float:
        """Score predictions, in the metric's natural units.

        Args:
            y: int64 codes or float64 values `(N,)`.
            prediction: probabilities `(N, K)` or values `(N,)`.
            sample_weight: weights `(N,)`, not negative; None weighs all rows alike.

        Raises:
            UndefinedScoreError: the metric has no value on these rows.
        """
        if not len(y):
            raise UndefinedScoreError(f"{self.name} needs at least one row")
        weights = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, float)
        return float(self.function(y, self.prepare(prediction), weights))

    def prepare(self, prediction: NDArray[Any]) -> NDArray[Any]:
        """Turn predictions into what `function` and `row_values` take."""
        prediction = np.asarray(prediction)
        if self.needs == "labels" and prediction.ndim == 1:
            return np.eye(int(prediction.max()) + 1)[prediction.astype(np.int64)]
        return prediction

    def cost(self, score: float) -> float:
        """Give the cost to be minimised: the score, or 1 - score where 1 is best, or -score."""
        if self.direction == "minimize":
            return score
        return 1.0 - score if self.best == 1.0 else -score

    def score_from_cost(self, cost: float) -> float:
        """Undo `cost`."""
        if self.direction == "minimize":
            return cost
        return 1.0 - cost if self.best == 1.0 else -cost


def find_metric(name: str, task: str) -> Metric:
    """Look up a metric by its name or an alias, in any case.

    Args:
        name: for example "log_loss", "logloss" or "AUC".
        task: the task's name.

    Raises:
        InputError: there is no such metric, or it does not fit the task.
    """
    if not isinstance(name, str):
        raise InputError(
            f"the metric is of type {type(name).__name__}, not a name",
            f"for {task}: {', '.join(metric_names(task))}",
        )
    wanted = name.strip().lower().replace("-", "_").replace(" ", "_")
    fitting = metric_names(task)
    choice = f"for {task}: {', '.join(fitting)}"
    metric = METRICS.get(_ALIASES.get(wanted, wanted))
    if metric is None:
        near = difflib.get_close_matches(wanted, [*fitting, *_ALIASES], n=1)
        near = [_ALIASES.get(match, match) for match in near]
        guess = f"did you mean '{near[0]}'? " if near and near[0] in fitting else ""
        raise InputError(f"there is no metric '{name}'", guess + choice)
    if task not in metric.tasks:
        raise InputError(f"the metric '{metric.name}' does not fit {task}", choice)
    return metric


def metric_names(task: str) -> tuple[str, ...]:
    """Name the metrics that fit a task."""
    return tuple(name for name, metric in METRICS.items() if task in metric.tasks)


def _log_loss_rows(y: NDArray[Any], proba: NDArray[Any]) -> Floats:
    # Renormalised, so that rows that miss a sum of 1 by rounding gain nothing from it.
    clipped = np.maximum(np.asarray(proba, np.float64), _SMALLEST_PROBABILITY)
    of_truth = clipped[np.arange(len(y)), y]
    return np.asarray(np.log(clipped.sum(axis=1)) - np.log(of_truth), np.float64)


def _hit_rows(y: NDArray[Any], proba: NDArray[Any]) -> Floats:
    return np.asarray(proba.argmax(axis=1) == y, np.float64)


def _squared_rows(y: NDArray[Any], values: NDArray[Any]) -> Floats:
    return np.asarray((y - values) ** 2, np.float64)


def _absolute_rows(y: NDArray[Any], values: NDArray[Any]) -> Floats:
    return np.asarray(np.abs(y - values), np.float64)


def _squared_log_rows(y: NDArray[Any], values: NDArray[Any]) -> Floats:
    if np.min(y) < 0:
        raise UndefinedScoreError("rmsle is not defined for negative targets", "choose rmse or mae")
    # Predictions below zero count as zero: a model of a positive target may undershoot a little.
    return np.asarray((np.log1p(y) - np.log1p(np.maximum(values, 0.0))) ** 2, np.float64)


def _percentage_rows(y: NDArray[Any], values: NDArray[Any]) -> Floats:
    if np.any(y == 0):
        raise UndefinedScoreError("mape is not defined for targets of zero", "choose rmse or mae")
    return np.asarray(np.abs((y - values) / y), np.float64)


def _confusion(y: NDArray[Any], proba: NDArray[Any], weights: Floats) -> Floats:
    """Sum weights by true class (rows) and predicted class (columns), `(K, K)`."""
    k = max(proba.shape[1], int(y.max()) + 1)
    cells = np.bincount(y * k + proba.argmax(axis=1), weights=weights, minlength=k * k)
    return np.asarray(cells, np.float64).reshape(k, k)


def _balanced_accuracy(y: NDArray[Any], proba: NDArray[Any], weights: Floats) -> float:
    table = _confusion(y, proba, weights)
    rows = table.sum(axis=1)
    return float(np.mean(np.diag(table)[rows > 0] / rows[rows > 0]))


def _f1(y: NDArray[Any], proba: NDArray[Any], weights: Floats) -> float:
    """F1 of code 1 for two classes; else the plain mean over the classes seen or predicted."""
    table = _confusion(y, proba, weights)
    hits, both = np.diag(table), table.sum(axis=0) + table.sum(axis=1)
    if len(table) == 2:
        return float(2 * hits[1] / both[1]) if both[1] > 0 else 0.0
    return float(np.mean(2 * hits[both > 0] / both[both > 0]))


def _roc_auc(y: NDArray[Any], proba: NDArray[Any], weights: Floats) -> float:
    """ROC AUC of code 1 for two classes; else the plain one-versus-rest mean over classes seen."""
    present = np.unique(y[weights > 0])
    if len(present) < 2:
        raise UndefinedScoreError("roc_auc is not defined where only one class is present")
    if proba.shape[1] == 2:
        return _binary_auc(y == 1, proba[:, 1], weights)
    return float(np.mean([_binary_auc(y == code, proba[:, code], weights) for code in present]))


def _binary_auc(positive: NDArray[np.bool_], score: Floats, weights: Floats) -> float:
    """Weighted chance that a positive row scores above a negative one; ties count half."""
    _, place = np.unique(score, return_inverse=True)
    up = np.bincount(place, weights=weights * positive)
    down = np.bincount(place, weights=weights * ~positive)
    below = np.cumsum(down) - down
    return float(np.sum(up * (below + down / 2)) / (up.sum() * down.sum()))


def _r2(y: NDArray[Any], values: NDArray[Any], weights: Floats) -> float:
    spread = float(np.sum(weights * (y - np.average(y, weights=weights)) ** 2))
    if spread <= 0.0:
        raise UndefinedScoreError("r2 is not defined where all targets are the same")
    return 1.0 - float(np.sum(weights * (y - values) ** 2)) / spread


def _mean_metric(
    name: str,
    tasks: frozenset[str],
    direction: Literal["minimize", "maximize"],
    needs: Literal["proba", "labels", "values"],
    best: float,
    worst: float | None,
    row_values: RowValues,
    of_mean: Callable[[Any], Any] = np.asarray,
) -> Metric:
    """Make a metric that is a function of a weighted mean over rows."""

    def function(y: NDArray[Any], prediction: NDArray[Any], weights: Floats) -> float:
        return float(of_mean(np.average(row_values(y, prediction), weights=weights)))

    return Metric(name, tasks, direction, needs, best, worst, function, row_values, of_mean)


#: All metrics by name. ROC AUC and F1 of two classes take code 1 (the second label) as positive.
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _mean_metric("log_loss", CLASSIFICATION, "minimize", "proba", 0.0, None, _log_loss_rows),
        _mean_metric("accuracy", CLASSIFICATION, "maximize", "labels", 1.0, 0.0, _hit_rows),
        Metric("balanced_accuracy", CLASSIFICATION, "maximize", "labels", 1.0, 0.0,
               _balanced_accuracy),
        Metric("f1", CLASSIFICATION, "maximize", "labels", 1.0, 0.0, _f1),
        Metric("roc_auc", CLASSIFICATION, "maximize", "proba", 1.0, 0.0, _roc_auc),
        _mean_metric("rmse", REGRESSION, "minimize", "values", 0.0, None, _squared_rows, np.sqrt),
        _mean_metric("mse", REGRESSION, "minimize", "values", 0.0, None, _squared_rows),
        _mean_metric("mae", REGRESSION, "minimize", "values", 0.0, None, _absolute_rows),
        Metric("r2", REGRESSION, "maximize", "values", 1.0, None, _r2),
        _mean_metric("rmsle", REGRESSION, "minimize", "values", 0.0, None, _squared_log_rows,
                     np.sqrt),
        _mean_metric("mape", REGRESSION, "minimize", "values", 0.0, None, _percentage_rows),
    )
}  # fmt: skip

_ALIASES = {
    "logloss": "log_loss",
    "cross_entropy": "log_loss",
    "neg_log_loss": "log_loss",
    "acc": "accuracy",
    "bac": "balanced_accuracy",
    "bacc": "balanced_accuracy",
    "f1_score": "f1",
    "f1_macro": "f1",
    "macro_f1": "f1",
    "auc": "roc_auc",
    "rocauc": "roc_auc",
    "auroc": "roc_auc",
    "root_mean_squared_error": "rmse",
    "mean_squared_error": "mse",
    "mean_absolute_error": "mae",
    "r2_score": "r2",
    "r_squared": "r2",
    "mean_absolute_percentage_error": "mape",
}
