"""Run directories: names, states, locks, and files that are never half-written."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from automl_agent.exceptions import InputError, RunDirectoryError
from automl_agent.json_lines import JsonLines, read_json_lines, write_json
from automl_agent.run_directory import RunDirectory


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    made = RunDirectory.create(tmp_path, "a-run")
    made.write("run.json", {"metric": "rmse", "created": "", "version": "", "asked": {}})
    return made


@pytest.mark.parametrize("name", ["a", "früchte", "梨_1", "0.5+x-y"])
def test_names(tmp_path: Path, name: str) -> None:
    run = RunDirectory.create(tmp_path / "new/logs", name)
    run.write("run.json", {})
    assert RunDirectory.find(name, tmp_path / "new/logs") == run
    assert RunDirectory.find(run.path, Path("elsewhere")) == run
    assert [found.name for found in RunDirectory.all(tmp_path / "new/logs")] == [name]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-x", "a b", ".hidden", "a\n", "a\0"])
def test_unusable_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="unusable run name"):
        RunDirectory.create(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_run_is_never_removed(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "run.json").write_text('{"my": "project"}')
    assert list(RunDirectory.all(tmp_path)) == []
    with pytest.raises(InputError, match="there is no run"):
        RunDirectory.find("project", tmp_path)
    (project / "lock").touch()
    with pytest.raises(InputError, match="is not a run of automl-agent"):
        RunDirectory.find("project", tmp_path).remove()
    assert (project / "run.json").exists()


def test_onlookers_do_not_take_each_other_for_the_run(run: RunDirectory) -> None:
    run.set_state("running")
    with (run / "lock").open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        assert run.state()[0] == "killed"


def test_states(run: RunDirectory) -> None:
    with run.recorded():
        assert run.state() == ("running", "")
        (run / "work").mkdir()
        with pytest.raises(InputError, match="another process"), run.locked():
            pass
        with pytest.raises(InputError, match="still running"):
            run.remove()
    assert run.state() == ("finished", "")
    assert not (run / "work").exists()


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (RunDirectoryError("gone", "wait"), ("failed", "gone (wait)")),
        (ZeroDivisionError(), ("failed", "ZeroDivisionError")),
        (KeyboardInterrupt(), ("interrupted", "by the user")),
    ],
)
def test_how_runs_end(run: RunDirectory, error: BaseException, state: tuple[str, str]) -> None:
    (run / "work").mkdir()
    with pytest.raises(type(error)), run.recorded():
        raise error
    assert run.state() == state
    assert not (run / "work").exists()


def test_a_run_that_never_began_leaves_nothing(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, "stillborn")
    with pytest.raises(ValueError, match="early"), run.recorded():
        raise ValueError("early")
    assert not run.path.exists()


def test_a_full_disk_is_told_by_its_file(run: RunDirectory) -> None:
    with pytest.raises(RunDirectoryError, match="cannot write /x/y: No space"), run.recorded():
        raise OSError(errno.ENOSPC, "No space left on device", "/x/y")
    assert run.state()[0] == "failed"
    with pytest.raises(FileNotFoundError), run.recorded():
        raise FileNotFoundError(errno.ENOENT, "No such file", "/x/y")


def test_a_process_that_dies_without_a_word(run: RunDirectory) -> None:
    script = (
        "import os, sys; from pathlib import Path\n"
        "from automl_agent.run_directory import RunDirectory\n"
        "with RunDirectory(Path(sys.argv[1])).recorded():\n"
        "    os.kill(os.getpid(), 9)"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    assert subprocess.run([sys.executable, "-c", script, run.path], env=env).returncode == -9
    assert json.loads((run / "status.json").read_text())["state"] == "running"
    assert run.state() == ("killed", "its process ended without a word")
    run.remove()
    assert not run.path.exists()


def test_reading(run: RunDirectory) -> None:
    with pytest.raises(RunDirectoryError, match=r"run a-run has no result\.json"):
        run.read("result.json")
    for content in (b"{", b"\xff\xfe", b"[1]"):
        (run / "bad.json").write_bytes(content)
        with pytest.raises(RunDirectoryError, match=r"bad\.json"):
            run.read("bad.json")


def test_runs_are_listed_in_the_order_of_their_beginning(tmp_path: Path) -> None:
    for age, name in enumerate(["new", "middle", "old"]):
        made = RunDirectory.create(tmp_path, name)
        made.write("run.json", {})
        os.utime(made / "run.json", (10**9 - age, 10**9 - age))
    (tmp_path / "not-a-run").mkdir()
    (tmp_path / "file").write_text("")
    assert [run.name for run in RunDirectory.all(tmp_path)] == ["old", "middle", "new"]


# ------------------------------------------------------------------------------------ json


def test_lines_survive_a_torn_one(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    assert list(read_json_lines(path)) == []
    first = JsonLines(path)
    first.write({"n": 1})
    assert path.read_text() == '{"n": 1}\n'  # flushed, though not closed
    first.close()
    with path.open("a") as stream:
        stream.write('{"n": 2, "half')
    assert list(read_json_lines(path)) == [{"n": 1}]
    second = JsonLines(path)
    second.write({"n": 3})
    second.write({"größe": "梨"})
    second.close()
    assert list(read_json_lines(path)) == [{"n": 1}, {"n": 3}, {"größe": "梨"}]


def test_json_has_no_nan(tmp_path: Path) -> None:
    nan, inf = float("nan"), float("inf")
    write_json(tmp_path / "x.json", {"a": [nan, 1.5, (inf,)], "b": {"c": -inf, "d": "NaN"}})
    text = (tmp_path / "x.json").read_text()
    assert json.loads(text) == {"a": [None, 1.5, [None]], "b": {"c": None, "d": "NaN"}}
    lines = JsonLines(tmp_path / "x.jsonl")
    lines.write({"a": nan})
    lines.close()
    assert list(read_json_lines(tmp_path / "x.jsonl")) == [{"a": None}]


def test_file_names_that_are_no_text_are_written(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.csv")
    write_json(tmp_path / "x.json", {"dataset": name})
    assert json.loads((tmp_path / "x.json").read_text()) == {"dataset": name}


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/inside").write_text("")
    with pytest.raises(RunDirectoryError, match="cannot write"):
        write_json(tmp_path / "folder", {"a": 1})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder"]
    if Path("/dev/full").exists():
        lines = JsonLines(Path("/dev/full"))
        with pytest.raises(RunDirectoryError, match="No space left"):
            lines.write({"a": 1})
