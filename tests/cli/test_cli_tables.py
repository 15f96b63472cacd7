"""Tables keep to 100 columns, whatever the names."""

from __future__ import annotations

import contextlib
import io
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_command import automl_agent

from automl_agent.cli.results import show_outcome, show_runs, show_story, show_trajectory, verdict

LONG = "a_hyperparameter_whose_name_was_written_by_a_model_that_likes_to_explain_itself_at_length"
WIDE = "学习率的非常非常长的名字" * 8


def printed(show: Callable[..., None], *arguments: Any, **options: Any) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        show(*arguments, **options)
    return out.getvalue()


def columns(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def fits(text: str) -> bool:
    return all(columns(line.rstrip()) <= 100 for line in text.splitlines())


def incumbent(trial: int, score: float, **config: Any) -> dict[str, Any]:
    return {
        "trial": trial,
        "cost": score,
        "score": score,
        "finished_at": 12345.6,
        "origin": "initial design",
        "config": config,
    }


def outcome(metric: str = "log_loss", **changes: Any) -> dict[str, Any]:
    best = incumbent(7, -1234567.125, **{LONG: 1e-9, WIDE: "[red]x[/red]"})
    return {
        "metric": metric,
        "direction": "minimize",
        "incumbent": best,
        "default": {"score": 2e9},
        "test": {
            "final": {"score": 0.5, "low": 0.4, "high": 0.6},
            "default": {"score": 0.55, "low": 0.45, "high": 0.65},
            "gain": (-0.01, 0.1),
        },
        "final_model": {"kind": "refit"},
        "trials": {
            "finished": 9,
            "by_origin": {"default": 1, "model-based": 8},
            "by_status": {"success": 7, "crashed": 2},
        },
        "seconds": {"data": 1, "generation": 1, "search": 200, "refit_and_report": 3, "total": 204},
        "stopped": "trials",
        **changes,
    }


@pytest.mark.parametrize("name", ["n" * 250, "名" * 80, "short"])
def test_lists_of_runs(name: str) -> None:
    row = {"run": name, "state": "interrupted", "metric": "balanced_accuracy", "trials": 12345}
    text = printed(show_runs, [{**row, "validation": -123456.789, "test": None}], Path("logs"))
    assert fits(text)
    assert "-1.235e+05" in text
    assert "12345" in text


def test_trajectories() -> None:
    steps = [incumbent(1, 2e9, **{LONG: 1, WIDE: 2}), incumbent(2, 1e-7, **{LONG: "[b]", WIDE: 3})]
    text = printed(show_trajectory, steps, "mean_absolute_percentage_error")
    assert fits(text)
    assert "1e-07" in text
    assert "-2e+09" in text
    assert "1 → [b]" in text.replace("\n", " ") or "[b]" in text


def test_outcomes() -> None:
    text = printed(show_outcome, outcome("mean_absolute_percentage_error"))
    assert fits(text)
    assert "[red]x[/red]" in text
    assert "2 crashed" in text


def test_stories() -> None:
    story = {
        "run": "名" * 80,
        "state": "failed",
        "reason": "because " * 40,
        "description": {},
        "budget": {},
        "incumbents": [],
        "trials": {"asked": 3, "finished": 2, "by_origin": {"default": 2}},
        "failures": {"x" * 300: 2},
        "result": None,
    }
    text = printed(show_story, story)
    assert fits(text)
    assert "2 of 3 finished" in text


def test_models() -> None:
    assert fits(automl_agent("models").out)


def test_verdicts_are_honest() -> None:
    def test(gain: tuple[float, float] | None, score: float | None = 0.5) -> dict[str, Any]:
        scored = {"score": score, "low": 0.4, "high": 0.6}
        return {"final": scored, "default": scored if gain else None, "gain": gain}

    assert "cannot tell" in verdict(outcome(test=test((-0.1, 0.2))))
    assert "beats the default" in verdict(outcome(test=test((0.1, 0.2))))
    assert "worse" in verdict(outcome(test=test((-0.2, -0.1))))
    assert "undefined" in verdict(outcome(test=test((0.1, 0.2), None)))
    assert "no default" in verdict(outcome(test=test(None)))
    assert "not beaten" in verdict(outcome(incumbent=incumbent(1, 0.5)))
