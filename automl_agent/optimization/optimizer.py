"""The search loop: ask SMAC, run the fits, tell SMAC, remember the best."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from automl_agent.exceptions import RunFailedError
from automl_agent.optimization.evaluation import Evaluation, Scored
from automl_agent.optimization.executors import Executor
from automl_agent.optimization.facades import Asked, SmacSearch, SpaceExhaustedError
from automl_agent.optimization.records import SearchRecords
from automl_agent.optimization.trial import Fit, Incumbent, Origin, Status, Trial, TrialResult

REFIT_MARGIN = 1.3
REPORT_SECONDS = 4.0  # opening the test rows in a fresh sandbox, scoring, writing


@dataclass(frozen=True)
class SearchLimits:
    """When the search ends: at whichever comes first.

    Attributes:
        trials: trials to ask for, None for no bound.
        deadline: on the clock of `time.monotonic`, infinite for no bound. Refit and report must
            be done by then too.
        report_seconds: what the report is given of that time.
    """

    trials: int | None
    deadline: float
    report_seconds: float = REPORT_SECONDS

    def may_ask(self, asked: int) -> bool:
        """Whether the number of trials allows another one."""
        return self.trials is None or asked < self.trials

    def seconds_left(self, refit_seconds: float) -> float:
        """Seconds until refit and report must begin."""
        if self.deadline == float("inf"):
            return self.deadline
        return self.deadline - time.monotonic() - refit_seconds - self.report_seconds

    def expected_trials(self, trial_seconds: float) -> float:
        """How many trials there will be if each takes that long."""
        by_time = self.seconds_left(trial_seconds) / max(trial_seconds, 1e-3)
        return max(1.0, min(self.trials or float("inf"), by_time))


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        incumbent: the best trial.
        trials: every trial that was asked for, by number.
        results: every trial that ended, by number; a trial cut off by the deadline has none.
        models: fold models of the incumbent and of the first trial, as far as they are there.
        stopped: why the search ended: "trials", "time" or "space exhausted".
    """

    incumbent: Incumbent
    trials: Mapping[int, Trial]
    results: Mapping[int, TrialResult]
    models: Mapping[int, list[bytes]] = field(repr=False)
    stopped: str
    seconds: float

    def count_by_origin(self) -> dict[str, int]:
        """Finished trials by how they came about, in the order of `Origin`."""
        counts = Counter(self.trials[number].origin for number in self.results)
        return {origin.value: counts[origin] for origin in Origin if counts[origin]}

    def count_by_status(self) -> dict[str, int]:
        """Finished trials by how they ended, in the order of `Status`."""
        counts = Counter(result.status for result in self.results.values())
        return {status.value: counts[status] for status in Status if counts[status]}


@dataclass
class _OpenTrial:
    """A trial whose fits are under way."""

    trial: Trial
    asked: Asked
    scored: dict[int, Scored] = field(default_factory=dict)
    seconds: float = 0.0


class Optimizer:
    """One search. Call `run` once.

    Args:
        smac: gives configurations.
        executor: runs fits.
        evaluation: what the executor evaluates with.
        records: writes everything down and tells whoever watches.
        limits: when to stop.
    """

    def __init__(
        self,
        smac: SmacSearch,
        executor: Executor,
        evaluation: Evaluation,
        records: SearchRecords,
        limits: SearchLimits,
    ) -> None:
        self._smac = smac
        self._executor = executor
        self._evaluation = evaluation
        self._records = records
        self._limits = limits
        self._started = time.monotonic()
        self._trials: dict[int, Trial] = {}
        self._results: dict[int, TrialResult] = {}
        self._open: dict[int, _OpenTrial] = {}
        self._fits_under_way = 0
        self._refit_seconds = 0.0
        self._exhausted = False
        self._incumbent: Incumbent | None = None

    def run(self) -> SearchResult:
        """Search until a limit is reached.

        Raises:
            RunFailedError: no trial succeeded.
            RunDirectoryError: a record cannot be written.
            SandboxUnavailableError: a worker cannot be started.
        """
        while self._open or self._may_ask():
            self._fill_workers()
            if not self._fits_under_way:
                break
            left = self._limits.seconds_left(self._refit_seconds)
            scored = self._executor.next_result(max(left, 0.0))
            if scored is None:
                break
            self._take(scored)
        if self._incumbent is None:
            raise RunFailedError(*self._why_nothing_succeeded())
        kept = {number: self._records.store.models(number) for number in (1, self._incumbent.trial)}
        return SearchResult(
            self._incumbent,
            self._trials,
            self._results,
            {number: models for number, models in kept.items() if models},
            self._why_stopped(),
            self._elapsed(),
        )

    def _fill_workers(self) -> None:
        """Ask for trials while a worker would stand idle."""
        while self._fits_under_way < self._executor.workers and self._may_ask():
            try:
                asked = self._smac.ask()
            except SpaceExhaustedError:
                self._exhausted = True
                return
            trial = Trial(len(self._trials) + 1, asked.config, asked.origin)
            self._trials[trial.number] = trial
            self._open[trial.number] = _OpenTrial(trial, asked)
            self._records.asked(trial, self._elapsed())
            for fold in self._evaluation.folds:
                self._executor.submit(Fit(trial, fold.index))
                self._fits_under_way += 1

    def _may_ask(self) -> bool:
        return (
            not self._exhausted
            and self._limits.may_ask(len(self._trials))
            and self._limits.seconds_left(self._refit_seconds) > 0
        )

    def _take(self, scored: Scored) -> None:
        """Record a finished fit; end its trial when it was the last one, or failed."""
        self._fits_under_way -= 1
        result = scored.result
        state = self._open.get(result.trial)
        if state is None:
            return  # a cancelled fit of a trial that has failed already
        self._records.fitted(result, self._elapsed())
        state.seconds += result.seconds
        state.scored[result.fold] = scored
        if result.status is not Status.SUCCESS:
            self._fits_under_way -= self._executor.drop(result.trial)
            self._end_trial(state, result.status, result.reason)
        elif len(state.scored) == len(self._evaluation.folds):
            self._end_trial(state, Status.SUCCESS, "")

    def _end_trial(self, state: _OpenTrial, status: Status, reason: str) -> None:
        trial = state.trial
        del self._open[trial.number]
        folds = [scored for _, scored in sorted(state.scored.items())]
        costs = tuple(s.result.cost for s in folds if s.result.cost is not None)
        cost = float(np.mean(costs)) if status is Status.SUCCESS else None
        score = None if cost is None else self._evaluation.metric.score_from_cost(cost)
        at = self._elapsed()
        result = TrialResult(trial.number, status, cost, score, costs, reason, state.seconds, at)
        self._results[trial.number] = result
        improved = False
        if cost is not None and score is not None:
            models = [scored.model for scored in folds if scored.model is not None]
            self._records.keep(trial, cost, self._out_of_fold(state), models)
            improved = self._incumbent is None or cost < self._incumbent.cost
            if improved:
                self._incumbent = Incumbent(
                    trial.number, cost, score, at, trial.origin, trial.config
                )
            self._refit_seconds = self._refits()
        self._records.ended(trial, result, self._incumbent, improved=improved)
        self._smac.tell(state.asked, status, cost, state.seconds)

    def _refits(self) -> float:
        """Seconds to keep for training the incumbent and the default on all rows."""
        assert self._incumbent is not None
        folds = self._evaluation.folds
        growth = len(self._evaluation.y) / float(np.mean([len(fold.train) for fold in folds]))
        done = [self._results.get(number) for number in {1, self._incumbent.trial}]
        trials = [result.seconds for result in done if result and result.cost is not None]
        together = max(trials) if self._executor.workers > 1 else sum(trials)
        return REFIT_MARGIN * growth * together / len(folds)

    def _out_of_fold(self, state: _OpenTrial) -> NDArray[np.float64]:
        evaluation = self._evaluation
        shape: tuple[int, ...] = (len(evaluation.y),)
        if evaluation.n_classes:
            shape += (evaluation.n_classes,)
        prediction = np.full(shape, np.nan)
        for fold in evaluation.folds:
            prediction[fold.validation] = state.scored[fold.index].prediction
        return prediction

    def _elapsed(self) -> float:
        return round(time.monotonic() - self._started, 3)

    def _why_stopped(self) -> str:
        if self._open:
            return "time"
        if self._exhausted:
            return "space exhausted"
        return "time" if self._limits.may_ask(len(self._trials)) else "trials"

    def _why_nothing_succeeded(self) -> tuple[str, str]:
        if not self._results:
            return "not one trial finished within the time", "give it more with --time"
        reasons = Counter(result.reason for result in self._results.values())
        reason, count = reasons.most_common(1)[0]
        total = len(self._results)
        return f"all {total} trials failed; the commonest reason ({count} of {total}): {reason}", ""
