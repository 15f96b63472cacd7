"""The model that a run delivers: the winner refitted, or the bag of its fold models."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl_agent.json_lines import write_bytes, write_json
from automl_agent.optimization.optimizer import SearchResult
from automl_agent.sandbox.base import Limits, Outcome, Sandbox
from automl_agent.sandbox.calls import fit_call
from automl_agent.tasks.base import Task

SANITY_ROWS = 10
DEFAULT_TRIAL = 1


@dataclass(frozen=True)
class FinalModel:
    """A model of one configuration, ready to predict.

    Attributes:
        kind: "refit" on all training rows, or "bag" of the fold models, whose predictions are
            averaged.
        models: the fitted estimators as opaque bytes.
        reason: why it is a bag; "" for a refit.
        seconds: of the refit, 0 for a bag.
    """

    kind: str
    models: tuple[bytes, ...] = field(repr=False)
    reason: str = ""
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON form, without the models."""
        return {
            "kind": self.kind,
            "n_models": len(self.models),
            "bytes": sum(map(len, self.models)),
            "reason": self.reason,
            "seconds": round(self.seconds, 3),
        }

    def save(self, folder: Path) -> None:
        """Write the models and how they came about.

        Raises:
            RunDirectoryError: they cannot be written.
        """
        for number, model in enumerate(self.models):
            write_bytes(folder / f"model_{number}.bin", model)
        write_json(folder / "model.json", self.to_dict())


@dataclass(frozen=True)
class FinalModels:
    """What is examined in the end.

    Attributes:
        winner: the model that the run delivers.
        default: the default configuration's model, made in the same way; None if it is the winner
            itself, or did not work.
    """

    winner: FinalModel
    default: FinalModel | None


@dataclass(frozen=True)
class Refit:
    """How configurations are trained on all training rows.

    Attributes:
        source: text of train.py.
        task: what the models predict.
        y: labels of the training part, `(N,)`.
        n_classes: number of classes, 0 for regression.
        seed: given to `train`.
        limits: of one fit; its wall time is cut to what is left until `deadline`.
        deadline: on the clock of `time.monotonic`, infinite for no bound.
    """

    source: str
    task: Task
    y: NDArray[np.generic] = field(repr=False)
    n_classes: int
    seed: int
    limits: Limits
    deadline: float

    def fit(
        self,
        config: Mapping[str, Any],
        fold_models: Sequence[bytes],
        sandbox: Sandbox,
        cancelled: threading.Event | None = None,
    ) -> FinalModel:
        """Train on all rows; the bag of `fold_models` stands in if that fails or would be late.

        Args:
            config: plain values of the active hyperparameters.
            fold_models: what the folds of the search left behind.
            sandbox: where to train.
            cancelled: see `Sandbox.run`.
        """
        rows = np.arange(len(self.y), dtype=np.int64)
        call = fit_call(
            self.source,
            config,
            task=self.task.name,
            train_rows=rows,
            labels=self.y,
            predict_rows=rows[:SANITY_ROWS],
            seed=self.seed,
            budget=None,
            want_model=True,
        )
        limits = self._limits()
        if limits.wall_seconds <= 0:
            return FinalModel("bag", tuple(fold_models), "no time was left for a refit")
        outcome = sandbox.run(call, limits, cancelled)
        problem = self._problem(outcome, len(rows[:SANITY_ROWS]))
        if problem is None:
            return FinalModel("refit", (outcome.blobs[1],), seconds=outcome.seconds)
        return FinalModel("bag", tuple(fold_models), f"the refit failed: {problem}")

    def final_models(self, found: SearchResult, sandboxes: Sequence[Sandbox]) -> FinalModels:
        """The winner and the default configuration, side by side where there are two sandboxes."""
        wanted = {"winner": found.incumbent.trial}
        if found.incumbent.trial != DEFAULT_TRIAL and DEFAULT_TRIAL in found.models:
            wanted["default"] = DEFAULT_TRIAL
        cancelled = threading.Event()
        free: queue.SimpleQueue[Sandbox] = queue.SimpleQueue()
        for sandbox in sandboxes:
            free.put(sandbox)

        def one(number: int) -> FinalModel:
            sandbox = free.get()
            try:
                config = found.trials[number].config
                return self.fit(config, found.models[number], sandbox, cancelled)
            finally:
                free.put(sandbox)

        with ThreadPoolExecutor(max_workers=min(len(wanted), len(sandboxes))) as pool:
            try:
                models = dict(zip(wanted, pool.map(one, wanted.values()), strict=True))
            except BaseException:  # Ctrl-C, for one: leaving the pool waits for the running fits
                cancelled.set()
                for sandbox in sandboxes:
                    sandbox.cancel()
                raise
        return FinalModels(models["winner"], models.get("default"))

    def _problem(self, outcome: Outcome, n_rows: int) -> str | None:
        if not outcome.ok:
            return outcome.reason
        if len(outcome.blobs) != 2:
            return "no model came back"
        try:
            prediction = outcome.prediction(n_rows)
        except ValueError as error:
            return str(error)
        return self.task.check_prediction(prediction, n_rows, self.n_classes)

    def _limits(self) -> Limits:
        left = self.deadline - time.monotonic()
        return replace(self.limits, wall_seconds=min(self.limits.wall_seconds, left))
