"""`predict`, `runs` and `models` on a finished run, and on runs that are not."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from cli_command import RUN, Ended, automl_agent, start

from automl_agent.run_directory import RunDirectory

GROUPS = [
    [],
    ["tune"],
    ["predict"],
    ["runs"],
    ["runs", "list"],
    ["runs", "show"],
    ["runs", "incumbents"],
    ["runs", "rm"],
    ["models"],
]


@pytest.mark.parametrize("command", GROUPS, ids=" ".join)
def test_help_shows_examples(command: list[str]) -> None:
    ended = automl_agent(*command, "--help")
    assert ended.code == 0
    assert f"Examples:\n    automl-agent {' '.join(command)}".rstrip() in ended.out
    assert all(len(line) <= 100 for line in ended.out.splitlines())


def test_version() -> None:
    assert automl_agent("--version").out.startswith("automl-agent 0.")


# ---------------------------------------------------------------------------------- json


def test_tune_prints_its_outcome_as_json(finished: Ended, logs: Path) -> None:
    result = finished.json()
    assert finished.err == ""
    assert result["run"] == RUN
    assert Path(result["path"]) == logs / RUN
    assert result["trials"]["finished"] == 3
    assert 0 < result["test"]["final"]["score"] < 3


def test_every_file_of_a_run_is_strict_json(logs: Path) -> None:
    files = [*(logs / RUN).glob("*.json*"), *(logs / RUN / "model").glob("*.json")]
    assert len(files) > 8
    for path in files:
        if path.suffix == ".jsonl":
            for line in path.read_text(encoding="utf-8").splitlines():
                Ended(0, line, "").json()
            continue
        Ended(0, path.read_text(encoding="utf-8"), "").json()


def test_runs_as_json(logs: Path) -> None:
    listed = automl_agent("runs", "list", "--logs", logs, "--json")
    assert [(r["run"], r["state"], r["trials"]) for r in listed.json()] == [(RUN, "finished", 3)]
    story = automl_agent("runs", "show", RUN, "--logs", logs, "--json").json()
    assert story["description"]["target"] == "種類"
    assert story["result"]["metric"] == "log_loss"
    assert story["budget"]["trials"] == {"value": 3, "origin": "user"}
    incumbents = automl_agent("runs", "incumbents", RUN, "--logs", logs, "--json").json()
    assert [i["score"] for i in incumbents] == [i["score"] for i in story["incumbents"]]
    assert incumbents[0]["trial"] == 1
    models = automl_agent("models", "--json").json()
    assert {"lgbm", "linear"} <= {m["name"] for m in models}


@pytest.mark.parametrize(
    "command",
    [
        ["runs", "show", "nothing"],
        ["runs", "incumbents", "nothing"],
        ["runs", "rm", "nothing"],
        ["predict", "nothing", "new.csv"],
    ],
    ids=" ".join,
)
def test_unknown_run(logs: Path, command: list[str]) -> None:
    said = automl_agent(*command, "--logs", logs).error()
    assert f"there is no run 'nothing' in {logs}" in said
    assert f"runs list --logs {logs}" in said
    as_json = automl_agent(*command, "--logs", logs, "--json")
    assert as_json.code == 2
    assert "nothing" in as_json.json()["error"]
    assert as_json.err == ""


def test_a_run_nearly_named(logs: Path) -> None:
    assert "did you mean früchte?" in automl_agent("runs", "show", "frücht", "--logs", logs).error()
    automl_agent("runs", "show", "n" * 400, "--logs", logs).error()


# ---------------------------------------------------------------------------------- runs


def test_runs_shows_tables(logs: Path) -> None:
    listed = automl_agent("runs", "list", "--logs", logs)
    assert RUN in listed.out
    shown = automl_agent("runs", "show", logs / RUN)
    for words in ("finished", "'種類'", "trials 3 (asked for)", "default configuration", "trial 1"):
        assert words in shown.out
    assert "trial 1" in automl_agent("runs", "incumbents", RUN, "--logs", logs).out
    for ended in (listed, shown):
        assert ended.code == 0
        assert ended.err == ""


def test_no_runs(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        ended = automl_agent("runs", "list", "--logs", folder)
        assert (ended.code, ended.out) == (0, f"there are no runs in {folder}\n")
        assert automl_agent("runs", "list", "--logs", folder, "--json").json() == []
    assert not (tmp_path / "absent").exists()
    (tmp_path / "file").write_text("")
    assert "is not a folder" in automl_agent("runs", "list", "--logs", tmp_path / "file").error()


def test_rm_removes_the_run(logs: Path, tmp_path: Path) -> None:
    shutil.copytree(logs / RUN, tmp_path / RUN)
    ended = automl_agent("runs", "rm", RUN, "--logs", tmp_path)
    assert (ended.code, ended.out) == (0, f"removed {tmp_path / RUN}\n")
    assert list(tmp_path.iterdir()) == []
    shutil.copytree(logs / RUN, tmp_path / RUN)
    removed = automl_agent("runs", "rm", tmp_path / RUN, "--json").json()
    assert removed == {"removed": str(tmp_path / RUN)}


def test_a_running_run(tmp_path: Path, new_rows: Path) -> None:
    run = RunDirectory.create(tmp_path, "busy")
    with run.recorded():
        marks = {"created": "", "version": "", "asked": {}}
        run.write("run.json", {"metric": "rmse", "target": "y", **marks})
        assert (
            "run busy is still running"
            in automl_agent("runs", "rm", "busy", "--logs", tmp_path).error()
        )
        assert "running" in automl_agent("runs", "list", "--logs", tmp_path).out
        shown = automl_agent("runs", "incumbents", "busy", "--logs", tmp_path)
        assert shown.out == "no trial of run busy has succeeded so far\n"
        assert automl_agent("runs", "incumbents", run.path, "--json").json() == []
        for proba in ([], ["--proba"]):
            said = automl_agent("predict", run.path, new_rows, *proba).error(code=1)
            assert "run busy has no model it is running" in said
    assert (tmp_path / "busy/run.json").exists()


# ------------------------------------------------------------------------------- predict


@pytest.mark.slow
def test_predictions_in_a_file_are_those_printed(
    logs: Path, new_rows: Path, tmp_path: Path
) -> None:
    printed = automl_agent("predict", RUN, new_rows, "--logs", logs)
    labels = pd.read_csv(io.StringIO(printed.out))
    assert list(labels.columns) == ["種類"]
    assert len(labels) == 7
    assert set(labels["種類"]) <= {"Äpfel", "梨"}

    written = automl_agent("predict", RUN, new_rows, "--logs", logs, "-o", tmp_path / "out.csv")
    assert written.out == f"7 predictions of run {RUN} written to {tmp_path / 'out.csv'}\n"
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == printed.out

    ended = automl_agent("predict", RUN, new_rows, "--logs", logs, "--proba", "--json")
    shares = pd.DataFrame(ended.json()["predictions"])
    assert list(shares.columns) == ["Äpfel", "梨"]
    assert shares.sum(axis=1).round(6).eq(1).all()
    assert shares.idxmax(axis=1).tolist() == labels["種類"].tolist()

    summary = automl_agent(
        *("predict", RUN, new_rows, "--logs", logs, "--json", "-o", tmp_path / "proba.csv"),
        "--proba",
    ).json()
    assert summary == {"run": RUN, "rows": 7, "output": str(tmp_path / "proba.csv")}
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "proba.csv"), shares)


@pytest.mark.slow
def test_odd_rows_are_predicted(logs: Path, new_rows: Path) -> None:
    plain = automl_agent("predict", RUN, new_rows, "--logs", logs).out.splitlines()
    table = pd.read_csv(new_rows)
    table["extra"] = "x"
    table = table[["extra", "цвет", "größe"]].astype(object)
    table.loc[0, "größe"] = None
    table.loc[1, "цвет"] = None
    table.loc[2, "цвет"] = "never seen"
    table.loc[3, "größe"] = "not a number"
    table.loc[4, "größe"] = "inf"
    table.to_csv(new_rows, index=False)
    odd = automl_agent("predict", RUN, new_rows, "--logs", logs)
    assert odd.code == 0
    assert len(odd.out.splitlines()) == 8
    assert odd.out.splitlines()[6:] == plain[6:]  # the rows left alone, columns in another order


def test_rows_that_cannot_be_predicted(logs: Path, new_rows: Path, tmp_path: Path) -> None:
    pd.read_csv(new_rows).drop(columns="größe").to_csv(new_rows, index=False)
    said = automl_agent("predict", RUN, new_rows, "--logs", logs).error()
    assert "lacks the column 'größe'" in said
    assert "it has 'цвет'" in said
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("größe,цвет\n")
    for name, words in (("empty", "is empty"), ("header", "no data"), ("gone", "no such file")):
        said = automl_agent("predict", RUN, tmp_path / f"{name}.csv", "--logs", logs).error()
        assert words in said


def test_output_that_cannot_be_written(logs: Path, new_rows: Path, tmp_path: Path) -> None:
    def refused(output: Path | str, code: int = 2) -> str:
        return automl_agent("predict", RUN, new_rows, "--logs", logs, "-o", output).error(code)

    before = sorted(tmp_path.rglob("*"))
    assert "there is no folder" in refused(tmp_path / "absent/out.csv")
    assert f"{tmp_path} is a folder" in refused(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before
    if Path("/dev/full").exists():
        assert "cannot write /dev/full: No space left" in refused("/dev/full", code=1)


def test_output_to_a_device_leaves_the_device(logs: Path, new_rows: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE, text=True)
    ended = automl_agent("predict", RUN, new_rows, "--logs", logs, "-o", pipe)
    text, _ = reader.communicate(timeout=30)
    assert ended.code == 0
    assert text.startswith("種類\n")
    assert pipe.is_fifo()


# --------------------------------------------------------------------------- closed pipes


@pytest.mark.parametrize(
    "command", [["runs", "show", RUN], ["runs", "list", "--json"], ["models"], ["--help"]]
)
def test_a_reader_that_has_gone(logs: Path, command: list[Any]) -> None:
    where = ["--logs", logs] if command[0] == "runs" else []
    readable, writable = os.pipe()
    os.close(readable)
    process = start(*command, *where, stdout=writable, stderr=subprocess.PIPE)
    os.close(writable)
    _, err = process.communicate(timeout=60)
    assert err == ""
    if command != ["--help"]:  # which click prints, and ends with its own code
        assert process.returncode == 0
