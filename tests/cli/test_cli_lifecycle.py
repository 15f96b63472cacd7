"""Runs from beginning to end: awkward data, interruptions, a full disk, a reader that goes."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cli_command import Ended, automl_agent, start

psutil = pytest.importorskip("psutil")

pytestmark = pytest.mark.slow
QUICK = ("--model", "linear", "--trials", 2, "--folds", 2, "--workers", 1)


@pytest.fixture(scope="module")
def messy(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """How `tune` ended on a file with all that real files have."""
    folder = tmp_path_factory.mktemp("messy")
    rng = np.random.default_rng(0)
    n_rows = 60
    table = pd.DataFrame(
        {
            "number": rng.normal(size=n_rows),
            "infinite": np.where(np.arange(n_rows) % 9 == 0, np.inf, rng.normal(size=n_rows)),
            "blank": np.nan,
            "mixed": ["12", "word", "3.5", "2021-05-03", ""] * (n_rows // 5),
            "y": ["u", "v"] * (n_rows // 2),
        }
    )
    table.loc[5, "y"] = "rare"
    table.loc[[7, 8], "y"] = None
    table.to_csv(folder / "messy.csv", index=False)
    return automl_agent(
        *("tune", "--dataset", folder / "messy.csv", "--target", "y", "--name", "messy"),
        *("--logs", folder / "logs", *QUICK),
    )


def test_messy_data_train_with_warnings(messy: Ended) -> None:
    assert messy.code == 0, messy
    said = " ".join(messy.err.split())
    assert "2 rows without a value in the target 'y' left out" in said
    assert "1 class with fewer than 3 rows" in said
    assert "'rare'" in said
    assert "'blank'" in said
    assert "infinite" in said
    assert "error" not in said


def test_what_tune_prints(messy: Ended) -> None:
    tables, _, paths = messy.out.partition("logged ")  # a path is never broken
    assert paths
    for text in (tables, messy.err):
        assert all(len(line.rstrip()) <= 100 for line in text.splitlines())
    assert "2 trials (asked for); 2-fold cross-validation" in messy.err
    assert "built-in recipe (offline, no language model)" in messy.err
    assert "default configuration" in messy.out
    assert "stopped by trials" in messy.out


def test_what_tune_suggests_next_works(messy: Ended) -> None:
    words = messy.out.partition("next ")[2].splitlines()[0].split()
    shown = automl_agent(*words[1:])
    assert words[:3] == ["automl-agent", "runs", "show"]
    assert shown.code == 0
    assert "messy" in shown.out


# ----------------------------------------------------------------------- interruptions


def searching(logs: Path) -> subprocess.Popen[str]:
    """A long search in a process of its own that has an incumbent."""
    process = start(
        *("tune", "--dataset", "iris", "--model", "linear", "--trials", 10_000, "--name", "long"),
        *("--workers", 2, "--logs", logs),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    found = logs / "long/incumbents.jsonl"
    deadline = time.monotonic() + 90
    while not (found.exists() and found.read_text().endswith("\n")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_search_keeps_what_it_found(
    tmp_path: Path, new_rows: Path, number: signal.Signals
) -> None:
    process = searching(tmp_path)
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    assert "still running" in automl_agent("runs", "rm", "long", "--logs", tmp_path).error()
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    ended = Ended(process.returncode, out, err)
    assert "interrupted" in ended.error(code=130)
    assert f"runs show {tmp_path / 'long'}" in err
    assert psutil.wait_procs(children, timeout=10)[1] == []

    story = automl_agent("runs", "show", "long", "--logs", tmp_path, "--json").json()
    assert story["state"] == "interrupted"
    assert story["incumbents"]
    assert story["trials"]["finished"] >= 1
    assert story["result"] is None
    assert "interrupted" in automl_agent("runs", "show", "long", "--logs", tmp_path).out
    assert not (tmp_path / "long/work").exists()

    said = automl_agent("predict", "long", new_rows, "--logs", tmp_path).error(code=1)
    assert "run long has no model" in said
    assert "it is interrupted" in said
    assert automl_agent("runs", "rm", "long", "--logs", tmp_path).code == 0
    assert list(tmp_path.glob("long*")) == []


def test_a_killed_search_is_seen_as_killed(tmp_path: Path) -> None:
    process = searching(tmp_path)
    process.kill()
    process.communicate(timeout=60)
    story = automl_agent("runs", "show", "long", "--logs", tmp_path, "--json").json()
    assert story["state"] == "killed"
    assert story["incumbents"]
    assert "killed" in automl_agent("runs", "list", "--logs", tmp_path).out


def test_a_search_outlives_the_reader_of_its_progress(tmp_path: Path) -> None:
    readable, writable = os.pipe()
    process = start(
        *("tune", "--dataset", "iris", *QUICK, "--name", "piped", "--logs", tmp_path),
        stdout=writable,
        stderr=writable,
    )
    os.close(writable)
    with open(readable, encoding="utf-8") as stream:  # noqa: PTH123
        assert "piped" in stream.readline()
    assert process.wait(timeout=90) == 0
    assert json.loads((tmp_path / "piped/status.json").read_text())["state"] == "finished"


# --------------------------------------------------------------------------- full disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("cannot mount a small disk here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_fills_up(small_disk: Path) -> None:
    ended = automl_agent(
        *("tune", "--dataset", "iris", "--model", "linear", "--trials", 10_000),
        *("--workers", 1, "--name", "full", "--logs", small_disk),
    )
    said = ended.error(code=1)
    assert "No space left on device" in said
    assert str(small_disk) in said
    story = automl_agent("runs", "show", "full", "--logs", small_disk, "--json").json()
    assert story["incumbents"]
    assert story["state"] in ("failed", "killed")


def test_a_disk_that_is_full_leaves_no_run(small_disk: Path) -> None:
    (small_disk / "rest").write_bytes(bytes(398 * 1024))
    said = automl_agent(
        "tune", "--dataset", "iris", *QUICK, "--name", "none", "--logs", small_disk
    ).error(code=1)
    assert "No space left on device" in said
    assert [p.name for p in small_disk.iterdir()] == ["rest"]


def test_files_that_may_not_grow(tmp_path: Path) -> None:
    process = start(
        *("tune", "--dataset", "iris", *QUICK, "--name", "small", "--logs", tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (7_000, 7_000)),
    )
    out, err = process.communicate(timeout=90)
    said = Ended(process.returncode, out, err).error(code=1)
    assert "File too large" in said
    status = json.loads((tmp_path / "small/status.json").read_text())
    assert status["state"] == "failed"
    assert "File too large" in status["reason"]
