"""Who decides what: the user, then the generated scenario within caps, then we."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from automl_agent.environment import cores
from automl_agent.exceptions import InputError
from automl_agent.settings import (
    DEFAULT_TRIALS,
    MAX_MODEL_SECONDS,
    MAX_MODEL_TRIALS,
    MIN_MODEL_SECONDS,
    Decision,
    SettingError,
    TuneSettings,
    decide_budget,
    decide_folds,
    decide_resources,
)

NAN, INF = float("nan"), float("inf")


def settings(**changes: Any) -> TuneSettings:
    return TuneSettings(dataset="iris", **changes)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("trials", v) for v in (0, -3, 1.5, "abc", True, NAN)],
        *[("workers", v) for v in (0, 10**6)],
        *[("folds", v) for v in (0, 2.0)],
        *[("seed", v) for v in (-1, 2**32, 0.5)],
        *[("retries", v) for v in (-1, None)],
        *[("time", v) for v in (0, -1, NAN, INF, 1e300, 10**400, "soon")],
        *[("generation_time", v) for v in (0, INF, None)],
    ],
)
def test_unusable_values(name: str, value: Any) -> None:
    with pytest.raises(SettingError) as caught:
        settings(**{name: value})
    error = caught.value
    assert isinstance(error, InputError)
    assert error.setting == name
    assert error.message == f"{name} is {value!r}"
    assert "must be" in error.hint
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.message, copy.hint, copy.setting) == (error.message, error.hint, name)


def test_values_become_plain() -> None:
    made = settings(trials=np.int64(3), seed=np.uint8(4), time=np.float32(2), logs="elsewhere")
    assert (made.trials, made.seed, made.time) == (3, 4, 2.0)
    assert {type(made.trials), type(made.seed), type(made.time)} == {int, float}
    assert made.logs == Path("elsewhere")
    assert json.loads(json.dumps(made.asked()))["trials"] == 3


def test_a_frame_is_logged_by_its_shape() -> None:
    made = TuneSettings(dataset=pd.DataFrame({"a": [1, 2], "b": [3, 4]}))
    assert made.asked()["dataset"] == "DataFrame 2 × 2"


# -------------------------------------------------------------------------------- budget


def test_the_user_decides() -> None:
    scenario = {"n_trials": 7, "walltime_limit": 60}
    both = decide_budget(settings(trials=3, time=9), scenario, 5)
    assert (both.trials, both.time) == (Decision(3, "user"), Decision(9.0, "user"))
    trials = decide_budget(settings(trials=3), scenario, 5)
    assert (trials.trials, trials.time) == (Decision(3, "user"), Decision(None, "default"))
    seconds = decide_budget(settings(time=9), scenario, 5)
    assert (seconds.trials, seconds.time) == (Decision(None, "default"), Decision(9.0, "user"))


@pytest.mark.parametrize(
    ("n_trials", "expected"),
    [
        (7, Decision(7, "model")),
        (7.9, Decision(7, "model")),
        (0.5, Decision(1, "model")),
        (10**9, Decision(MAX_MODEL_TRIALS, "model")),
        *[(v, Decision(DEFAULT_TRIALS, "default")) for v in (None, -1, 0, NAN, INF, "9", True)],
        (10**400, Decision(DEFAULT_TRIALS, "default")),
    ],
)
def test_the_scenario_decides_trials(n_trials: Any, expected: Decision) -> None:
    assert decide_budget(settings(), {"n_trials": n_trials}, 5).trials == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (120, Decision(120.0, "model")),
        (0.1, Decision(MIN_MODEL_SECONDS, "model")),
        (10**9, Decision(MAX_MODEL_SECONDS, "model")),
        *[(v, Decision(None, "default")) for v in (None, -1, 0, NAN, INF, "9", True)],
    ],
)
def test_the_scenario_decides_time(seconds: Any, expected: Decision) -> None:
    budget = decide_budget(settings(), {"walltime_limit": seconds}, 5)
    assert budget.time == expected
    json.dumps(budget.to_dict(), allow_nan=False)


def test_an_empty_scenario_decides_nothing() -> None:
    budget = decide_budget(settings(), {}, 5)
    assert {d.origin for d in (budget.trials, budget.time, budget.fit_seconds)} == {"default"}


@pytest.mark.parametrize(
    ("limit", "time", "expected"),
    [
        (50, None, Decision(10.0, "model")),  # of a trial: a fit has one of its five folds
        (0.1, None, Decision(1.0, "model")),
        (10**9, None, Decision(600.0, "default")),
        (-1, None, Decision(600.0, "default")),
        (INF, 40, Decision(10.0, "default")),  # a quarter of the time
        (None, 4, Decision(5.0, "default")),
        (10, 40, Decision(2.0, "model")),
    ],
)
def test_fit_seconds(limit: Any, time: float | None, expected: Decision) -> None:
    scenario = {"trial_walltime_limit": limit}
    assert decide_budget(settings(time=time), scenario, 5).fit_seconds == expected


# --------------------------------------------------------------------- folds and resources


@pytest.mark.parametrize(
    ("asked", "rows", "expected"),
    [
        (None, 50_000, Decision(5, "default")),
        (None, 50_001, Decision(1, "default")),
        (3, 10**6, Decision(3, "user")),
        (1, 10, Decision(1, "user")),
    ],
)
def test_folds(asked: int | None, rows: int, expected: Decision) -> None:
    assert decide_folds(settings(folds=asked), rows) == expected


def test_resources() -> None:
    own = decide_resources(settings(), cells=100)
    assert (own.workers.origin, own.seed) == ("default", Decision(0, "default"))
    asked = decide_resources(settings(workers=400, seed=7), cells=10**6)
    assert (asked.workers, asked.seed) == (Decision(400, "user"), Decision(7, "user"))
    assert asked.threads == 1
    assert decide_resources(settings(workers=1), cells=100).threads == 1
    assert decide_resources(settings(workers=1), cells=10**6).threads == cores()
    assert asked.memory_bytes is None or asked.memory_bytes >= 2**30
