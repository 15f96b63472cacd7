"""A run, finished or not, as an object: its incumbents, its trials, its model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from automl_agent.data.schema import TableSchema
from automl_agent.deployment.predictor import Predictor
from automl_agent.exceptions import InputError, RunFailedError
from automl_agent.optimization.events import History, read_history, read_incumbents
from automl_agent.optimization.trial import Incumbent
from automl_agent.run_directory import RunDirectory
from automl_agent.sandbox.base import Limits
from automl_agent.sandbox.selection import select_tier
from automl_agent.tasks.registry import find_task

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Run:
    """One run directory, read when asked for.

    Attributes:
        directory: where it lies.
    """

    directory: RunDirectory

    @property
    def name(self) -> str:
        """The run's name."""
        return self.directory.name

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.directory.path

    @property
    def state(self) -> str:
        """running, finished, failed, interrupted or killed."""
        return self.directory.state()[0]

    @cached_property
    def description(self) -> dict[str, Any]:
        """What was asked and decided: run.json."""
        return self.directory.read("run.json")

    @property
    def result(self) -> dict[str, Any]:
        """What was found: result.json.

        Raises:
            RunDirectoryError: the run has not finished.
        """
        return self.directory.read("result.json")

    @property
    def incumbents(self) -> list[Incumbent]:
        """Every trial that was the best when it ended, oldest first."""
        return read_incumbents(self.path / "incumbents.jsonl")

    @property
    def incumbent(self) -> Incumbent | None:
        """The best trial, None while there is none."""
        return self.incumbents[-1] if self.incumbents else None

    @property
    def history(self) -> History:
        """Every trial and how it ended."""
        return read_history(self.path / "events.jsonl")

    def trajectory(self) -> pd.DataFrame:
        """The incumbents as a table: trial, seconds, score, cost, origin, and a column per
        hyperparameter (missing where inactive).
        """
        import pandas as pd

        rows = [
            {
                "trial": incumbent.trial,
                "seconds": incumbent.finished_at,
                "score": incumbent.score,
                "cost": incumbent.cost,
                "origin": incumbent.origin.value,
                **incumbent.config,
            }
            for incumbent in self.incumbents
        ]
        return pd.DataFrame(rows)

    def predict(self, frame: pd.DataFrame, *, sandbox: str = "auto") -> NDArray[Any]:
        """Labels `(N,)` or values `(N,)` for new rows.

        Args:
            frame: a table with the training table's columns, in any order. Unseen categories count
                as missing; further columns are ignored.
            sandbox: tier of containment for the model, or "auto".

        Raises:
            InputError: a column is missing.
            RunFailedError: the run has no model, or it cannot predict these rows.
        """
        prediction = self._predict(frame, sandbox)
        if not self.classes:
            return prediction
        labels: NDArray[Any] = np.array(self.classes)
        chosen: NDArray[Any] = labels[prediction.argmax(axis=1)]
        return chosen

    def predict_proba(self, frame: pd.DataFrame, *, sandbox: str = "auto") -> pd.DataFrame:
        """Class probabilities `(N, K)`, one column per class, named by it; see `predict`.

        Raises:
            InputError: the task is regression, or a column is missing.
        """
        import pandas as pd

        self.check_model(proba=True)
        chances = self._predict(frame, sandbox)
        return pd.DataFrame(chances, columns=list(self.classes), index=frame.index)

    def check_model(self, *, proba: bool = False) -> None:
        """See that the run has a model, and one that gives probabilities if these are wanted.

        Raises:
            RunFailedError: it has no model.
            InputError: it is a regression and probabilities are wanted.
        """
        classes = self.classes
        if proba and not classes:
            raise InputError(
                f"run {self.name} is a regression: it predicts values, not probabilities"
            )

    @property
    def classes(self) -> tuple[Any, ...]:
        """Class labels in the order of their codes; () for regression."""
        return tuple(self._schema["classes"])

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns that the model uses."""
        return TableSchema.from_dict(self._schema["schema"]).names

    @property
    def target(self) -> str:
        """Name of the target column."""
        return str(self._schema["target"])

    @cached_property
    def _schema(self) -> dict[str, Any]:
        if not (self.path / "model/model.json").exists():
            raise RunFailedError(f"run {self.name} has no model", f"it is {self.state}")
        return self.directory.read("schema.json")

    def _predict(self, frame: pd.DataFrame, sandbox: str) -> NDArray[np.float64]:
        schema = self._schema
        typed = TableSchema.from_dict(schema["schema"]).apply(frame)
        if typed.empty:
            return np.empty((0, len(self.classes)) if self.classes else 0)
        files = sorted((self.path / "model").glob("model_*.bin"), key=lambda p: (len(p.name), p))
        with Predictor(
            typed,
            task=find_task(schema["task"]),
            n_classes=len(self.classes),
            tier=select_tier(sandbox),
            preload=tuple(schema["modules"]),
        ) as predictor:
            return predictor.predict([file.read_bytes() for file in files], Limits())


def load_run(run: str | Path, logs: str | Path = "logs") -> Run:
    """A run by its name below `logs`, or by its path.

    Raises:
        InputError: there is no such run.
    """
    return Run(RunDirectory.find(run, Path(logs)))
