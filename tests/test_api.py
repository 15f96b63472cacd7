"""The Python API: tune a DataFrame, look at the run, predict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from automl_agent import InputError, load_run, tune
from automl_agent.runs import Run

pytestmark = pytest.mark.slow
QUICK: dict[str, Any] = {"model": "linear", "trials": 2, "folds": 2, "workers": 1}


def table(n_rows: int, seed: int, labels: tuple[Any, Any] = ("no", "yes")) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    y = np.arange(n_rows) % 2
    return pd.DataFrame(
        {
            "a": rng.normal(8.0 * y, 1.0),
            "b": pd.Categorical(np.where(rng.random(n_rows) < 0.5, "u", "v")),
            "y": [labels[code] for code in y],
        },
        index=np.arange(n_rows) * 10,
    )


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def words(logs: Path) -> Run:
    """A classification run of string labels, its test rows given as a DataFrame."""
    return tune(
        table(60, seed=0), target="y", test_data=table(20, seed=1), logs=str(logs), name="words",
        seed=np.int64(3), **QUICK,
    )  # fmt: skip


def test_the_run(words: Run, logs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert (words.name, words.state, words.path) == ("words", "finished", logs / "words")
    assert (words.target, words.classes) == ("y", ("no", "yes"))
    assert words.description["asked"]["dataset"] == "DataFrame 60 × 3"
    assert words.description["seed"] == {"value": 3, "origin": "user"}
    assert words.description["rows"]["train"] == 60
    assert words.result["test"]["rows"] == 20
    assert len(words.history.results) == 2
    assert capfd.readouterr() == ("", "")


def test_the_trajectory(words: Run) -> None:
    trajectory = words.trajectory()
    assert list(trajectory.columns[:5]) == ["trial", "seconds", "score", "cost", "origin"]
    assert words.incumbent is not None
    assert trajectory["trial"].iloc[-1] == words.incumbent.trial
    assert trajectory["cost"].is_monotonic_decreasing
    assert set(words.incumbent.config) <= set(trajectory.columns)


def test_predictions(words: Run) -> None:
    new = table(12, seed=2).drop(columns="y")
    labels, shares = words.predict(new), words.predict_proba(new)
    assert labels.tolist() == ["no", "yes"] * 6
    assert list(shares.columns) == ["no", "yes"]
    assert shares.index.equals(new.index)
    assert np.allclose(shares.sum(axis=1), 1.0)
    assert shares.idxmax(axis=1).tolist() == labels.tolist()
    shuffled = new[["b", "a"]].assign(extra=1)
    assert words.predict(shuffled).tolist() == labels.tolist()


def test_predicting_no_rows(words: Run) -> None:
    nothing = table(12, seed=2).head(0)
    assert len(words.predict(nothing)) == 0
    assert words.predict_proba(nothing).shape == (0, 2)


def test_a_loaded_run_predicts_the_same(words: Run, logs: Path) -> None:
    new = table(12, seed=2)
    loaded = load_run("words", logs=logs)
    pd.testing.assert_frame_equal(loaded.predict_proba(new), words.predict_proba(new))
    assert load_run(words.path).name == "words"


def test_the_command_predicts_the_same(words: Run, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from automl_agent.cli.main import automl_agent

    new = table(12, seed=2).drop(columns="y")
    new.to_csv(tmp_path / "new.csv", index=False)
    arguments = ["predict", str(words.path), str(tmp_path / "new.csv"), "--proba"]
    out = CliRunner().invoke(
        automl_agent, [*arguments, "-o", str(tmp_path / "out.csv")], catch_exceptions=False
    )
    assert out.exit_code == 0
    shares = pd.read_csv(tmp_path / "out.csv")
    assert np.allclose(shares, words.predict_proba(new), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("labels", "n_rows"), [((3, 7), 40), ((False, True), 10)])
def test_labels_keep_their_type(logs: Path, labels: tuple[Any, Any], n_rows: int) -> None:
    run = tune(table(n_rows, seed=0, labels=labels), target="y", logs=logs, **QUICK)
    predicted = run.predict(table(6, seed=1, labels=labels))
    assert predicted.tolist() == [*labels] * 3
    assert {type(label) for label in predicted.tolist()} == {type(labels[0])}
    assert list(run.predict_proba(table(6, seed=1)).columns) == [*labels]


def test_regression(logs: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(80, 2)), columns=["a", "b"])
    frame["y"] = 3 * frame["a"] - frame["b"]
    run = tune(frame, target="y", logs=logs, **QUICK)
    assert run.classes == ()
    assert run.result["metric"] == "rmse"
    predicted = run.predict(frame.head(9))
    assert predicted.dtype == np.float64
    assert np.abs(predicted - frame["y"].head(9)).max() < 1.0
    with pytest.raises(InputError, match="is a regression"):
        run.predict_proba(frame)


def test_what_it_refuses(tmp_path: Path) -> None:
    frame = table(40, seed=0)
    for settings, words in (
        ({}, "no target column was named"),
        ({"target": "z"}, "there is no column 'z'"),
        ({"target": "y", "trials": -3}, "^trials is -3"),
        ({"target": "y", "trials": "3"}, "^trials is '3'"),
        ({"target": "y", "metric": "rmse"}, "does not fit classification"),
    ):
        with pytest.raises(InputError, match=words):
            tune(frame, logs=tmp_path, **settings)
    with pytest.raises(TypeError, match=r"no setting 'trails'; did you mean 'trials'\?"):
        tune(frame, target="y", logs=tmp_path, trails=3)
    with pytest.raises(InputError, match="there is no run 'x'"):
        load_run("x", logs=tmp_path)
    assert list(tmp_path.iterdir()) == []
