"""Reading many runs, and incumbents in every form."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_command import automl_agent

from automl_agent.json_lines import JsonLines, write_json


def fake_run(logs: Path, name: str, **described: object) -> Path:
    """A run directory as a finished run leaves it, without the run."""
    path = logs / name
    about = {
        "created": "2026-01-02T03:04:05+00:00",
        "dataset": "iris",
        "model": "lgbm",
        "author": "offline",
        "metric": "log_loss",
        **described,
    }
    write_json(path / "run.json", about)
    (path / "lock").touch()
    write_json(path / "status.json", {"state": "finished", "reason": "", "pid": 1})
    score = float(about.get("test", 0.5))  # type: ignore[arg-type]
    write_json(
        path / "result.json",
        {"test": {"final": {"score": score}}, "trials": {"finished": 3}},
    )
    lines = JsonLines(path / "incumbents.jsonl")
    for trial, cost in ((1, 0.6), (3, 0.4)):
        lines.write(
            {
                "trial": trial,
                "cost": cost,
                "score": cost,
                "finished_at": float(trial),
                "origin": "default" if trial == 1 else "model-based",
                "config": {"rate": 0.1} if trial == 1 else {"rate": 0.2, "depth, max": 3},
            }
        )
    lines.close()
    events = JsonLines(path / "events.jsonl")
    for number in (1, 2, 3):
        cost = {1: 0.6, 2: 0.7, 3: 0.4}[number]
        ask = {"number": number, "origin": "default", "config": {}, "budget": None}
        events.write({"event": "ask", "at": number - 1, **ask})
        tell = {
            "trial": number,
            "status": "success",
            "cost": cost,
            "score": cost,
            "fold_costs": [cost],
            "reason": "",
            "seconds": 1.0,
            "finished_at": float(number),
        }
        events.write({"event": "tell", "at": number, **tell})
    events.close()
    return path


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    fake_run(tmp_path, "a", dataset="iris", model="lgbm", test=0.3, created="2026-01-01T00:00:00")
    fake_run(tmp_path, "b", dataset="wine", model="lgbm", test=0.1, created="2026-02-01T00:00:00")
    fake_run(tmp_path, "c", dataset="iris", model="mlp", test=0.2, created="2026-03-01T00:00:00")
    (tmp_path / "d").mkdir()
    (tmp_path / "d/lock").touch()
    write_json(tmp_path / "d/run.json", {"created": "2026-04-01T00:00:00", "dataset": "iris"})
    return tmp_path


def listed(logs: Path, *options: str) -> list[str]:
    done = automl_agent("runs", "list", "--logs", str(logs), "--json", *options)
    assert done.code == 0, done.err
    return [row["run"] for row in json.loads(done.out)]


def test_runs_are_filtered_and_sorted(logs: Path) -> None:
    assert listed(logs) == ["a", "b", "c", "d"]
    assert listed(logs, "--dataset", "IRIS") == ["a", "c", "d"]
    assert listed(logs, "--dataset", "iris", "--model", "mlp") == ["c"]
    assert listed(logs, "--sort", "test") == ["b", "c", "a", "d"]
    assert listed(logs, "--sort", "test", "--reverse") == ["a", "c", "b", "d"]
    assert listed(logs, "--since", "2026-02-01") == ["b", "c", "d"]
    assert listed(logs, "--state", "finished", "--llm", "offline") == ["a", "b", "c"]
    assert listed(logs, "--llm", "gpt-99") == []


def test_no_run_is_like_that(logs: Path) -> None:
    done = automl_agent("runs", "list", "--logs", str(logs), "--dataset", "none")
    assert done.code == 0
    assert "none of the 4 runs" in done.out


def test_a_day_must_be_a_day(logs: Path) -> None:
    done = automl_agent("runs", "list", "--logs", str(logs), "--since", "yesterday")
    assert done.code == 2
    assert "'yesterday' is no day" in done.err


def test_a_thousand_runs_are_listed_quickly(tmp_path: Path) -> None:
    for number in range(1000):
        fake_run(tmp_path, f"run-{number:04d}")
    command = [sys.executable, "-m", "automl_agent.cli.main", "runs", "list", "--logs"]
    began = time.perf_counter()
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=True)
    # about 0.6 s on two quiet cores; reading the journals as well would take minutes
    assert time.perf_counter() - began < 10
    assert done.stdout.count("run-") == 1000


def test_incumbents_as_csv_have_a_column_per_hyperparameter(logs: Path) -> None:
    done = automl_agent("runs", "incumbents", "a", "--logs", str(logs), "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [row["trial"] for row in rows] == ["1", "3"]
    assert [row["depth, max"] for row in rows] == ["", "3"]
    as_json = automl_agent("runs", "incumbents", "a", "--logs", str(logs), "--format", "json")
    assert [i["trial"] for i in json.loads(as_json.out)] == [1, 3]


def test_incumbents_are_drawn_in_the_terminal(logs: Path) -> None:
    done = automl_agent("runs", "incumbents", "a", "--logs", str(logs), "--plot")
    assert done.code == 0, done.err
    assert "incumbent" in done.out
    assert "log_loss" in done.out
    assert "\x1b" not in done.out
    assert max(map(len, done.out.splitlines())) <= 100


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_incumbents_are_drawn_into_files(logs: Path, tmp_path: Path, suffix: str) -> None:
    picture = tmp_path / f"incumbents.{suffix}"
    done = automl_agent("runs", "incumbents", "a", "--logs", str(logs), "--plot", str(picture))
    assert done.code == 0, done.err
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix]
    assert picture.read_bytes().startswith(start)


def test_what_cannot_be_drawn_is_refused(logs: Path, tmp_path: Path) -> None:
    command = ("runs", "incumbents", "--logs", str(logs))
    for run, place, said in (
        ("a", str(tmp_path / "x.docx"), "cannot draw"),
        ("a", str(tmp_path / "no/where.png"), "cannot write"),
        ("d", "-", "no trial of run d has succeeded"),
    ):
        done = automl_agent(*command, run, "--plot", place)
        assert done.code in (1, 2)
        assert said in done.err
