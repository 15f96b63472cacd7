"""The learning problem of a run: a dataset divided, with its task and metric."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl_agent.data.dataset import Dataset, load_dataset
from automl_agent.data.metadata import DatasetMetadata, describe
from automl_agent.data.splits import Fold, make_folds, split_test_rows
from automl_agent.environment import library_versions
from automl_agent.exceptions import InputError
from automl_agent.settings import Decision, TuneSettings, decide_folds
from automl_agent.tasks.base import Task
from automl_agent.tasks.metrics import Metric, UndefinedScoreError, find_metric
from automl_agent.tasks.registry import find_task


@dataclass(frozen=True)
class Problem:
    """What is to be learnt, and on which rows.

    Attributes:
        X: features of the training part `(N, D)`, index 0..N-1.
        y: labels of the training part `(N,)`.
        X_test: features of the test part `(M, D)`.
        y_test: labels of the test part `(M,)`; nothing reads them before the last decision.
        folds: divisions of the training part.
        n_folds: how many, and who decided that.
        metadata: description of the training part.
        test_origin: where the test rows come from, in words.
    """

    dataset: Dataset = field(repr=False)
    task: Task
    metric: Metric
    X: pd.DataFrame = field(repr=False)
    y: NDArray[np.generic] = field(repr=False)
    X_test: pd.DataFrame = field(repr=False)
    y_test: NDArray[np.generic] = field(repr=False)
    folds: tuple[Fold, ...] = field(repr=False)
    n_folds: Decision
    metadata: DatasetMetadata = field(repr=False)
    test_origin: str

    @property
    def n_classes(self) -> int:
        """Number of classes, 0 for regression."""
        return len(self.dataset.classes)

    def facts(self, settings: TuneSettings) -> dict[str, Any]:
        """What prompts and offline recipes are made from."""
        versions = library_versions().items()
        return {
            "model": settings.model_name,
            "metadata": self.metadata.model_dump(),
            "metadata_text": self.metadata.prompt_text(),
            "environment": ", ".join(f"{name} {version}" for name, version in versions),
            "metric": self.metric.name,
            "n_folds": len(self.folds),
            "trials": settings.trials,
            "time": settings.time,
        }


def pose_problem(settings: TuneSettings, seed: int) -> Problem:
    """Load the data, put the test rows away and divide the rest.

    Raises:
        InputError: the data, the target, the metric or the folds cannot be used.
    """
    dataset = load_dataset(
        settings.dataset, target=settings.target, task=settings.task, test_data=settings.test_data
    )
    task = find_task(dataset.task)
    metric = find_metric(settings.metric or task.default_metric, dataset.task)
    if dataset.given_test is not None:
        rows = np.arange(len(dataset.y), dtype=np.int64)
        X_test, y_test = dataset.given_test
        origin = dataset.test_origin
    else:
        rows, test_rows = split_test_rows(dataset.y, dataset.task, seed=seed)
        X_test = dataset.X.iloc[test_rows].reset_index(drop=True)
        y_test = dataset.y[test_rows]
        how = "20 %, stratified" if dataset.classes else "20 % at random"
        origin = f"{how}, put away first"
    y = dataset.y[rows]
    n_folds = decide_folds(settings, len(y))
    folds = make_folds(y, dataset.task, n_folds=n_folds.value, seed=seed)
    check_metric(metric, task, y, folds)
    return Problem(
        dataset=dataset,
        task=task,
        metric=metric,
        X=dataset.X.iloc[rows].reset_index(drop=True),
        y=y,
        X_test=X_test,
        y_test=y_test,
        folds=folds,
        n_folds=n_folds,
        metadata=describe(dataset, rows),
        test_origin=origin,
    )


def check_metric(
    metric: Metric, task: Task, y: NDArray[np.generic], folds: tuple[Fold, ...]
) -> None:
    """See that the metric has a value in every fold, by scoring a prediction without features.

    Raises:
        InputError: it has none, for example because a fold holds a single class.
    """
    for fold in folds:
        baseline = task.baseline_prediction(y[fold.train], len(fold.validation))
        try:
            metric.score(y[fold.validation], baseline)
        except UndefinedScoreError as error:
            raise InputError(
                f"{metric.name} cannot be computed in fold {fold.index + 1} of {len(folds)}: "
                f"{error.message}",
                "choose another --metric, or fewer --folds",
            ) from error
