"""From a fit to its cost: what is sent into the sandbox, and how its answer is scored.

Labels of held-out rows stay here; the sandbox gets training labels and returns predictions.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from automl_agent.data.splits import Fold
from automl_agent.optimization.trial import Fit, FitResult, Status
from automl_agent.sandbox.base import Call, Limits, Outcome
from automl_agent.sandbox.calls import fit_call
from automl_agent.tasks.base import Task
from automl_agent.tasks.metrics import Metric, UndefinedScoreError

LONGEST_SECONDS = 1e9

FAILED = {
    "timeout": Status.TIMEOUT,
    "memory": Status.MEMORY_OUT,
    "cancelled": Status.CANCELLED,
}


@dataclass(frozen=True)
class Scored:
    """A judged fit, with what it leaves behind.

    Attributes:
        result: how it ended.
        prediction: of the fold's validation rows, `(V, K)` or `(V,)`; None when it failed.
        model: the fitted estimator as opaque bytes; None when it failed.
    """

    result: FitResult
    prediction: NDArray[np.float64] | None = None
    model: bytes | None = None


@dataclass(frozen=True)
class Evaluation:
    """All that is the same for every fit of a search.

    Attributes:
        source: text of train.py.
        y: labels of the training part, `(N,)` int64 codes or float64.
        n_classes: number of classes, 0 for regression.
        folds: divisions of the training part.
        seed: given to `train`, the same for every fit, so that trials are compared on equal terms.
        limits: of one fit.
    """

    source: str
    task: Task
    metric: Metric
    y: NDArray[np.generic] = field(repr=False)
    n_classes: int
    folds: tuple[Fold, ...] = field(repr=False)
    seed: int
    limits: Limits

    def call(self, fit: Fit) -> Call:
        """The sandbox call for a fit."""
        fold = self.folds[fit.fold]
        return fit_call(
            self.source,
            fit.trial.config,
            task=self.task.name,
            train_rows=fold.train,
            labels=self.y[fold.train],
            predict_rows=fold.validation,
            seed=self.seed,
            budget=fit.trial.budget,
            want_model=True,
        )

    def judge(self, fit: Fit, outcome: Outcome) -> Scored:
        """Score the predictions of a fit against labels that it never saw."""
        fold = self.folds[fit.fold]
        seconds = outcome.seconds
        number = fit.trial.number
        if not outcome.ok:
            status = FAILED.get(outcome.status, Status.CRASHED)
            return Scored(FitResult(number, fit.fold, status, None, outcome.reason, seconds))
        problem = None
        try:
            prediction = outcome.prediction(len(fold.validation))
            model = outcome.blobs[1]
            problem = self.task.check_prediction(prediction, len(fold.validation), self.n_classes)
            cost = 0.0
            if problem is None:
                y = self.y[fold.validation]
                with np.errstate(all="ignore"):  # an overflow shows in the cost
                    cost = self.metric.cost(self.metric.score(y, prediction))
                if not np.isfinite(cost):
                    problem = f"{self.metric.name} of its predictions is {cost}"
        except (ValueError, IndexError, UndefinedScoreError) as error:
            problem = f"unusable predictions: {error}"
        if problem is not None:
            return Scored(FitResult(number, fit.fold, Status.CRASHED, None, problem, seconds))
        result = FitResult(
            number,
            fit.fold,
            Status.SUCCESS,
            float(cost),
            "",
            seconds,
            fit_seconds=_seconds(outcome.value.get("fit_seconds")),
            predict_seconds=_seconds(outcome.value.get("predict_seconds")),
        )
        return Scored(result, prediction, model)


def _seconds(value: object) -> float:
    """A duration reported from inside the sandbox, where generated code may have touched it."""
    return float(value) if isinstance(value, int | float) and 0 <= value < LONGEST_SECONDS else 0.0
