"""What can be said of a run from its directory alone, finished or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from automl_agent.exceptions import InputError, RunDirectoryError
from automl_agent.optimization.events import read_history, read_incumbents
from automl_agent.run_directory import RunDirectory


def summarise_run(run: RunDirectory) -> dict[str, Any]:
    """One run in a row: name, state, what was tuned, scores."""
    described = _read(run, "run.json")
    result = _read(run, "result.json")
    incumbents = read_incumbents(run / "incumbents.jsonl")
    test = result.get("test", {}).get("final") or {}
    return {
        "run": run.name,
        "state": run.state()[0],
        "created": described.get("created"),
        "dataset": described.get("dataset"),
        "model": described.get("model"),
        "author": described.get("author"),
        "metric": described.get("metric"),
        "validation": incumbents[-1].score if incumbents else None,
        "test": test.get("score"),
        "trials": _finished_trials(run, result),
    }


def _finished_trials(run: RunDirectory, result: Mapping[str, Any]) -> int | None:
    if result:
        finished = result.get("trials", {}).get("finished")
        return finished if isinstance(finished, int) else None
    return len(read_history(run / "events.jsonl").results) or None


def select_runs(
    summaries: Iterable[Mapping[str, Any]],
    wanted: Mapping[str, str | None],
    *,
    sort: str,
    reverse: bool,
) -> list[Mapping[str, Any]]:
    """Filter and order summaries.

    Args:
        summaries: as `summarise_run` gives them.
        wanted: for `dataset`, `model`, `author` and `state` the value that a run must have, for
            `since` the day (ISO) on which it began at the earliest; None where all will do.
        sort: the field to sort by; runs without a value come last.
        reverse: whether the greatest comes first.

    Raises:
        InputError: `since` is no day.
    """
    conditions = {field: value for field, value in wanted.items() if value is not None}
    since = conditions.pop("since", "")
    if since:
        try:
            since = date.fromisoformat(since).isoformat()
        except ValueError as error:
            raise InputError(f"{since!r} is no day", "write it as 2026-01-31") from error
    kept = [
        summary
        for summary in summaries
        if all(str(summary[field]).lower() == v.lower() for field, v in conditions.items())
        and str(summary["created"] or "") >= since
    ]
    known = [summary for summary in kept if summary[sort] is not None]
    known.sort(key=lambda summary: summary[sort], reverse=reverse)
    return known + [summary for summary in kept if summary[sort] is None]


def describe_run_so_far(run: RunDirectory) -> dict[str, Any]:
    """Everything that `runs show` prints, JSON-ready; works at any moment of a run's life."""
    history = read_history(run / "events.jsonl")
    state, reason = run.state()
    finished = history.results.values()
    origins = Counter(
        history.trials[r.trial].origin.value for r in finished if r.trial in history.trials
    )
    return {
        "run": run.name,
        "path": str(run.path),
        "state": state,
        "reason": reason,
        "description": _read(run, "run.json"),
        "budget": _read(run, "budget.json"),
        "incumbents": [i.to_dict() for i in read_incumbents(run / "incumbents.jsonl")],
        "trials": {
            "asked": len(history.trials),
            "finished": len(history.results),
            "by_origin": dict(origins),
            "by_status": dict(Counter(r.status.value for r in finished)),
        },
        "failures": dict(Counter(r.reason for r in finished if r.reason).most_common(5)),
        "result": _read(run, "result.json") or None,
    }


def _read(run: RunDirectory, name: str) -> dict[str, Any]:
    try:
        return run.read(name)
    except RunDirectoryError:
        return {}
