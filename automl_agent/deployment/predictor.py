"""Predictions of a fitted model, made inside a sandbox: here models are opaque bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from automl_agent.exceptions import RunFailedError
from automl_agent.sandbox.base import Limits, Tier
from automl_agent.sandbox.calls import predict_call, write_table
from automl_agent.sandbox.process import WorkerProcess
from automl_agent.tasks.base import Task

if TYPE_CHECKING:
    import pandas as pd


class Predictor:
    """A sandbox worker with a table to be predicted; use it as a context manager.

    Args:
        frame: typed features `(N, D)`, by the schema that the model was trained with.
        task: what the model predicts.
        n_classes: number of classes, 0 for regression.
        tier: how the worker is contained.
        preload: library modules that the models need.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        *,
        task: Task,
        n_classes: int,
        tier: Tier,
        preload: tuple[str, ...] = (),
    ) -> None:
        self._n_rows, self._task, self._n_classes = len(frame), task, n_classes
        self._frame = frame
        self._folder = tempfile.TemporaryDirectory(prefix="automl-agent-")
        root = Path(self._folder.name)
        self._worker = WorkerProcess(
            tier, data=root / "data", scratch=root / "scratch", preload=preload
        )

    def __enter__(self) -> Predictor:
        try:
            write_table(self._frame, Path(self._folder.name) / "data")
            self._worker.start()
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._worker.close()
        self._folder.cleanup()

    def predict(self, models: Sequence[bytes], limits: Limits) -> NDArray[np.float64]:
        """Mean prediction of one or several models.

        Returns:
            `(N, K)` class probabilities, or `(N,)` values.

        Raises:
            RunFailedError: a model cannot be loaded, or predicts rubbish.
        """
        rows = np.arange(self._n_rows, dtype=np.int64)
        predictions = []
        for model in models:
            outcome = self._worker.run(predict_call(model, rows, task=self._task.name), limits)
            if not outcome.ok:
                raise RunFailedError(f"the model cannot predict: {outcome.reason}")
            try:
                prediction = outcome.prediction(self._n_rows)
                problem = self._task.check_prediction(prediction, self._n_rows, self._n_classes)
            except (ValueError, IndexError) as error:
                problem = str(error)
            if problem is not None:
                raise RunFailedError(f"the model's predictions cannot be used: {problem}")
            predictions.append(prediction)
        return np.asarray(np.mean(predictions, axis=0))
