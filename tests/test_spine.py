"""Whole tuning runs: data in, tested model out, everything on disk."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
from sklearn.metrics import log_loss, root_mean_squared_error

from automl_agent.api import load_run, tune
from automl_agent.codegen.recipes import recipe_names
from automl_agent.data.problem import Problem, pose_problem
from automl_agent.exceptions import GenerationError, RunFailedError
from automl_agent.optimization.trial import Incumbent, Status, Trial, TrialResult
from automl_agent.progress import Progress
from automl_agent.run_directory import RunDirectory
from automl_agent.runs import Run
from automl_agent.sandbox.base import Call, Limits, Outcome, Tier
from automl_agent.sandbox.process import WorkerProcess
from automl_agent.settings import TuneSettings
from llm_clients.function_client import FunctionClient

pytestmark = pytest.mark.slow

# ------------------------------------------------------------------- modules written by hand

SPACE = """
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer

def get_configspace():
    space = ConfigurationSpace(seed=0)
    kind = Categorical("kind", ["tree", "mean"], default="tree")
    depth = Integer("depth", (1, 8), default=3)
    space.add(kind, depth, Float("mix", (0.0, 1.0), default=0.5))
    space.add(EqualsCondition(depth, kind, "tree"))
    return space

def get_initial_configurations():
    return [{"kind": "tree", "depth": 3, "mix": 0.5}, {"kind": "mean", "mix": 0.0}]
"""
TRAIN = """
import numpy as np
from sklearn.tree import DecisionTreeRegressor

class Mixed:
    def __init__(self, tree, mean, mix):
        self.tree, self.mean, self.mix = tree, mean, mix
    def predict(self, X):
        if self.tree is None:
            return np.full(len(X), self.mean + self.mix)
        return self.mix * self.mean + (1.0 - self.mix) * self.tree.predict(X.to_numpy())

def train(config, X, y, *, seed, budget):
    # @trouble
    tree = None
    if config["kind"] == "tree":
        tree = DecisionTreeRegressor(max_depth=config["depth"], random_state=seed)
        tree.fit(X.to_numpy(), y)
    return Mixed(tree, float(y.mean()), config["mix"])
"""
SCENARIO = """
from smac import Scenario

def get_scenario(configspace):
    return Scenario(configspace, deterministic=True, n_trials=5)
"""


def author(trouble: str = "pass") -> FunctionClient:
    """Writes the three modules; `trouble` is what `train` does in the search.

    The samples on which the code is proved have 400 rows, a fold of the search has more.
    """
    guarded = f"if len(y) > 400: {trouble}"
    modules = {
        "config_space": SPACE,
        "train": TRAIN.replace("# @trouble", guarded),
        "scenario": SCENARIO,
    }
    return FunctionClient(lambda facts: f"```python\n{modules[facts['component']]}```")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """A regression whose labels are all different and appear nowhere among the features."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(1200, 3))
    target = 3 * (X[:, 0] > 0) + X[:, 1] + rng.normal(scale=0.3, size=1200)
    return pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "target": target})


class Listener(Progress):
    """Remembers the problem, the run and the trials."""

    def __init__(self) -> None:
        self.problem: Problem | None = None
        self.run: RunDirectory | None = None
        self.results: list[TrialResult] = []

    def posed(self, problem: Problem, run: RunDirectory, tier: Tier) -> None:
        self.problem, self.run = problem, run

    def trial_finished(
        self, trial: Trial, result: TrialResult, incumbent: Incumbent | None
    ) -> None:
        self.results.append(result)


def events(run: Run, kind: str) -> list[dict[str, Any]]:
    lines = (run.path / "events.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == kind]


def final_models(run: Run) -> list[Any]:
    """The run's models; they came from our own recipes, so this process may load them."""
    files = sorted((run.path / "model").glob("model_*.bin"))
    return [pickle.loads(file.read_bytes()) for file in files]


# ------------------------------------------------------------------------------- every recipe


@pytest.mark.parametrize("model", recipe_names())
@pytest.mark.parametrize("dataset", ["iris", "diabetes"])
def test_a_run_with_each_recipe(tmp_path: Path, dataset: str, model: str) -> None:
    listener = Listener()
    try:
        run = tune(
            dataset, model=model, trials=3, workers=2, folds=2, logs=tmp_path, progress=listener
        )
    except (RunFailedError, GenerationError) as error:
        if "regression" in str(error) or "classification" in str(error):
            pytest.skip(f"{model} is not for this task")
        raise

    assert run.state == "finished"
    assert not (run.path / "work").exists()
    assert len(run.history.results) == 3
    assert Counter(r.status for r in run.history.results.values())[Status.SUCCESS] >= 1
    problem, result = listener.problem, run.result
    assert problem is not None
    models = final_models(run)
    assert result["final_model"]["n_models"] == len(models)
    if problem.n_classes:
        proba = np.mean([m.predict_proba(problem.X_test) for m in models], axis=0)
        expected = log_loss(problem.y_test, proba, labels=range(problem.n_classes))
    else:
        values = np.mean([m.predict(problem.X_test) for m in models], axis=0)
        expected = root_mean_squared_error(problem.y_test, values)
    final = result["test"]["final"]
    assert final["score"] == pytest.approx(expected, rel=1e-5)
    assert final["low"] <= final["score"] <= final["high"]
    assert result["test"]["rows"] == len(problem.y_test)
    assert result["incumbent"]["cost"] == min(
        r.cost for r in run.history.results.values() if r.cost is not None
    )


# --------------------------------------------------------------------------------- what leaks


class LeakWatch(Listener):
    """At every trial looks for the test labels in every file of the run."""

    def __init__(self) -> None:
        super().__init__()
        self.files_searched = 0
        self.found: list[str] = []

    def trial_finished(
        self, trial: Trial, result: TrialResult, incumbent: Incumbent | None
    ) -> None:
        super().trial_finished(trial, result, incumbent)
        assert self.problem is not None
        assert self.run is not None
        self.found += self.labels_in(self.problem.y_test[:20])

    def labels_in(self, labels: Any) -> list[str]:
        assert self.run is not None
        needles = [n for y in labels for n in (y.tobytes(), repr(float(y)).encode())]
        found = []
        for path in self.run.path.rglob("*"):
            with contextlib.suppress(OSError):
                data = path.read_bytes()
                self.files_searched += 1
                found += [str(path) for needle in needles if needle in data]
        return found


class RecordingWorker(WorkerProcess):
    """A worker that remembers every call of every worker."""

    calls: list[Call]

    def run(self, call: Call, limits: Limits, cancelled: Any = None) -> Outcome:
        self.calls.append(call)
        return super().run(call, limits, cancelled)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """Every call of the run's workers."""
    calls: list[Call] = []
    monkeypatch.setattr(RecordingWorker, "calls", calls, raising=False)
    monkeypatch.setattr("automl_agent.sandbox.pool.WorkerProcess", RecordingWorker)
    return calls


def test_test_labels_are_nowhere_and_validation_labels_enter_no_sandbox(
    tmp_path: Path, table: pd.DataFrame, recorded: list[Call]
) -> None:
    watch = LeakWatch()
    tune(
        table,
        target="target",
        trials=4,
        workers=2,
        folds=3,
        logs=tmp_path,
        client=author(),
        progress=watch,
    )

    problem = watch.problem
    assert problem is not None
    assert watch.files_searched > 40
    assert watch.found == []
    fits = [call for call in recorded if call.op == "fit"]
    scored = 0
    for call in fits:
        rows, labels, held_out = call.blobs
        assert labels == problem.y[np.frombuffer(rows, np.int64)].tobytes()
        sent = b"".join(call.blobs) + repr(dict(call.fields)).encode()
        assert not [y for y in problem.y_test if y.tobytes() in sent]
        disjoint = not set(np.frombuffer(rows, np.int64)) & set(np.frombuffer(held_out, np.int64))
        refit = len(rows) == 8 * len(problem.y)
        assert disjoint != refit
        scored += disjoint and not refit
    assert scored >= 4 * 3
    for call in recorded:
        if call.op != "fit":
            sent = b"".join(call.blobs) + repr(dict(call.fields)).encode()
            assert not [y for y in (*problem.y, *problem.y_test) if y.tobytes() in sent]


# --------------------------------------------------------------------------- reproducibility

_RUN = """
import json, sys
from pathlib import Path
from automl_agent.api import tune
run = tune("iris", model="linear", trials=14, workers=1, folds=2, seed=11, logs=sys.argv[1],
           name="same")
trials = [[t.config, t.origin.value, run.history.results[n].cost]
          for n, t in sorted(run.history.trials.items())]
incumbents = [[i.trial, i.cost, i.score, i.config] for i in run.incumbents]
print(json.dumps([trials, incumbents, run.result["test"]["final"]]))
"""


def _environment(hash_seed: str = "random") -> dict[str, str]:
    root = str(Path(__file__).parents[1])
    path = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path}


def test_one_worker_and_one_seed_give_one_run(tmp_path: Path) -> None:
    told = []
    for hash_seed in ("1", "4242"):
        ended = subprocess.run(
            [sys.executable, "-c", _RUN, str(tmp_path / hash_seed)],
            env=_environment(hash_seed),
            capture_output=True,
            text=True,
            timeout=180,
            check=True,
        )
        assert ended.stderr == ""
        told.append(json.loads(ended.stdout))

    assert told[0] == told[1]
    trials = told[0][0]
    assert len(trials) == 14
    assert {origin for _, origin, _ in trials} >= {"default", "initial design", "model-based"}


# --------------------------------------------------------------------------------- violence

_LONG = """
import sys
import pandas as pd
sys.path.insert(0, sys.argv[2])
from test_spine import author
from automl_agent.api import tune
tune(pd.read_csv(sys.argv[3]), target="target", trials=500, workers=2, folds=2, logs=sys.argv[1],
     name="to-be-killed", client=author("__import__('time').sleep(0.3)"))
"""


@pytest.fixture
def running(tmp_path: Path, table: pd.DataFrame) -> Any:
    """A long run in a process of its own, in the middle of its search."""
    table.to_csv(tmp_path / "table.csv", index=False)
    here = str(Path(__file__).parent)
    process = subprocess.Popen(
        [sys.executable, "-c", _LONG, str(tmp_path), here, str(tmp_path / "table.csv")],
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    journal = tmp_path / "to-be-killed/events.jsonl"
    until = time.monotonic() + 120
    while not (journal.exists() and journal.read_text().count('"event": "tell"') >= 3):
        assert process.poll() is None, process.communicate()[1].decode()
        assert time.monotonic() < until
        time.sleep(0.1)
    yield process
    process.kill()
    process.communicate()


def _alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _mentioning(marker: str) -> list[psutil.Process]:
    """Live processes with the marker in their command line or environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            text = " ".join(process.cmdline()) + " ".join(process.environ().values())
            if marker in text and process.pid != os.getpid():
                found.append(process)
    return _alive(found)


def _gone(processes: list[psutil.Process], marker: str) -> bool:
    until = time.monotonic() + 20
    while _alive(processes) or _mentioning(marker):
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def test_kill_9_leaves_no_process_and_loses_no_finished_trial(
    tmp_path: Path, running: subprocess.Popen[bytes]
) -> None:
    children = psutil.Process(running.pid).children(recursive=True)
    assert len(children) >= 2
    marker = str(tmp_path / "to-be-killed")
    assert load_run("to-be-killed", tmp_path).state == "running"

    running.kill()
    running.wait()

    assert _gone(children, marker)
    run = load_run("to-be-killed", tmp_path)
    assert run.state == "killed"
    told = {event["trial"]: event["cost"] for event in events(run, "tell")}
    assert len(told) >= 3
    assert {n: result.cost for n, result in run.history.results.items()} == told
    assert run.incumbent is not None
    assert run.incumbent.cost == min(cost for cost in told.values() if cost is not None)
    for number in told:
        assert (run.path / f"predictions/trial_{number:04d}.npy").exists()
    with pytest.raises(RunFailedError, match="no model"):
        run.predict(pd.DataFrame({"a": [1.0], "b": [1.0], "c": [1.0]}))


def test_an_interrupt_ends_the_run_soon_and_in_order(
    tmp_path: Path, running: subprocess.Popen[bytes]
) -> None:
    children = psutil.Process(running.pid).children(recursive=True)
    running.send_signal(signal.SIGINT)
    running.wait(timeout=20)

    assert _gone(children, str(tmp_path / "to-be-killed"))
    run = load_run("to-be-killed", tmp_path)
    assert run.state == "interrupted"
    assert run.incumbent is not None
    assert not (run.path / "work").exists()
    history = json.loads((run.path / "smac/smac/0/runhistory.json").read_text())
    assert history["stats"]["finished"] == len(events(run, "tell"))


# ------------------------------------------------------------------------------------- time


@pytest.mark.parametrize("trouble", ["pass", "__import__('time').sleep(1.5)"])
def test_the_time_is_kept(tmp_path: Path, table: pd.DataFrame, trouble: str) -> None:
    run = tune(
        table,
        target="target",
        time=10.0,
        workers=1,
        folds=2,
        logs=tmp_path,
        client=author(trouble),
    )

    seconds = run.result["seconds"]
    assert seconds["search"] + seconds["refit_and_report"] <= 10.0 + 5.0
    assert run.result["stopped"] == "time"
    assert run.result["final_model"]["kind"] == "refit"
    assert run.result["trials"]["finished"] >= 1


def test_training_that_hangs_on_many_rows_is_stopped(tmp_path: Path, table: pd.DataFrame) -> None:
    began = time.monotonic()
    with pytest.raises(RunFailedError):
        tune(
            table,
            target="target",
            time=12.0,
            workers=2,
            folds=2,
            logs=tmp_path,
            name="hangs",
            client=author("exec('while True: pass')"),
        )

    assert time.monotonic() - began < 60
    assert load_run("hangs", tmp_path).state == "failed"


# ---------------------------------------------------------------------------- failing trials


def test_a_run_survives_configurations_that_crash(tmp_path: Path, table: pd.DataFrame) -> None:
    trouble = "assert config['kind'] != 'mean', 'no means today'"
    run = tune(
        table,
        target="target",
        trials=8,
        workers=2,
        folds=2,
        logs=tmp_path,
        client=author(trouble),
    )

    trials = run.result["trials"]
    assert trials["finished"] == 8
    assert trials["by_status"]["crashed"] >= 1
    assert trials["by_status"]["success"] >= 1
    reasons = {r.reason for r in run.history.results.values() if r.status is Status.CRASHED}
    assert reasons == {"AssertionError: no means today"}
    assert run.result["incumbent"]["config"]["kind"] == "tree"


def test_when_everything_crashes_the_run_fails_and_says_why(
    tmp_path: Path, table: pd.DataFrame
) -> None:
    with pytest.raises(RunFailedError, match="all 4 trials failed") as caught:
        tune(
            table,
            target="target",
            trials=4,
            workers=2,
            folds=2,
            logs=tmp_path,
            name="hopeless",
            client=author("raise OSError('too many rows')"),
        )

    status = json.loads((tmp_path / "hopeless/status.json").read_text())
    assert status["state"] == "failed"
    assert status["reason"] == str(caught.value)
    assert "(4 of 4): OSError: too many rows" in status["reason"]
    run = load_run("hopeless", tmp_path)
    assert {result.status for result in run.history.results.values()} == {Status.CRASHED}
    assert run.incumbent is None


def test_memory_is_limited(tmp_path: Path, table: pd.DataFrame) -> None:
    trouble = "bytearray(1 << 46) if config['kind'] == 'mean' else None"
    run = tune(
        table,
        target="target",
        trials=4,
        workers=1,
        folds=1,
        logs=tmp_path,
        client=author(trouble),
    )

    assert run.result["trials"]["by_status"]["memory-out"] >= 1
    assert run.result["trials"]["by_status"]["success"] >= 1


# ------------------------------------------------------------------------------ by hand


def test_modules_written_by_hand(tmp_path: Path, table: pd.DataFrame) -> None:
    run = tune(table, target="target", workers=2, folds=2, logs=tmp_path, client=author())

    trials = run.history.trials
    assert trials[1].config == {"kind": "tree", "depth": 3, "mix": 0.5}
    assert trials[2].config == {"kind": "mean", "mix": 0.0}
    assert len(trials) == 5  # the scenario's
    assert run.result["budget"]["trials"] == {"value": 5, "origin": "model"}
    for trial in trials.values():
        assert ("depth" in trial.config) == (trial.config["kind"] == "tree")
    assert (run.path / "code/train.py").read_text().strip() == (
        TRAIN.replace("# @trouble", "if len(y) > 400: pass").strip()
    )

    problem = pose_problem(TuneSettings(dataset=table, target="target", folds=2), seed=0)
    predicted = run.predict(problem.X_test)
    expected = root_mean_squared_error(problem.y_test, predicted)
    assert run.result["test"]["final"]["score"] == pytest.approx(expected)
    incumbent = run.incumbent
    assert incumbent is not None
    out_of_fold = np.load(run.path / f"predictions/trial_{incumbent.trial:04d}.npy")
    costs = [
        root_mean_squared_error(problem.y[fold.validation], out_of_fold[fold.validation])
        for fold in problem.folds
    ]
    assert incumbent.cost == pytest.approx(np.mean(costs))
