"""An executor that computes costs instead of training, and what a search around it needs."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer

from automl_agent.data.splits import make_folds
from automl_agent.optimization.evaluation import Evaluation, Scored
from automl_agent.optimization.facades import SmacSearch
from automl_agent.optimization.optimizer import Optimizer, SearchLimits, SearchResult
from automl_agent.optimization.records import SearchRecords
from automl_agent.optimization.trial import Fit, FitResult, Incumbent, Status, Trial, TrialResult
from automl_agent.run_directory import RunDirectory
from automl_agent.sandbox.base import Limits
from automl_agent.tasks.metrics import find_metric
from automl_agent.tasks.registry import find_task

Cost = Callable[[Mapping[str, Any], int], float | Status]


class SimulatedExecutor:
    """A fit's cost is computed from its configuration; see `Executor` for the methods.

    Args:
        evaluation: gives the folds.
        cost: (configuration, fold) -> cost, or how the fit fails.
        workers: fits that are "running": those cannot be forgotten, only cancelled.
        shuffle: seed of the order in which running fits end; None keeps the order of submission.
        ahead: whether every fit ends as soon as it is submitted, before anyone looks.
        stuck: whether nothing ever ends.
        seconds: that every fit claims to have taken.
    """

    def __init__(
        self,
        evaluation: Evaluation,
        cost: Cost,
        *,
        workers: int = 1,
        shuffle: int | None = None,
        ahead: bool = False,
        stuck: bool = False,
        seconds: float = 0.01,
    ) -> None:
        self._evaluation, self._cost, self.workers = evaluation, cost, workers
        self._rng = None if shuffle is None else np.random.default_rng(shuffle)
        self._ahead, self._stuck, self._seconds = ahead, stuck, seconds
        self._waiting: deque[Fit] = deque()
        self._running: list[Fit] = []
        self._done: deque[Scored] = deque()
        self._cancelled: set[int] = set()
        self.computed: list[tuple[int, int]] = []
        self.most_under_way = 0

    def submit(self, fit: Fit) -> None:
        self._waiting.append(fit)
        self.most_under_way = max(self.most_under_way, len(self._waiting) + len(self._running))
        if self._ahead:
            self._done.append(self._run(self._waiting.popleft()))

    def next_result(self, timeout: float) -> Scored | None:
        if self._done:
            return self._done.popleft()
        while self._waiting and len(self._running) < self.workers:
            self._running.append(self._waiting.popleft())
        if self._stuck or not self._running:
            assert timeout < 60, "this would wait for ever"
            time.sleep(timeout)
            return None
        pick = 0 if self._rng is None else int(self._rng.integers(len(self._running)))
        return self._run(self._running.pop(pick))

    def drop(self, trial: int) -> int:
        kept = [fit for fit in self._waiting if fit.trial.number != trial]
        forgotten, self._waiting = len(self._waiting) - len(kept), deque(kept)
        self._cancelled.add(trial)
        return forgotten

    def close(self) -> None:
        self._waiting.clear()

    def _run(self, fit: Fit) -> Scored:
        number = fit.trial.number
        if number in self._cancelled:
            return Scored(FitResult(number, fit.fold, Status.CANCELLED, None, "cancelled", 0.0))
        self.computed.append((number, fit.fold))
        cost = self._cost(fit.trial.config, fit.fold)
        if isinstance(cost, Status):
            return Scored(
                FitResult(number, fit.fold, cost, None, f"it {cost.value}", self._seconds)
            )
        n_rows = len(self._evaluation.folds[fit.fold].validation)
        result = FitResult(number, fit.fold, Status.SUCCESS, cost, "", self._seconds)
        return Scored(
            result, np.full(n_rows, number + fit.fold / 10), b"%d/%d" % (number, fit.fold)
        )


class Watcher:
    """Remembers every finished trial; `on_trial` may look around."""

    def __init__(self, on_trial: Callable[[TrialResult], None] | None = None) -> None:
        self.seen: list[tuple[Trial, TrialResult, Incumbent | None]] = []
        self._on_trial = on_trial

    def trial_finished(
        self, trial: Trial, result: TrialResult, incumbent: Incumbent | None
    ) -> None:
        self.seen.append((trial, result, incumbent))
        if self._on_trial is not None:
            self._on_trial(result)


def make_evaluation(n_folds: int = 3, n_rows: int = 30, source: str = "") -> Evaluation:
    y = np.arange(n_rows, dtype=np.float64)
    return Evaluation(
        source=source,
        task=find_task("regression"),
        metric=find_metric("rmse", "regression"),
        y=y,
        n_classes=0,
        folds=make_folds(y, "regression", n_folds=n_folds, seed=0),
        seed=0,
        limits=Limits(wall_seconds=60.0),
    )


def plane() -> ConfigurationSpace:
    """Two numbers between 0 and 1."""
    space = ConfigurationSpace(seed=0)
    space.add(Float("x", (0.0, 1.0), default=0.9), Float("z", (0.0, 1.0), default=0.9))
    return space


def mixed_space() -> ConfigurationSpace:
    """Numbers, whole numbers on a log scale, categories, truth values and a condition."""
    space = ConfigurationSpace(seed=0)
    kind = Categorical("kind", ["round", "square", "flat"], default="round")
    radius = Float("radius", (0.01, 10.0), default=1.0, log=True)
    space.add(kind, radius, Integer("n", (1, 1000), default=10, log=True))
    space.add(Categorical("fast", [True, False], default=True))
    space.add(EqualsCondition(radius, kind, "round"))
    return space


def make_smac(
    space: ConfigurationSpace,
    folder: Path,
    *,
    initial: Sequence[Mapping[str, Any]] | None = None,
    n_sobol: int = 2,
    seed: int = 0,
) -> SmacSearch:
    first = [dict(space.get_default_configuration())] if initial is None else initial
    return SmacSearch(space, first, n_sobol=n_sobol, seed=seed, crash_cost=10.0, folder=folder)


def search(
    run: RunDirectory,
    cost: Cost,
    *,
    space: ConfigurationSpace | None = None,
    trials: int | None = 6,
    n_folds: int = 3,
    deadline: float = float("inf"),
    watcher: Watcher | None = None,
    **executor: Any,
) -> tuple[SearchResult, SimulatedExecutor]:
    """A whole search on simulated fits."""
    evaluation = make_evaluation(n_folds)
    simulated = SimulatedExecutor(evaluation, cost, **executor)
    smac = make_smac(space or plane(), run / "smac")
    records = SearchRecords(run, watcher or Watcher())
    limits = SearchLimits(trials, deadline)
    try:
        return Optimizer(smac, simulated, evaluation, records, limits).run(), simulated
    finally:
        smac.close()
        records.close()
