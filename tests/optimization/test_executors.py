"""Fits on real sandbox workers, with training code that does next to nothing."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from simulated import Watcher, make_evaluation, make_smac, plane

from automl_agent.data.splits import Fold
from automl_agent.exceptions import SandboxUnavailableError
from automl_agent.optimization.evaluation import Evaluation
from automl_agent.optimization.executors import LocalExecutor
from automl_agent.optimization.optimizer import Optimizer, SearchLimits
from automl_agent.optimization.records import SearchRecords
from automl_agent.optimization.trial import Fit, Origin, Status, Trial
from automl_agent.run_directory import RunDirectory
from automl_agent.sandbox.base import Call, Launch, Limits, Mounts, Outcome
from automl_agent.sandbox.calls import write_table
from automl_agent.sandbox.limits import LimitsOnly
from automl_agent.sandbox.pool import WorkerPool
from automl_agent.sandbox.process import WorkerProcess
from automl_agent.sandbox.selection import select_tier

SOURCE = """
import time

class Constant:
    def __init__(self, value):
        self.value = value
    def predict(self, X):
        return [self.value] * len(X)

def train(config, X, y, *, seed, budget):
    time.sleep(config.get("sleep", 0.0))
    if config.get("x", 0.0) > 0.5:
        raise ValueError("x is too large")
    return Constant(float(y.mean()) + config.get("x", 0.0))
"""
SOON = 20.0  # generous: the machine may be busy


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerPool]:
    folder = tmp_path_factory.mktemp("work")
    write_table(pd.DataFrame({"a": np.arange(30.0)}), folder / "data")
    evaluation = make_evaluation(3, 30, source=SOURCE)
    with WorkerPool(select_tier("auto"), 2, folder) as pool:
        for worker in pool.workers:  # so that all are warm, whichever test comes first
            outcome = worker.run(evaluation.call(Fit(trial(1), 0)), evaluation.limits)
            assert outcome.ok, outcome.reason
        yield pool


@pytest.fixture
def evaluation() -> Evaluation:
    return make_evaluation(3, 30, source=SOURCE)


def trial(number: int, **config: float) -> Trial:
    return Trial(number, config, Origin.MODEL)


def test_results_are_what_the_fold_models_predict(pool: WorkerPool, evaluation: Evaluation) -> None:
    executor = LocalExecutor(pool.workers, evaluation)
    for fold in evaluation.folds:
        executor.submit(Fit(trial(1), fold.index))
    by_fold = {}
    for _ in evaluation.folds:
        scored = executor.next_result(SOON)
        assert scored is not None
        by_fold[scored.result.fold] = scored
    executor.close()

    for fold in evaluation.folds:
        scored = by_fold[fold.index]
        mean = evaluation.y[fold.train].mean()
        assert scored.prediction == pytest.approx(np.full(len(fold.validation), mean))
        expected = np.sqrt(np.mean((evaluation.y[fold.validation] - mean) ** 2))
        assert scored.result.cost == pytest.approx(expected)
        assert scored.model


def test_fits_start_in_the_order_of_submission(pool: WorkerPool, evaluation: Evaluation) -> None:
    executor = LocalExecutor(pool.workers[:1], evaluation)
    assert executor.next_result(0.0) is None
    for number in range(1, 7):
        executor.submit(Fit(trial(number), number % 3))
    ended = [executor.next_result(SOON) for _ in range(6)]
    executor.close()

    assert [scored.result.trial for scored in ended if scored] == list(range(1, 7))


def test_drop_forgets_queued_fits_and_cancels_running_ones(
    pool: WorkerPool, evaluation: Evaluation
) -> None:
    executor = LocalExecutor(pool.workers, evaluation)
    for fold in range(3):
        executor.submit(Fit(trial(1, sleep=60.0), fold))
    executor.submit(Fit(trial(2), 0))
    time.sleep(0.5)  # two of the first trial's fits are running by now
    began = time.monotonic()
    forgotten = executor.drop(1)
    ended = [executor.next_result(SOON) for _ in range(4 - forgotten)]
    assert time.monotonic() - began < SOON
    assert executor.next_result(0.2) is None
    executor.close()

    statuses = Counter((s.result.trial, s.result.status) for s in ended if s is not None)
    assert forgotten == 1
    assert statuses == {(1, Status.CANCELLED): 2, (2, Status.SUCCESS): 1}


def test_close_ends_running_fits_and_leaves_the_workers_usable(
    pool: WorkerPool, evaluation: Evaluation
) -> None:
    executor = LocalExecutor(pool.workers, evaluation)
    for fold in range(3):
        executor.submit(Fit(trial(1, sleep=60.0), fold))
    time.sleep(0.3)
    began = time.monotonic()
    executor.close()
    assert time.monotonic() - began < SOON

    again = LocalExecutor(pool.workers, evaluation)
    again.submit(Fit(trial(2), 0))
    scored = again.next_result(SOON)
    again.close()
    assert scored is not None
    assert scored.result.status is Status.SUCCESS


def test_close_while_fits_are_just_starting(pool: WorkerPool, evaluation: Evaluation) -> None:
    for pause in (0.0, 0.001, 0.005, 0.02):
        executor = LocalExecutor(pool.workers, evaluation)
        for number in range(1, 5):
            executor.submit(Fit(trial(number, sleep=60.0), 0))
        time.sleep(pause)
        began = time.monotonic()
        executor.close()
        assert time.monotonic() - began < SOON
    assert not [t for t in threading.enumerate() if t.name.startswith("fit-worker")]


def test_close_while_a_worker_is_starting(tmp_path: Path, evaluation: Evaluation) -> None:
    write_table(pd.DataFrame({"a": np.arange(30.0)}), tmp_path / "data")
    with WorkerPool(LimitsOnly(), 1, tmp_path) as pool:
        executor = LocalExecutor(pool.workers, evaluation)
        executor.submit(Fit(trial(1, sleep=60.0), 0))
        began = time.monotonic()
        executor.close()
        assert time.monotonic() - began < SOON


@pytest.mark.slow
def test_no_result_is_lost_when_trials_are_dropped_at_random(
    pool: WorkerPool, evaluation: Evaluation
) -> None:
    rng = np.random.default_rng(0)
    executor = LocalExecutor(pool.workers, evaluation)
    submitted: Counter[tuple[int, int]] = Counter()
    ended: Counter[tuple[int, int]] = Counter()
    under_way = 0
    for number in range(1, 101):
        for fold in range(3):
            executor.submit(Fit(trial(number, sleep=float(rng.choice([0.0, 0.005, 0.02]))), fold))
            submitted[number, fold] += 1
            under_way += 1
        while under_way > 4:
            scored = executor.next_result(SOON)
            assert scored is not None
            ended[scored.result.trial, scored.result.fold] += 1
            under_way -= 1
            if rng.random() < 0.3:
                under_way -= executor.drop(int(number - rng.integers(3)))
    while under_way:
        scored = executor.next_result(SOON)
        assert scored is not None
        ended[scored.result.trial, scored.result.fold] += 1
        under_way -= 1
    assert executor.next_result(0.3) is None
    executor.close()

    assert max(ended.values()) == 1
    assert set(ended) <= set(submitted)
    assert len(ended) > 150


@pytest.mark.slow
@pytest.mark.parametrize("n_folds", [1, 3])
def test_a_search_on_real_workers_ends_with_every_trial_told(
    pool: WorkerPool, run: RunDirectory, n_folds: int
) -> None:
    evaluation = make_evaluation(n_folds, 30, source=SOURCE)
    records, smac = SearchRecords(run, Watcher()), make_smac(plane(), run / "smac")
    executor = LocalExecutor(pool.workers, evaluation)
    found = Optimizer(smac, executor, evaluation, records, SearchLimits(40, float("inf"))).run()
    executor.close()
    records.close()

    assert sorted(found.results) == list(range(1, 41))
    reasons = {r.reason for r in found.results.values() if r.status is Status.CRASHED}
    assert reasons == {"ValueError: x is too large"}
    assert found.incumbent.config["x"] < 0.5
    fold = evaluation.folds[0]
    stored = records.store.prediction(found.incumbent.trial)[fold.validation]
    assert stored == pytest.approx(evaluation.y[fold.train].mean() + found.incumbent.config["x"])


def test_an_error_in_a_workers_thread_reaches_whoever_waits(
    pool: WorkerPool, evaluation: Evaluation
) -> None:
    broken = replace(evaluation, folds=(Fold(0, np.array([99]), np.array([0])),))
    executor = LocalExecutor(pool.workers, broken)  # there is no label 99
    executor.submit(Fit(trial(1), 0))
    with pytest.raises(IndexError):
        executor.next_result(SOON)
    executor.close()


@dataclass(frozen=True)
class NoSuchCommand(LimitsOnly):
    """A tier whose command does not exist."""

    def launch(self, mounts: Mounts) -> Launch:
        return replace(super().launch(mounts), command=("/nonexistent/python",))


def test_a_sandbox_that_cannot_start_ends_the_search(
    run: RunDirectory, evaluation: Evaluation
) -> None:
    worker = WorkerProcess(NoSuchCommand(), data=None, scratch=run / "work/worker-0")
    executor = LocalExecutor([worker], evaluation)
    records, smac = SearchRecords(run, Watcher()), make_smac(plane(), run / "smac")
    search = Optimizer(smac, executor, evaluation, records, SearchLimits(5, float("inf")))
    with pytest.raises(SandboxUnavailableError):
        search.run()
    executor.close()
    records.close()
    worker.close()


@dataclass
class Recording:
    """A sandbox that remembers what goes into it."""

    inner: WorkerProcess
    calls: list[Call]

    @property
    def tier(self) -> str:
        return self.inner.tier

    def run(self, call: Call, limits: Limits, cancelled: threading.Event | None = None) -> Outcome:
        self.calls.append(call)
        return self.inner.run(call, limits, cancelled)

    def preload(self, modules: tuple[str, ...]) -> None:
        self.inner.preload(modules)

    def cancel(self) -> None:
        self.inner.cancel()

    def close(self) -> None:
        self.inner.close()


def test_labels_of_validation_rows_never_enter_a_sandbox(pool: WorkerPool) -> None:
    y = np.random.default_rng(1).normal(size=30)  # every label is unlike any other
    evaluation = replace(make_evaluation(3, 30, source=SOURCE), y=y)
    calls: list[Call] = []
    executor = LocalExecutor([Recording(worker, calls) for worker in pool.workers], evaluation)
    for fold in evaluation.folds:
        executor.submit(Fit(trial(1), fold.index))
    for _ in evaluation.folds:
        assert executor.next_result(SOON) is not None
    executor.close()

    assert len(calls) == 3
    for call in calls:
        rows = np.frombuffer(call.blobs[0], np.int64)
        sent = b"".join(call.blobs) + repr(call).encode()
        for row in range(30):
            assert (y[row].tobytes() in sent) == (row in rows)
