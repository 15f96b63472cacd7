"""What `tune` refuses: one clear line, exit code 2, and no run directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cli_command import automl_agent


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that something is wrong with."""
    folder = tmp_path_factory.mktemp("files")
    good = pd.DataFrame({"a": np.arange(40) % 7, "b": np.arange(40) / 3, "y": ["u", "v"] * 20})
    good.to_csv(folder / "good.csv", index=False)
    good.head(5).to_csv(folder / "five.csv", index=False)
    good.assign(y="same").to_csv(folder / "constant.csv", index=False)
    good.assign(y=np.nan).to_csv(folder / "blank.csv", index=False)
    good[["y"]].to_csv(folder / "alone.csv", index=False)
    (folder / "empty.csv").write_text("")
    (folder / "header.csv").write_text("a,b,y\n")
    (folder / "binary.csv").write_bytes(bytes(range(256)) * 20)
    (folder / "twice.csv").write_text("a,a,y\n" + "1,2,u\n3,4,v\n" * 20)
    (folder / "ragged.csv").write_text("a,b,y\n" + "1,2,u\n" * 20 + "1,2,3,4,v\n")
    return folder


DATA: list[tuple[str, list[str], list[str]]] = [
    ("empty.csv", [], ["empty.csv is empty"]),
    ("header.csv", [], ["header.csv", "no data"]),
    ("gone.csv", [], ["no such file", "gone.csv"]),
    ("godo.csv", [], ["no such file", "did you mean 'good.csv'"]),
    (".", [], ["binary.csv is a binary file"]),
    ("binary.csv", [], ["binary.csv is a binary file"]),
    ("twice.csv", [], ["'a'"]),
    ("ragged.csv", [], ["line 22"]),
    ("five.csv", [], ["5 rows", "at least 10"]),
    ("constant.csv", [], ["'y'", "'same' in every row"]),
    ("blank.csv", [], ["'y'", "no value"]),
    ("alone.csv", [], ["no column besides the target"]),
    ("good.csv", ["--target", "z"], ["no column 'z'", "'a', 'b', 'y'"]),
    ("good.csv", ["--task", "regression"], ["'y'", "not numbers", "'u'"]),
    ("good.csv", ["--task", "clustering"], ["no task 'clustering'", "regression"]),
    ("good.csv", ["--folds", "1000"], ["too few for 1000 folds"]),
    ("good.csv", ["--test-data", "gone.csv"], ["no such file", "gone.csv"]),
]


@pytest.mark.parametrize(("name", "options", "expected"), DATA)
def test_unusable_data(
    files: Path, empty_logs: Path, name: str, options: list[str], expected: list[str]
) -> None:
    if "--target" not in options:
        options = ["--target", "y", *options]
    said = automl_agent("tune", "--dataset", files / name, *options, "--logs", empty_logs).error()
    for words in expected:
        assert words in said


def test_no_target_named(files: Path, empty_logs: Path) -> None:
    said = automl_agent("tune", "--dataset", files / "good.csv", "--logs", empty_logs).error()
    assert "no target column was named" in said
    assert "'a', 'b', 'y'" in said


OPTIONS: list[tuple[list[Any], list[str]]] = [
    (["--dataset", "irsi"], ["'irsi'", "did you mean 'iris'?"]),
    (["--model", "lgm"], ["lgm", "lgbm"]),
    (["--model", "linaer"], ["linaer", "linear"]),
    (["--metric", "acuracy"], ["'acuracy'", "did you mean 'accuracy'?"]),
    (["--metric", "rmse"], ["'rmse' does not fit classification", "log_loss"]),
    (["--sandbox", "jail"], ["'jail'", "auto, bubblewrap, limits"]),
    (["--llm", "hal9000"], ["'hal9000'", "offline"]),
    (["--trials", -3], ["--trials is -3", "at least 1"]),
    (["--trials", 0], ["--trials is 0", "at least 1"]),
    (["--trials", "abc"], ["'--trials'", "'abc' is not a valid integer"]),
    (["--trials", "1.5"], ["'--trials'", "'1.5'"]),
    (["--workers", 0], ["--workers is 0", "from 1"]),
    (["--workers", 10**6], ["--workers is 1000000", "512"]),
    (["--time", -1], ["--time is -1", "above 0"]),
    (["--time", "nan"], ["--time is nan", "above 0"]),
    (["--time", "inf"], ["--time is inf", "2,000,000"]),
    (["--generation-time", 0], ["--generation-time is 0", "above 0"]),
    (["--retries", -1], ["--retries is -1", "at least 0"]),
    (["--seed", -1], ["--seed is -1", "from 0"]),
    (["--folds", 0], ["--folds is 0", "at least 1"]),
    (["--name", "a/b"], ["'a/b'", "letters"]),
    (["--name", ".."], ["'..'", "letters"]),
    (["--name", "n" * 300], ["too long", "shorter --name"]),
    (["--trails", 3], ["no such option '--trails'", "--trials", "tune --help"]),
]


@pytest.mark.parametrize(("options", "expected"), OPTIONS)
def test_unusable_options(empty_logs: Path, options: list[Any], expected: list[str]) -> None:
    ended = automl_agent("tune", "--dataset", "iris", *options, "--logs", empty_logs)
    for words in expected:
        assert words in ended.error()


@pytest.mark.parametrize("options", [["--trials", -3], ["--trials", "abc"], ["--target", "z"], []])
def test_errors_as_json(empty_logs: Path, options: list[Any]) -> None:
    data = ["--dataset", "iris"] if options else []
    ended = automl_agent("tune", *data, *options, "--logs", empty_logs, "--json")
    assert ended.code == 2
    assert set(ended.json()) == {"error", "hint"}
    assert ended.json()["error"]
    assert ended.err == ""


def test_debug_adds_the_traceback() -> None:
    ended = automl_agent("tune", "--dataset", "irsi", "--debug")
    assert "Traceback" in ended.err
    assert "error: no dataset or file named 'irsi'" in ended.err


def test_logs_is_a_file(tmp_path: Path) -> None:
    place = tmp_path / "logs"
    place.write_text("precious")
    said = automl_agent("tune", "--dataset", "iris", "--logs", place).error()
    assert f"{place} is not a folder" in said
    assert "--logs" in said
    assert place.read_text() == "precious"


def test_logs_cannot_be_written(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        place = Path("/proc/runs")  # where not even root makes folders
    else:
        place = tmp_path / "locked"
        place.mkdir(mode=0o500)
    said = automl_agent("tune", "--dataset", "iris", "--logs", place).error()
    assert f"cannot make a run directory in {place}" in said
    assert "choose another folder with --logs" in said


def test_name_is_taken(logs: Path) -> None:
    before = sorted(str(p) for p in logs.rglob("*"))
    said = automl_agent(
        "tune", "--dataset", "iris", "--model", "linear", "--name", "früchte", "--logs", logs
    ).error()
    assert "a run named 'früchte' exists already" in said
    assert f"automl-agent runs rm 'früchte' --logs {logs}" in said
    assert sorted(str(p) for p in logs.rglob("*")) == before


def test_name_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("precious")
    said = automl_agent("tune", "--dataset", "iris", "--name", "taken", "--logs", tmp_path).error()
    assert "taken exists and is no run" in said
    assert (tmp_path / "taken").read_text() == "precious"


def test_bare_command_and_unknown_command() -> None:
    bare = automl_agent()
    assert bare.code == 2
    assert "Commands:" in bare.err
    assert "no such command 'tuen'" in automl_agent("tuen").error()
