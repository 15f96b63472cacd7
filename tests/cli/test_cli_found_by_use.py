"""What people who tried to break the tool found, so that it stays mended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cli_command import automl_agent

FAST = ("--model", "linear", "--trials", "1", "--workers", "1", "--folds", "2")


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a table whose column names are numbers, with the table beside it."""
    folder = tmp_path_factory.mktemp("numbered")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 3)), columns=["10", "20", "30"])
    frame["y"] = np.where(frame["10"] + frame["20"] > 0, "up", "down")
    frame.to_csv(folder / "train.csv", index=False)
    frame.drop(columns="y").to_csv(folder / "new.csv", index=False)
    command = ("tune", "--dataset", str(folder / "train.csv"), "--target", "y", *FAST)
    done = automl_agent(*command, "--name", "numbered", "--logs", str(folder / "logs"))
    assert done.code == 0, done.err
    return folder


@pytest.mark.slow
def test_new_rows_whose_columns_are_called_by_numbers(numbered: Path) -> None:
    done = automl_agent(
        "predict", "numbered", str(numbered / "new.csv"), "--logs", str(numbered / "logs"), "--json"
    )
    assert done.code == 0, done.err
    assert json.loads(done.out)["rows"] == 60


@pytest.mark.slow
def test_new_rows_without_a_header_stand_as_in_the_training_data(
    numbered: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare.csv"
    pd.read_csv(numbered / "new.csv").to_csv(bare, index=False, header=False)
    logs = ("--logs", str(numbered / "logs"), "--json")
    named = automl_agent("predict", "numbered", str(numbered / "new.csv"), *logs)
    unnamed = automl_agent("predict", "numbered", str(bare), *logs)
    assert unnamed.code == 0, unnamed.err
    assert json.loads(unnamed.out)["predictions"] == json.loads(named.out)["predictions"]


@pytest.mark.slow
def test_the_data_are_never_overwritten_by_their_predictions(numbered: Path) -> None:
    data = numbered / "new.csv"
    before = data.read_bytes()
    logs = ("--logs", str(numbered / "logs"))
    done = automl_agent("predict", "numbered", str(data), "-o", str(data), *logs)
    assert done.code == 2
    assert "is the data themselves" in done.err
    assert data.read_bytes() == before


@pytest.mark.slow
def test_predicting_without_containment_is_warned_of(numbered: Path) -> None:
    done = automl_agent(
        "predict", "numbered", str(numbered / "new.csv"), "--logs", str(numbered / "logs"),
        "--sandbox", "limits",
    )  # fmt: skip
    assert done.code == 0
    assert "with your own rights" in done.err


def test_a_metric_that_no_fold_can_compute_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(120, 2)), columns=["a", "b"])
    frame["y"] = ["yes"] * 4 + ["no"] * 116
    frame.to_csv(tmp_path / "rare.csv", index=False)
    done = automl_agent(
        "tune", "--dataset", str(tmp_path / "rare.csv"), "--target", "y", "--metric", "roc_auc",
        "--logs", str(tmp_path / "logs"),
    )  # fmt: skip
    assert done.code == 2
    assert "roc_auc cannot be computed in fold" in done.err
    assert "fewer --folds" in done.err
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize("closed", [1, 2])
def test_a_closed_stream_is_no_reason_to_fail(tmp_path: Path, closed: int) -> None:
    command = [sys.executable, "-m", "automl_agent.cli.main", "runs", "list", "--logs"]
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}>&-', "sh", *command, str(tmp_path)],
        capture_output=True,
        text=True,
        env=dict(os.environ),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
