"""Scores on the test rows, with how sure they are."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl_agent.data.problem import Problem
from automl_agent.tasks.bootstrap import bootstrap_difference, bootstrap_interval
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


@dataclass(frozen=True)
class TestScores:
    """What the test rows said, when they were opened.

    Attributes:
        final: of the model that the run delivers.
        default: of the default configuration's; None where there is none to compare with.
        gain: interval for how much better the final model is, in the metric's units, positive
            when it is; both models are compared on the same resampled rows. None without default.
    """

    __test__ = False

    final: TestScore
    default: TestScore | None = None
    gain: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "final": self.final.to_dict(),
            "default": None if self.default is None else self.default.to_dict(),
            "gain": self.gain,
        }


def score_models(
    problem: Problem, final: NDArray[np.float64], default: NDArray[np.float64] | None
) -> TestScores:
    """Score the predictions of the test rows, `(M, K)` or `(M,)`, by both models."""
    if default is None:
        return TestScores(_score(problem, final))
    return TestScores(
        _score(problem, final), _score(problem, default), _gain(problem, final, default)
    )


def _gain(
    problem: Problem, final: NDArray[np.float64], default: NDArray[np.float64]
) -> tuple[float, float] | None:
    pair = (default, final) if problem.metric.direction == "minimize" else (final, default)
    try:
        low, high = bootstrap_difference(problem.metric, problem.y_test, *pair, seed=INTERVAL_SEED)
    except UndefinedScoreError:
        return None
    return None if np.isnan(low) else (low, high)


def _score(problem: Problem, prediction: NDArray[np.float64]) -> TestScore:
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
