"""What validation accepts, and what it says about time."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scripted import SCENARIO, SPACE, TRAIN, make_validator

from automl_agent.codegen.feedback import Failure, Stage
from automl_agent.codegen.validation import Validator, ValidScenario, ValidSpace, ValidTrain
from automl_agent.data.problem import Problem, pose_problem
from automl_agent.sandbox.base import Limits
from automl_agent.sandbox.calls import write_table
from automl_agent.sandbox.process import WorkerProcess
from automl_agent.sandbox.selection import select_tier
from automl_agent.settings import TuneSettings

SMALL_SPACE = """
from ConfigSpace import Categorical, ConfigurationSpace, Integer

def get_configspace():
    space = ConfigurationSpace()
    space.add(Integer("depth", (1, 5), default=2), Categorical("leaves", [None, 4, 8]))
    space.add(Categorical("best", [True, False], default=True))
    return space

def get_initial_configurations():
    return [{"depth": 3.0, "leaves": 4, "best": False}]
"""
SMALL_TRAIN = """
from sklearn.tree import DecisionTreeClassifier

def fit(X, y, seed, depth, leaves, best):
    assert type(depth) is int and type(best) is bool and (leaves is None or type(leaves) is int)
    return DecisionTreeClassifier(
        max_depth=depth,
        max_leaf_nodes=leaves,
        splitter="best" if best else "random",
        random_state=seed,
    ).fit(X, y)

def train(config, X, y, *, seed, budget):
"""


@pytest.fixture
def small(validator: Validator) -> ValidSpace:
    space = validator.check_space(SMALL_SPACE)
    assert isinstance(space, ValidSpace), space.text()
    return space


def test_configurations_hold_plain_values_of_the_right_types(small: ValidSpace) -> None:
    default, suggested = small.initial
    assert default == {"depth": 2, "leaves": None, "best": True}
    assert suggested == {"depth": 3, "leaves": 4, "best": False}
    assert [type(v) for v in suggested.values()] == [
        {"depth": int, "leaves": int, "best": bool}[name] for name in suggested
    ]


@pytest.mark.parametrize(
    "body",
    [
        "return fit(X, y, seed, **config)",
        "return fit(X, y, seed, **dict(config))",
        "return fit(X, y, seed, **{**config})",
        "return fit(X, y, seed, **(config | {}))",
        "return fit(X, y, seed, **({} | config))",
        "return fit(X, y, seed, **config.copy())",
        "return fit(X, y, seed, **{k: v for k, v in config.items()})",
        "return fit(X, y, seed, **{k: config.pop(k) for k in list(config)})",
        "import copy\nreturn fit(X, y, seed, **copy.deepcopy(config))",
        "X.iloc[:, 0] = 0.0\nX['more'] = 1.0\ny[:] = y\n"
        "return fit(X.drop(columns='more'), y, seed, **config)",
        "model = fit(X, y, seed, **config)\nmodel.config = config\nreturn model",
        "class Local:\n    def __init__(self, m):\n        self.m = m\n"
        "    def predict_proba(self, X):\n        return self.m.predict_proba(X)\n"
        "return Local(fit(X, y, seed, **config))",
        "print('noise' * 10_000)\nreturn fit(X, y, seed, **config)",
    ],
)
def test_ways_of_working_are_accepted(validator: Validator, small: ValidSpace, body: str) -> None:
    found = validator.check_train(SMALL_TRAIN + textwrap.indent(body, "    "), small)
    assert isinstance(found, ValidTrain), found.text()


def test_a_trial_that_would_take_too_long_is_refused(
    worker: WorkerProcess, problem: Problem
) -> None:
    validator = make_validator(worker, problem, trial_seconds=1e-3)
    space = validator.check_space(SPACE)
    assert isinstance(space, ValidSpace)
    found = validator.check_train(TRAIN, space)
    assert isinstance(found, Failure)
    assert found.stage is Stage.TIME
    assert "5 fits" in found.text()
    assert "on 96 rows" in found.text()
    assert "cheaper model" in found.text()


@pytest.mark.slow
def test_the_time_of_a_full_fit_is_extrapolated_from_two_samples(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    n_rows = 25_000
    frame = pd.DataFrame({"a": rng.normal(size=n_rows), "label": rng.integers(0, 2, n_rows)})
    problem = pose_problem(TuneSettings(dataset=frame, target="label", folds=5), seed=0)
    write_table(problem.X, tmp_path / "data")
    worker = WorkerProcess(select_tier(), data=tmp_path / "data", scratch=tmp_path / "scratch")
    slow_train = TRAIN.replace(
        "    share =", "    import time\n    time.sleep(5e-4 * len(y))\n    share ="
    )
    try:
        validator = make_validator(worker, problem, limits=Limits(wall_seconds=60))
        space = validator.check_space(SPACE)
        assert isinstance(space, ValidSpace)
        found = validator.check_train(slow_train, space)
        assert isinstance(found, ValidTrain)
        assert 8 <= found.fit_seconds < 24  # 16,000 rows sleep 8 s
        bounded = replace(validator, trial_seconds=20.0)  # five fits, one after another
        refused = bounded.check_train(slow_train, space)
        assert isinstance(refused, Failure)
        assert refused.stage is Stage.TIME
    finally:
        worker.close()


@pytest.mark.parametrize(
    ("n_trials", "told"),
    [("-1", "n_trials is -1"), ("2.5", "n_trials is 2.5"), ("True", "n_trials is True")],
)
def test_a_number_of_trials_that_is_none_is_refused(
    validator: Validator, n_trials: str, told: str
) -> None:
    space = validator.check_space(SPACE)
    assert isinstance(space, ValidSpace)
    source = SCENARIO.replace("n_trials=7", f"n_trials={n_trials}")
    found = validator.check_scenario(source, space)
    assert isinstance(found, Failure)
    assert told in found.text()


def test_a_scenario_without_time_leaves_it_open(validator: Validator) -> None:
    space = validator.check_space(SPACE)
    assert isinstance(space, ValidSpace)
    found = validator.check_scenario(SCENARIO.replace(", walltime_limit=90", ""), space)
    assert isinstance(found, ValidScenario)
    assert found.fields["n_trials"] == 7
