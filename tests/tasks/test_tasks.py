"""Tasks: what a prediction must look like, the baseline, and what a crash costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from automl_agent.exceptions import InputError
from automl_agent.tasks.metrics import METRICS, UndefinedScoreError, find_metric, metric_names
from automl_agent.tasks.registry import TASKS, find_task

GOOD = np.array([[0.2, 0.8], [1.0, 0.0], [0.5, 0.5]])


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_good_predictions(dtype: str) -> None:
    assert find_task("classification").check_prediction(GOOD.astype(dtype), 3, 2) is None
    assert find_task("regression").check_prediction(GOOD[:, 0].astype(dtype), 3) is None
    assert find_task("regression").check_prediction(np.array([1, 2, 3]), 3) is None


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (GOOD.tolist(), "is a list, not a numpy array"),
        (GOOD[:2], r"shape (2, 2) instead of (3, 2)"),
        (GOOD[:, 1], r"shape (3,) instead of (3, 2)"),
        (np.where(GOOD == 0, np.nan, GOOD), "1 of 6 predicted values are NaN or infinite"),
        (GOOD.astype(object), "dtype object"),
        (GOOD.astype(complex), "dtype complex128"),
        (GOOD - [[0.3, -0.3]], "negative probabilities, down to -0.1"),
        (GOOD * 2, "3 rows that do not sum to 1; row 0 sums to 2"),
        (None, "is a NoneType"),
    ],
)
def test_bad_probabilities(array: Any, problem: str) -> None:
    assert problem in (find_task("classification").check_prediction(array, 3, 2) or "")


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        ([1.0, 2.0, 3.0], "is a list"),
        (np.ones((3, 1)), "shape (3, 1) instead of (3,)"),
        (np.array([1.0, np.inf, 2.0]), "NaN or infinite"),
        (np.array(["a", "b", "c"]), "dtype <U1"),
    ],
)
def test_bad_values(array: Any, problem: str) -> None:
    assert problem in (find_task("regression").check_prediction(array, 3) or "")


def test_baselines() -> None:
    shares = find_task("classification").baseline_prediction(np.array([0, 1, 1, 1]), 2)
    assert shares.tolist() == [[0.25, 0.75], [0.25, 0.75]]
    assert find_task("regression").baseline_prediction(np.array([1.0, 3.0]), 2).tolist() == [2, 2]


@pytest.mark.parametrize("task", TASKS)
def test_every_metric_has_a_finite_crash_cost(task: str) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 50) if task == "classification" else rng.uniform(1.0, 5.0, 50)
    found = find_task(task)
    baseline = found.baseline_prediction(y, 50)
    for name in metric_names(task):
        metric = METRICS[name]
        cost = found.crash_cost(metric, y)
        assert np.isfinite(cost)
        assert cost > metric.cost(metric.score(y, baseline))


def test_crash_costs() -> None:
    classification, regression = find_task("classification"), find_task("regression")
    y = np.array([0, 0, 1, 1])
    assert classification.crash_cost(METRICS["log_loss"], y) == pytest.approx(2 * np.log(2))
    assert classification.crash_cost(METRICS["accuracy"], y) == 1.0
    # Nearly pure: twice the baseline's log loss would be cheaper than a poor model's.
    pure = np.array([0] * 999 + [1])
    assert classification.crash_cost(METRICS["log_loss"], pure) == 1.0
    values = np.array([1.0, 3.0])
    assert regression.crash_cost(METRICS["rmse"], values) == pytest.approx(2.0)
    assert regression.crash_cost(METRICS["r2"], values) == pytest.approx(2.0)
    assert regression.crash_cost(METRICS["rmse"], np.ones(3)) == 1.0
    with pytest.raises(UndefinedScoreError, match="negative targets"):
        regression.crash_cost(METRICS["rmsle"], -values)


def test_find_task() -> None:
    assert find_task(" Regression ").name == "regression"
    with pytest.raises(InputError, match=r"no task 'regresion' \(did you mean 'regression'"):
        find_task("regresion")
    for task in TASKS.values():
        assert task.name in find_metric(task.default_metric, task.name).tasks
