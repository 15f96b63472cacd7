"""`generate` leaves modules that `tune --code` takes up, edited or not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_command import automl_agent

BROKEN = "def train(config, X, y, *, seed, budget):\n    return 1 / 0\n"
FAST = ("--dataset", "iris", "--workers", "1", "--folds", "2")


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    output = tmp_path / "my modules"
    logs = str(tmp_path / "logs")
    done = automl_agent(
        "generate", *FAST, "--model", "linear", "-o", str(output), "--logs", logs, "--json"
    )
    assert done.code == 0, done.err
    answer = json.loads(done.out)
    assert answer["output"] == str(output)
    assert {p.name for p in output.iterdir()} == {"config_space.py", "train.py", "scenario.py"}
    for path in output.iterdir():
        assert path.read_text() == (Path(answer["path"]) / "code" / path.name).read_text()
    return output


@pytest.mark.slow
def test_own_modules_are_proved_and_tuned(modules: Path, tmp_path: Path) -> None:
    space = modules / "config_space.py"
    space.write_text("# mine\n" + space.read_text())
    logs = ("--logs", str(tmp_path / "logs"))
    done = automl_agent(
        "tune", *FAST, "--code", str(modules), "--trials", "2", "--name", "own", *logs, "--json"
    )
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert result["trials"]["finished"] == 2
    assert (Path(result["path"]) / "code/config_space.py").read_text().startswith("# mine")
    described = json.loads((Path(result["path"]) / "run.json").read_text())
    assert (described["author"], described["model"]) == ("files", "my modules")


@pytest.mark.slow
def test_own_modules_that_fail_are_told_where_and_are_not_asked_again(
    modules: Path, tmp_path: Path
) -> None:
    (modules / "train.py").write_text(
        "def train(config, X, y, *, seed, budget):\n    return 1 / 0\n"
    )
    logs = ("--logs", str(tmp_path / "logs"))
    done = automl_agent(
        "tune", *FAST, "--code", str(modules), "--trials", "2", "--name", "bad", *logs
    )
    assert done.code == 1
    assert "train.py does not work" in done.err
    assert "ZeroDivisionError" in done.err
    assert "train.py, line 2" in done.err
    attempts = (tmp_path / "logs/bad/attempts.jsonl").read_text().splitlines()
    assert [json.loads(line)["component"] for line in attempts] == ["config_space", "train"]


def test_modules_are_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("mine")
    done = automl_agent("generate", *FAST, "-o", str(tmp_path), "--logs", str(tmp_path / "logs"))
    assert done.code == 2
    assert "train.py exists" in done.err
    assert not (tmp_path / "logs").exists()


def test_a_folder_without_modules_is_refused(tmp_path: Path) -> None:
    done = automl_agent("tune", *FAST, "--code", str(tmp_path), "--logs", str(tmp_path / "logs"))
    assert done.code == 2
    assert "there is no config_space.py" in done.err
