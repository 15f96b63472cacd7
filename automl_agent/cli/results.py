"""Runs and their results on standard output."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from automl_agent.cli.console import console, labelled, show_table
from automl_agent.cli.output import say
from automl_agent.cli.words import DECIDED_BY, config_changes, counts, duration, number, signed

ROOM_FOR_CHANGES = 70


def show_trajectory(
    incumbents: Sequence[Mapping[str, Any]], metric: str, *, changes: bool = True
) -> None:
    """Print the incumbents: when each came, its score, and (with `changes`) what it changed."""
    changes = changes and console().width >= ROOM_FOR_CHANGES
    header = ["incumbent", "seconds", metric, "change", "origin"]
    if changes:
        header.append("hyperparameters that changed")
    rows = []
    previous: Mapping[str, Any] | None = None
    for incumbent in incumbents:
        gain = None if previous is None else incumbent["score"] - previous["score"]
        row = [
            f"trial {incumbent['trial']}",
            f"{incumbent['finished_at']:.1f}",
            number(incumbent["score"]),
            "" if gain is None else signed(gain),
            incumbent["origin"],
        ]
        if changes:
            row.append(config_changes(previous and previous["config"], incumbent["config"]))
        rows.append(row)
        previous = incumbent
    show_table(header, rows, right=f"seconds {metric} change")


def trajectory_csv(incumbents: Sequence[Mapping[str, Any]]) -> str:
    """The incumbents as CSV, a column per hyperparameter, empty where it is inactive."""
    names = list(dict.fromkeys(name for i in incumbents for name in i["config"]))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    fields = ["trial", "finished_at", "score", "cost", "origin"]
    writer.writerow([*fields, *names])
    for incumbent in incumbents:
        values = [incumbent["config"].get(name) for name in names]
        writer.writerow([*(incumbent[field] for field in fields), *values])
    return text.getvalue()


def show_outcome(outcome: Mapping[str, Any]) -> None:
    """Print the scores beside the default's, and how they came about."""
    out, metric = console(), outcome["metric"]
    better = "lower" if outcome["direction"] == "minimize" else "higher"
    incumbent, default, test = outcome["incumbent"], outcome["default"], outcome["test"]
    rows = [
        ["default configuration", number(default and default["score"]), *_test(test["default"])],
        [f"tuned (trial {incumbent['trial']})", number(incumbent["score"]), *_test(test["final"])],
    ]
    if default and test["gain"] and incumbent["trial"] != 1:
        rows.append(_gain_row(outcome))
    say("")
    show_table(
        [f"{metric} ({better} is better)", "validation", "test", "95 % interval"],
        rows,
        right="validation test",
    )
    say(verdict(outcome))
    say("")
    out.print(labelled([(label, text) for label, text in _facts(outcome) if text]))


def _gain_row(outcome: Mapping[str, Any]) -> list[str]:
    """How much better than the default, positive when it is, by the same rows for both."""
    sign = 1 if outcome["direction"] == "minimize" else -1
    test = outcome["test"]
    low, high = test["gain"]
    return [
        "gain",
        signed(sign * (outcome["default"]["score"] - outcome["incumbent"]["score"])),
        signed(sign * (test["default"]["score"] - test["final"]["score"])),
        f"{signed(low)} to {signed(high)} (paired)",
    ]


def _facts(outcome: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is said of a finished run below its scores."""
    incumbent = outcome["incumbent"]
    trials, model, seconds = outcome["trials"], outcome["final_model"], outcome["seconds"]
    failed = {k: n for k, n in trials["by_status"].items() if k != "success"}
    troubles = f"; {counts(failed)}" if failed else ""
    kind = (
        f"trial {incumbent['trial']} refitted on all training rows"
        if model["kind"] == "refit"
        else f"the mean of {model['n_models']} fold models, because {model['reason']}"
    )
    return [
        ("best", config_changes(None, incumbent["config"])),
        (
            "trials",
            f"{trials['finished']} finished ({counts(trials['by_origin'])}{troubles}); "
            f"stopped by {outcome['stopped']}",
        ),
        ("model", kind),
        (
            "time",
            f"data {duration(seconds['data'])}, code {duration(seconds['generation'])}, "
            f"search {duration(seconds['search'])}, "
            f"refit and test {duration(seconds['refit_and_report'])}; "
            f"{duration(seconds['total'])} in all",
        ),
    ]


def _test(score: Mapping[str, Any] | None) -> list[str]:
    if score is None:
        return ["–", ""]
    interval = f"{number(score['low'])} to {number(score['high'])}"
    return [number(score["score"]), interval if score["low"] is not None else ""]


def verdict(outcome: Mapping[str, Any]) -> str:
    """One honest sentence on what tuning was worth on the test rows."""
    test = outcome["test"]
    if outcome["incumbent"]["trial"] == 1:
        return "The default configuration was not beaten; the model is the default's."
    if test["final"]["score"] is None:
        return "The score is undefined on the test rows."
    if not test["default"] or not test["gain"]:
        return "There is no default to compare with on the test rows."
    low, high = test["gain"]
    if low > 0:
        return "On the test rows the tuned model beats the default configuration."
    if high < 0:
        return "On the test rows the tuned model is worse than the default configuration."
    return "The test rows cannot tell the tuned model from the default configuration."


def show_runs(summaries: Sequence[Mapping[str, Any]], logs: Path) -> None:
    """Print a table of runs."""
    if not summaries:
        say(f"there are no runs in {logs}")
        return
    rows = [
        [
            str(s["run"]),
            str(s["state"]),
            str(s["metric"] or "–"),
            number(s["validation"]),
            number(s["test"]),
            "–" if s["trials"] is None else str(s["trials"]),
        ]
        for s in summaries
    ]
    show_table(
        ["run", "state", "metric", "validation", "test", "trials"],
        rows,
        right="validation test trials",
    )


def show_story(story: Mapping[str, Any]) -> None:
    """Print everything about one run."""
    about = story["description"]
    reason = f": {story['reason']}" if story["reason"] else ""
    rows = [("run", story["run"]), ("state", f"{story['state']}{reason}")]
    if about:
        sizes, sandbox = about["rows"], about["sandbox"]
        rows += [
            ("dataset", f"{about['dataset']} ({about['source']}), target {about['target']!r}"),
            ("task", f"{about['task']}, {about['metric']}"),
            ("rows", f"{sizes['train']} training, {sizes['test']} test ({sizes['test_origin']})"),
            ("code", f"{about['model']} by {about['author']}"),
            ("sandbox", sandbox["tier"]),
            ("search", _search_line(about, story["budget"])),
        ]
        warnings = [*about["warnings"], sandbox["warning"]]
        rows += [("warning", warning) for warning in warnings if warning]
    if not story["result"]:
        trials = story["trials"]
        done = f"{trials['finished']} of {trials['asked']} finished"
        rows.append(("trials", f"{done} ({counts(trials['by_origin'])})"))
    rows += [("failure", f"{count} × {text}") for text, count in story["failures"].items()]
    console().print(labelled(rows))
    if story["incumbents"]:
        say("")
        show_trajectory(story["incumbents"], about.get("metric", "score"))
    if story["result"]:
        show_outcome(story["result"])


def _search_line(about: Mapping[str, Any], budget: Mapping[str, Any]) -> str:
    parts = [
        f"{name} {decision['value']} ({DECIDED_BY[decision['origin']]})"
        for name, decision in {
            **{k: v for k, v in budget.items() if k != "fit_seconds"},
            "folds": about["folds"],
            "workers": about["workers"],
            "seed": about["seed"],
        }.items()
        if decision["value"] is not None
    ]
    return ", ".join(parts)
