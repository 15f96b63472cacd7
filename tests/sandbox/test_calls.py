"""What goes into the sandbox and what comes back, in every tier."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace

from automl_agent.sandbox.base import Limits
from automl_agent.sandbox.calls import fit_call, predict_call, scenario_call, space_call
from automl_agent.sandbox.process import WorkerProcess
from tests.sandbox.conftest import GENEROUS, LABELS, MEAN, ROWS, fit, fit_body, training

SPACE = """
import numpy as np
from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer
def get_configspace():
    space = ConfigurationSpace(seed=1)
    space.add(Float("rate", (1e-3, 1.0), log=True), Integer("depth", (1, 9), default=4),
              Categorical("kind", ["a", "b"]))
    return space
def get_initial_configurations():
    return [{"rate": np.float64(0.5), "depth": np.int64(2), "kind": np.str_("b")}]
"""

SCENARIO = """
from smac import Scenario
def get_scenario(configspace):
    return Scenario(configspace, n_trials=17, walltime_limit=30, min_budget=1, max_budget=9)
"""


def test_columns_arrive_typed(sandbox: WorkerProcess) -> None:
    outcome = fit_body(
        sandbox,
        """
        import numpy as np
        X = X.reset_index(drop=True)
        assert [str(t) for t in X.dtypes] == ["float64", "category", "str", "datetime64[ns]"]
        assert list(X.colour.cat.categories) == ["red", "green", "unseen"]
        assert X.colour.isna().sum() == 13 and X.text.isna().sum() == 13
        assert list(X.text[:2]) == ["grün", "blau"]
        assert np.isnan(X.number[7]) and X.number[8] == 8.0
        assert str(X.when[1].date()) == "2020-01-02"
        assert len(X) == len(y) == 40 and seed == 3 and budget is None
        raise LookupError("everything is as it should be")
        """,
    )
    assert outcome.error is not None
    assert outcome.error.headline == "LookupError: everything is as it should be"


@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_labels_arrive_intact(sandbox: WorkerProcess, dtype: type) -> None:
    labels = np.linspace(-3, 11, ROWS).astype(dtype)
    outcome = fit_body(
        sandbox,
        "y[0] += 0  # writable\nprint(y.dtype, y.tolist())\nraise SystemExit",
        labels=labels,
    )
    assert outcome.log.strip() == f"{labels.dtype} {labels[:40].tolist()}"


def test_regression_round_trip(sandbox: WorkerProcess) -> None:
    fitted = sandbox.run(fit(labels=np.arange(ROWS) * 1.0, want_model=True), GENEROUS)
    np.testing.assert_array_equal(fitted.prediction(20), np.full(20, 19.5))
    assert fitted.value["fit_seconds"] >= 0
    again = sandbox.run(
        predict_call(fitted.blobs[1], np.arange(30, 35), task="regression"), GENEROUS
    )
    np.testing.assert_array_equal(again.prediction(5), np.full(5, 19.5))


def test_classification_round_trip(sandbox: WorkerProcess) -> None:
    source = training(
        """
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.compose import make_column_transformer
        return make_pipeline(
            make_column_transformer((SimpleImputer(), ["number"])),
            RandomForestClassifier(n_estimators=5, random_state=seed),
        ).fit(X, y)
        """
    )
    fitted = sandbox.run(
        fit(source, task="classification", labels=LABELS, want_model=True), GENEROUS
    )
    probabilities = fitted.prediction(20)
    assert probabilities.shape == (20, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    held_out = np.arange(40, ROWS)
    again = sandbox.run(predict_call(fitted.blobs[1], held_out, task="classification"), GENEROUS)
    np.testing.assert_allclose(again.prediction(20), probabilities, atol=1e-6)


def test_a_model_that_keeps_its_config_can_be_loaded(sandbox: WorkerProcess) -> None:
    source = MEAN.replace("return Mean(y.mean())", "m = Mean(config['a']); m.c = config; return m")
    fitted = sandbox.run(fit(source, {"a": 4.0}, want_model=True), GENEROUS)
    again = sandbox.run(predict_call(fitted.blobs[1], np.arange(3), task="regression"), GENEROUS)
    np.testing.assert_array_equal(again.prediction(3), np.full(3, 4.0))


def test_labels_larger_than_the_pipe(sandbox: WorkerProcess) -> None:
    n = 200_000
    call = fit_call(
        MEAN,
        {},
        task="regression",
        train_rows=np.arange(n) % ROWS,
        labels=np.arange(n) * 1.0,
        predict_rows=np.arange(n) % ROWS,
        seed=0,
        budget=None,
        want_model=False,
    )
    outcome = sandbox.run(call, GENEROUS)
    np.testing.assert_array_equal(outcome.prediction(n), np.full(n, (n - 1) / 2))


@pytest.mark.slow
def test_space_and_scenario(sandbox: WorkerProcess) -> None:
    outcome = sandbox.run(space_call(SPACE), GENEROUS)
    assert outcome.ok, outcome
    space = ConfigurationSpace.from_serialized_dict(deepcopy(outcome.value["space"]))
    assert set(space) == {"rate", "depth", "kind"}
    assert space["depth"].default_value == 4
    assert outcome.value["initial"] == [{"rate": 0.5, "depth": 2, "kind": "b"}]
    outcome = sandbox.run(scenario_call(SCENARIO, outcome.value["space"]), GENEROUS)
    assert outcome.ok, outcome
    fields = outcome.value["fields"]
    assert (fields["n_trials"], fields["walltime_limit"], fields["max_budget"]) == (17, 30, 9)


def test_a_space_that_is_none_is_an_error(sandbox: WorkerProcess) -> None:
    outcome = sandbox.run(space_call("def get_configspace():\n    return {}"), GENEROUS)
    assert outcome.status == "error"
    assert (
        outcome.reason == "TypeError: get_configspace() must return a ConfigurationSpace, not dict"
    )


def test_exceptions_come_with_their_frames(sandbox: WorkerProcess) -> None:
    source = "def helper(n):\n    return 1 / n\n" + training("return helper(0)")
    outcome = sandbox.run(fit(source), GENEROUS)
    assert (outcome.status, outcome.stage) == ("error", "train")
    assert outcome.error is not None
    assert outcome.error.type == "ZeroDivisionError"
    frames = [(f.file, f.line, f.name, f.text) for f in outcome.error.frames]
    assert frames == [
        ("train.py", 4, "train", "return helper(0)"),
        ("train.py", 2, "helper", "return 1 / n"),
    ]


def test_syntax_errors_name_their_line(sandbox: WorkerProcess) -> None:
    outcome = sandbox.run(fit("x = 1\ndef train(:\n"), GENEROUS)
    assert (outcome.status, outcome.stage) == ("error", "import")
    assert outcome.error is not None
    assert outcome.error.type == "SyntaxError"
    assert outcome.error.frames[0].line == 2
    assert outcome.error.frames[0].text == "def train(:"


def test_library_frames_are_reduced_to_the_innermost(sandbox: WorkerProcess) -> None:
    outcome = fit_body(sandbox, "import json\njson.loads('{')")
    assert outcome.error is not None
    files = [frame.file for frame in outcome.error.frames]
    assert files[0] == "train.py"
    assert len(files) == 2
    assert files[1].endswith("decoder.py")


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        ("SystemExit(2)", "2"),
        ("KeyboardInterrupt()", ""),
        ("ValueError('\\ud800 lone')", "? lone"),
        ("type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})()", "cannot be printed"),
        ("ValueError('x' * 10**7)", "xxx"),
    ],
)
def test_odd_exceptions(sandbox: WorkerProcess, raised: str, message: str) -> None:
    outcome = fit_body(sandbox, f"raise {raised}")
    assert outcome.status == "error", outcome
    assert outcome.error is not None
    assert message in outcome.error.message
    assert len(outcome.error.message) <= 4000


@pytest.mark.parametrize(
    ("use", "read"),
    [
        ("config['a']", ["a"]),
        ("config.get('b')", ["b"]),
        ("config.get('nowhere', 0)", ["nowhere"]),
        ("'a' in config", ["a"]),
        ("config.items()", ["a", "b"]),
        ("config.values()", ["a", "b"]),
        ("(lambda **k: k)(**config)", ["a", "b"]),
        ("{**config}", ["a", "b"]),
        ("dict(config)", ["a", "b"]),
        ("config | {}", ["a", "b"]),
        ("config.copy()", ["a", "b"]),
        ("__import__('copy').deepcopy(config)", ["a", "b"]),
        ("config.pop('a')", ["a"]),
        ("config.setdefault('b', 1)", ["b"]),
        ("list(config.keys())", []),
        ("len(config)", []),
    ],
)
def test_reads_of_the_configuration_are_seen(
    sandbox: WorkerProcess, use: str, read: list[str]
) -> None:
    source = MEAN.replace("    return Mean(y.mean())", f"    {use}\n    return Mean(0.0)")
    outcome = sandbox.run(fit(source, {"a": 1, "b": 2}), GENEROUS)
    assert outcome.value.get("read") == read, outcome


@pytest.mark.parametrize("threads", [1, 2])
def test_thread_limits(sandbox: WorkerProcess, threads: int) -> None:
    outcome = fit_body(
        sandbox,
        """
        import os, numpy
        from threadpoolctl import threadpool_info
        print({os.environ[n] for n in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
            "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "LOKY_MAX_CPU_COUNT")})
        print({pool["num_threads"] for pool in threadpool_info()})
        raise SystemExit
        """,
        Limits(wall_seconds=60, threads=threads),
    )
    assert outcome.log.split("\n")[:2] == [f"{{'{threads}'}}", f"{{{threads}}}"]


def test_hashes_do_not_differ_between_workers(make: Callable[..., WorkerProcess]) -> None:
    logs = [fit_body(make(), "print(hash('a'))\nraise SystemExit").log for _ in range(2)]
    assert logs[0] == logs[1] != ""


def test_preloaded_modules_are_there(make: Callable[..., WorkerProcess]) -> None:
    body = "import sys\nprint('wave' in sys.modules, 'chunk' in sys.modules)\nraise SystemExit"
    worker = make(preload=("wave",))
    assert fit_body(worker, body.replace("chunk", "colorsys")).log.split() == ["True", "False"]
    worker.preload(("colorsys", "no_such_module"))
    assert fit_body(worker, body.replace("chunk", "colorsys")).log.split() == ["True", "True"]
