"""Runs read from their directories, whatever state they are in."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from automl_agent.exceptions import RunDirectoryError, RunFailedError
from automl_agent.json_lines import JsonLines
from automl_agent.reporting.run_summary import describe_run_so_far, summarise_run
from automl_agent.run_directory import RunDirectory
from automl_agent.runs import Run, load_run


@pytest.fixture
def unfinished(tmp_path: Path) -> RunDirectory:
    """A run that was killed in its third trial."""
    run = RunDirectory.create(tmp_path, "cut")
    run.write("run.json", {"metric": "rmse", "dataset": "d", "model": "linear"})
    run.set_state("running")
    events, incumbents = JsonLines(run / "events.jsonl"), JsonLines(run / "incumbents.jsonl")
    for number, cost in ((1, 2.0), (2, None), (3, None)):
        config = {"C": 0.5 * number}
        ask = {"number": number, "origin": "default", "config": config, "budget": None}
        events.write({"event": "ask", "at": 0.1, **ask})
        if number == 3:
            break
        told = {
            "trial": number,
            "status": "success" if cost else "crashed",
            "cost": cost,
            "score": cost,
            "fold_costs": [cost] if cost else [],
            "reason": "" if cost else "it broke",
            "seconds": 1.0,
            "finished_at": 1.5,
        }
        events.write({"event": "tell", "at": 1.5, **told})
        if cost:
            best = {"trial": number, "cost": cost, "score": cost, "finished_at": 1.5}
            incumbents.write({**best, "origin": "default", "config": config})
    events.close()
    incumbents.close()
    with (run / "events.jsonl").open("a") as stream:
        stream.write('{"event": "tell", "trial": 3, "sta')
    return run


def test_an_unfinished_run(unfinished: RunDirectory) -> None:
    run = load_run(unfinished.path)
    assert run.state == "killed"
    assert run.incumbent is not None
    assert run.incumbent.config == {"C": 0.5}
    assert sorted(run.history.trials) == [1, 2, 3]
    assert sorted(run.history.results) == [1, 2]
    assert run.trajectory()["C"].tolist() == [0.5]
    with pytest.raises(RunDirectoryError, match=r"has no result\.json"):
        _ = run.result
    for call in (run.predict, run.predict_proba):
        with pytest.raises(RunFailedError, match=r"run cut has no model \(it is killed\)"):
            call(pd.DataFrame({"x": [1]}))


def test_its_story(unfinished: RunDirectory) -> None:
    story = describe_run_so_far(unfinished)
    assert story["state"] == "killed"
    assert story["trials"] == {
        "asked": 3,
        "finished": 2,
        "by_origin": {"default": 2},
        "by_status": {"success": 1, "crashed": 1},
    }
    assert story["failures"] == {"it broke": 1}
    assert story["result"] is None
    summary = summarise_run(unfinished)
    assert (summary["state"], summary["validation"], summary["test"]) == ("killed", 2.0, None)


def test_a_run_without_trials(tmp_path: Path) -> None:
    run = Run(RunDirectory.create(tmp_path, "new"))
    run.directory.write("run.json", {})
    assert run.incumbent is None
    assert run.trajectory().empty
    assert describe_run_so_far(run.directory)["trials"]["asked"] == 0
