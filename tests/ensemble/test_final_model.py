"""The delivered model: refit or bag, made and used in a real sandbox."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from automl_agent.deployment.predictor import Predictor
from automl_agent.ensemble.final_model import FinalModel, Refit
from automl_agent.exceptions import RunFailedError
from automl_agent.optimization.optimizer import SearchResult
from automl_agent.optimization.trial import Incumbent, Origin, Trial
from automl_agent.sandbox.base import Limits
from automl_agent.sandbox.calls import write_table
from automl_agent.sandbox.pool import WorkerPool
from automl_agent.sandbox.selection import select_tier
from automl_agent.tasks.registry import find_task

SOURCE = """
import time

class Constant:
    def __init__(self, value):
        self.value = value
    def predict(self, X):
        return [self.value] * len(X)

def train(config, X, y, *, seed, budget):
    time.sleep(config.get("sleep", 0.0))
    if config.get("fails_on", 10**9) <= len(y):
        raise RuntimeError("too many rows")
    return Constant(float("nan") if config.get("nan") else float(config.get("value", len(y))))
"""
N = 40
INFINITE = float("inf")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return pd.DataFrame({"a": np.arange(float(N))})


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory, frame: pd.DataFrame) -> Iterator[WorkerPool]:
    folder = tmp_path_factory.mktemp("work")
    write_table(frame, folder / "data")
    with WorkerPool(select_tier("auto"), 2, folder) as pool:
        yield pool


def refit(deadline: float = INFINITE, wall_seconds: float = 60.0) -> Refit:
    return Refit(
        source=SOURCE,
        task=find_task("regression"),
        y=np.zeros(N),
        n_classes=0,
        seed=0,
        limits=Limits(wall_seconds=wall_seconds),
        deadline=deadline,
    )


def found(
    configs: Mapping[int, Mapping[str, Any]], winner: int, models: Mapping[int, list[bytes]]
) -> SearchResult:
    trials = {n: Trial(n, config, Origin.MODEL) for n, config in configs.items()}
    incumbent = Incumbent(winner, 1.0, 1.0, 1.0, Origin.MODEL, configs[winner])
    return SearchResult(incumbent, trials, {}, models, "trials", 1.0)


def predict(model: FinalModel, frame: pd.DataFrame) -> np.ndarray[Any, Any]:
    with Predictor(
        frame, task=find_task("regression"), n_classes=0, tier=select_tier("auto")
    ) as predictor:
        return predictor.predict(model.models, Limits())


def test_the_refit_trains_on_all_rows(pool: WorkerPool, frame: pd.DataFrame) -> None:
    model = refit().fit({}, [b"unused"], pool.workers[0])

    assert (model.kind, model.reason) == ("refit", "")
    assert len(model.models) == 1
    assert model.seconds > 0
    assert predict(model, frame) == pytest.approx(np.full(N, float(N)))


@pytest.mark.parametrize(
    ("config", "deadline", "reason"),
    [
        ({"fails_on": N}, INFINITE, "the refit failed: RuntimeError: too many rows"),
        ({"nan": True}, INFINITE, "the refit failed: 10 of 10 predicted values are NaN"),
        ({}, 0.0, "no time was left for a refit"),
    ],
)
def test_the_bag_stands_in_and_says_why(
    pool: WorkerPool, config: dict[str, Any], deadline: float, reason: str
) -> None:
    at = INFINITE if deadline == INFINITE else time.monotonic() + deadline
    model = refit(at).fit(config, [b"one", b"two"], pool.workers[0])

    assert model.kind == "bag"
    assert reason in model.reason
    assert model.models == (b"one", b"two")


def test_a_late_refit_is_stopped_at_the_deadline(pool: WorkerPool) -> None:
    began = time.monotonic()
    model = refit(began + 1.0).fit({"sleep": 60.0}, [b"one"], pool.workers[0])

    assert time.monotonic() - began < 20
    assert model.kind == "bag"
    assert "took longer" in model.reason


def test_the_bag_predicts_the_mean_of_its_models(pool: WorkerPool, frame: pd.DataFrame) -> None:
    parts = [refit().fit({"value": v}, [], pool.workers[0]).models[0] for v in (1.0, 2.0, 6.0)]
    bag = FinalModel("bag", tuple(parts), "for a test")

    assert predict(bag, frame) == pytest.approx(np.full(N, 3.0))


def test_winner_and_default_are_trained_alike(pool: WorkerPool) -> None:
    configs = {1: {"value": 1.0}, 5: {"value": 5.0}}
    models = {1: [b"d"], 5: [b"w"]}
    for sandboxes in (pool.workers, pool.workers[:1]):
        final = refit().final_models(found(configs, 5, models), sandboxes)
        assert final.winner.kind == "refit"
        assert final.default is not None
        assert final.default.kind == "refit"
        assert final.default.models != final.winner.models


def test_there_is_no_default_when_it_won_or_failed(pool: WorkerPool) -> None:
    configs = {1: {"value": 1.0}, 5: {"value": 5.0}}
    won = refit().final_models(found(configs, 1, {1: [b"d"]}), pool.workers)
    failed = refit().final_models(found(configs, 5, {5: [b"w"]}), pool.workers)

    assert won.default is None
    assert failed.default is None
    assert failed.winner.kind == "refit"


def test_a_machinery_error_does_not_wait_for_the_other_refit(pool: WorkerPool) -> None:
    configs: dict[int, dict[str, Any]] = {1: {"sleep": 60.0}, 5: {"value": object()}}  # no JSON
    began = time.monotonic()
    with pytest.raises(TypeError, match="JSON"):
        refit().final_models(found(configs, 5, {1: [b"d"], 5: [b"w"]}), pool.workers)

    assert time.monotonic() - began < 30
    assert not [t for t in threading.enumerate() if t.name.startswith("ThreadPoolExecutor")]
    assert refit().fit({}, [], pool.workers[0]).kind == "refit"  # the workers go on


def test_an_interrupt_does_not_wait_for_the_refits(pool: WorkerPool) -> None:
    configs = {1: {"sleep": 50.0}, 5: {"sleep": 50.0}}
    main = threading.main_thread().ident
    assert main is not None
    ctrl_c = threading.Timer(1.0, signal.pthread_kill, (main, signal.SIGINT))
    began = time.monotonic()
    ctrl_c.start()
    with pytest.raises(KeyboardInterrupt):
        refit().final_models(found(configs, 5, {1: [b"d"], 5: [b"w"]}), pool.workers)

    assert time.monotonic() - began < 20


def test_saved_models_come_back(tmp_path: Path) -> None:
    FinalModel("bag", (b"one", b"two!"), "late").save(tmp_path / "model")

    folder = tmp_path / "model"
    assert (folder / "model_1.bin").read_bytes() == b"two!"
    assert json.loads((folder / "model.json").read_text()) == {
        "kind": "bag",
        "n_models": 2,
        "bytes": 7,
        "reason": "late",
        "seconds": 0.0,
    }


def test_models_that_cannot_be_used_are_a_failed_run(pool: WorkerPool, frame: pd.DataFrame) -> None:
    model = refit().fit({"nan": True}, [b"not a pickle"], pool.workers[0])
    assert model.kind == "bag"
    with pytest.raises(RunFailedError, match="cannot predict"):
        predict(model, frame)
