"""A validator over a real table, with one warm worker for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted import make_validator

from automl_agent.codegen.validation import Validator
from automl_agent.data.problem import Problem, pose_problem
from automl_agent.sandbox.calls import write_table
from automl_agent.sandbox.process import WorkerProcess
from automl_agent.sandbox.selection import select_tier
from automl_agent.settings import TuneSettings


@pytest.fixture(scope="session")
def settings() -> TuneSettings:
    return TuneSettings(dataset="iris", model="decision tree", folds=5, metric="log_loss")


@pytest.fixture(scope="session")
def problem(settings: TuneSettings) -> Problem:
    return pose_problem(settings, seed=0)


@pytest.fixture(scope="module")
def worker(problem: Problem, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    folder: Path = tmp_path_factory.mktemp("codegen")
    write_table(problem.X, folder / "data")
    sandbox = WorkerProcess(select_tier(), data=folder / "data", scratch=folder / "scratch")
    yield sandbox
    sandbox.close()


@pytest.fixture
def validator(worker: WorkerProcess, problem: Problem) -> Validator:
    return make_validator(worker, problem)
