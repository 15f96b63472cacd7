"""The incumbents over time, drawn in the terminal or as a picture (extra `plot`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automl_agent.exceptions import InputError
from automl_agent.json_lines import unwritable
from automl_agent.optimization.events import read_history, read_incumbents
from automl_agent.run_directory import RunDirectory

PICTURE_SUFFIXES = (".png", ".svg", ".pdf")
HINT = "install the plotting libraries: pip install 'automl-agent[plot]'"


@dataclass(frozen=True)
class Trajectory:
    """The best score as a function of time.

    Attributes:
        metric: its name.
        seconds: corners of the staircase, from the first incumbent to the end of the search.
        scores: the best score at each corner.
        default: score of the default configuration, None if it failed.
        trial_seconds: when each successful trial ended.
        trial_scores: what it scored.
    """

    run: str
    metric: str
    seconds: tuple[float, ...]
    scores: tuple[float, ...]
    default: float | None
    trial_seconds: tuple[float, ...]
    trial_scores: tuple[float, ...]


def read_trajectory(run: RunDirectory) -> Trajectory:
    """The trajectory of a run.

    Raises:
        InputError: no trial has succeeded so far.
    """
    incumbents = read_incumbents(run / "incumbents.jsonl")
    if not incumbents:
        raise InputError(f"no trial of run {run.name} has succeeded so far")
    results = read_history(run / "events.jsonl").results
    ended = [(r.finished_at, r.score) for r in results.values() if r.score is not None]
    seconds, scores = [incumbents[0].finished_at], [incumbents[0].score]
    for incumbent in incumbents[1:]:
        seconds += [incumbent.finished_at] * 2
        scores += [scores[-1], incumbent.score]
    last = max((r.finished_at for r in results.values()), default=seconds[-1])
    default = results.get(1)
    return Trajectory(
        run=run.name,
        metric=str(run.read("run.json")["metric"]),
        seconds=(*seconds, max(last, seconds[-1])),
        scores=(*scores, scores[-1]),
        default=None if default is None else default.score,
        trial_seconds=tuple(at for at, _ in ended),
        trial_scores=tuple(score for _, score in ended),
    )


def draw_in_terminal(trajectory: Trajectory, width: int, height: int) -> str:
    """The plot as text, without colours, at most `width` columns wide.

    Raises:
        InputError: the plotting library is not installed.
    """
    try:
        import plotext
    except ImportError as error:
        raise InputError("a plot needs plotext, which is not installed", HINT) from error
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plotsize(width, height)
    plotext.scatter(trajectory.trial_seconds, trajectory.trial_scores, marker="·", label="trials")
    plotext.plot(trajectory.seconds, trajectory.scores, label="incumbent")
    if trajectory.default is not None:
        ends = [0.0, trajectory.seconds[-1]]
        plotext.plot(ends, [trajectory.default] * 2, marker="-", label="default")
    plotext.xlabel("seconds")
    plotext.ylabel(trajectory.metric)
    text: str = plotext.uncolorize(plotext.build())
    return text


def draw_picture(trajectory: Trajectory, path: Path) -> None:
    """The plot as a PNG, SVG or PDF file, by the path's suffix.

    Raises:
        InputError: the suffix is unknown, or the plotting library is not installed.
        RunDirectoryError: the file cannot be written.
    """
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise InputError(f"cannot draw {path.name!r}", f"use {', '.join(PICTURE_SUFFIXES)}")
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError("a picture needs matplotlib, which is not installed", HINT) from error
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.scatter(
        trajectory.trial_seconds, trajectory.trial_scores, s=14, color="0.65", label="trials"
    )
    axes.plot(trajectory.seconds, trajectory.scores, linewidth=2, label="incumbent")
    if trajectory.default is not None:
        axes.axhline(trajectory.default, linestyle="--", color="0.4", label="default")
    axes.set_xlabel("seconds")
    axes.set_ylabel(trajectory.metric)
    axes.set_title(trajectory.run, fontsize="medium", parse_math=False)
    axes.set_ylim(*_window(trajectory))
    axes.legend()
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise unwritable(path, error) from error


def _window(trajectory: Trajectory) -> tuple[float, float]:
    """Bounds of the vertical axis: a few hopeless trials must not flatten the staircase."""
    known: Sequence[Any] = [*trajectory.scores, trajectory.default or trajectory.scores[0]]
    low, high = min(known), max(known)
    margin = 0.6 * (high - low) or 0.1 * abs(high) or 1.0
    return low - margin, high + margin
