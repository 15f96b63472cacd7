"""Scores on the test rows, with how sure they are."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl_agent.data.problem import Problem
from automl_agent.tasks.bootstrap import bootstrap_interval
from automl_agent.tasks.metrics import UndefinedScoreError, find_metric, metric_names

INTERVAL_SEED = 0


@dataclass(frozen=True)
class TestScore:
    """A model's score on the test rows.

    Attributes:
        score: in the metric's natural units; NaN where it is undefined on these rows.
        low: lower end of the 95 % bootstrap interval.
        high: upper end of it.
        others: every other metric of the task that is defined on these rows.
    """

    __test__ = False  # not a test case, whatever its name

    score: float
    low: float
    high: float
    others: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """JSON form; NaN becomes null."""
        return {
            name: None if isinstance(value, float) and np.isnan(value) else value
            for name, value in asdict(self).items()
        }


def score_test(problem: Problem, prediction: NDArray[np.float64]) -> TestScore:
    """Score predictions of the test rows, `(M, K)` or `(M,)`."""
    metric, y = problem.metric, problem.y_test
    others = {}
    for name in metric_names(problem.task.name):
        if name != metric.name:
            try:
                others[name] = find_metric(name, problem.task.name).score(y, prediction)
            except UndefinedScoreError:
                continue
    try:
        low, high = bootstrap_interval(metric, y, prediction, seed=INTERVAL_SEED)
        return TestScore(metric.score(y, prediction), low, high, others)
    except UndefinedScoreError:
        return TestScore(float("nan"), float("nan"), float("nan"), others)
