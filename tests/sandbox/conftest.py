"""A small table and workers of every tier that this machine offers."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from automl_agent.sandbox.base import Call, Limits, Outcome, Tier
from automl_agent.sandbox.bubblewrap import find_bubblewrap
from automl_agent.sandbox.calls import fit_call, write_table
from automl_agent.sandbox.limits import LimitsOnly
from automl_agent.sandbox.process import WorkerProcess

ROWS = 60
LABELS = np.arange(ROWS, dtype=np.int64) % 2
GENEROUS = Limits(wall_seconds=60)

MEAN = """
import numpy as np
class Mean:
    def __init__(self, mean):
        self.mean = mean
    def predict(self, X):
        return np.full(len(X), self.mean)
    def predict_proba(self, X):
        return np.full((len(X), 2), 0.5)
def train(config, X, y, *, seed, budget):
    return Mean(y.mean())
"""


def training(body: str) -> str:
    """Source of a train.py whose function has this body."""
    return "def train(config, X, y, *, seed, budget):\n" + textwrap.indent(
        textwrap.dedent(body), "    "
    )


def fit(
    source: str = MEAN,
    config: dict[str, Any] | None = None,
    *,
    task: str = "regression",
    labels: NDArray[Any] | None = None,
    want_model: bool = False,
) -> Call:
    """A fit on the first 40 rows that predicts the other 20."""
    labels = LABELS.astype(np.float64) if labels is None else labels
    return fit_call(
        source,
        config or {},
        task=task,
        train_rows=np.arange(40),
        labels=labels[:40],
        predict_rows=np.arange(40, ROWS),
        seed=3,
        budget=None,
        want_model=want_model,
    )


def fit_body(
    sandbox: WorkerProcess, body: str, limits: Limits = GENEROUS, **options: Any
) -> Outcome:
    """Run a fit whose training function has this body."""
    return sandbox.run(fit(training(body), **options), limits)


def assert_works(sandbox: WorkerProcess) -> None:
    """An innocent call succeeds."""
    outcome = sandbox.run(fit(), GENEROUS)
    assert outcome.status == "ok", outcome
    np.testing.assert_array_equal(outcome.prediction(20), np.full(20, 0.5))


def table() -> pd.DataFrame:
    """One column of every kind that a table can have."""
    numbers = np.arange(ROWS, dtype=np.float64)
    numbers[::7] = np.nan
    text = pd.Series(["grün", "blau", None] * (ROWS // 3), dtype="str")
    return pd.DataFrame(
        {
            "number": numbers,
            "colour": pd.Categorical(
                ["red", "green", None] * (ROWS // 3), categories=["red", "green", "unseen"]
            ),
            "text": text,
            "when": pd.date_range("2020-01-01", periods=ROWS).astype("datetime64[ns]"),
        }
    )


@pytest.fixture(scope="session", params=["bubblewrap", "limits"])
def tier(request: pytest.FixtureRequest) -> Tier:
    if request.param == "limits":
        return LimitsOnly()
    found = find_bubblewrap()
    if found is None:
        pytest.skip("NO CONTAINMENT IS TESTED: bubblewrap is missing or makes no namespaces here")
    return found


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sandbox") / "data"
    write_table(table(), folder)
    return folder


@pytest.fixture
def make(tier: Tier, data: Path, tmp_path: Path) -> Iterator[Callable[..., WorkerProcess]]:
    """Makes workers of the tier; they are closed in the end."""
    made: list[WorkerProcess] = []

    def make_one(**options: Any) -> WorkerProcess:
        arguments = {"tier": tier, "data": data, "scratch": tmp_path / f"worker-{len(made)}"}
        made.append(WorkerProcess(**(arguments | options)))
        return made[-1]

    yield make_one
    for worker in made:
        worker.close()


@pytest.fixture(scope="module")
def shared(
    tier: Tier, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(tier, data=data, scratch=tmp_path_factory.mktemp("shared") / "worker")
    yield worker
    worker.close()


@pytest.fixture
def sandbox(shared: WorkerProcess) -> Iterator[WorkerProcess]:
    """One worker for all tests of a module: whatever a test does to it, the next call works."""
    yield shared
    assert_works(shared)
