"""`automl-agent runs`: list, show and remove the logged runs, and read their incumbents."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from automl_agent.cli.options import debug_option, json_option, logs_option
from automl_agent.cli.output import say, say_json

if TYPE_CHECKING:
    from automl_agent.run_directory import RunDirectory

PLOT_HEIGHT = 20


@click.group(short_help="List, show and remove logged runs.")
def runs() -> None:
    """Look at logged runs. RUN is a run's name or its path.

    \b
    Examples:
      automl-agent runs list
      automl-agent runs show iris-random_forest-20261121-101530
      automl-agent runs incumbents logs/my-run --json
    """


@runs.command("list")
@click.option("--dataset", help="Only runs on this dataset.")
@click.option("--model", help="Only runs of this model family.")
@click.option("--llm", "author", help="Only runs whose code this backend wrote.")
@click.option("--state", help="Only runs that are running, finished, failed, interrupted, killed.")
@click.option("--since", help="Only runs begun on or after this day, as 2026-01-31.")
@click.option(
    "--sort",
    default="created",
    show_default=True,
    type=click.Choice(["created", "run", "dataset", "model", "validation", "test", "trials"]),
    help="Order of the rows.",
)
@click.option("--reverse", is_flag=True, help="The other way round.")
@logs_option
@json_option
@debug_option
def list_runs(logs: Path, as_json: bool, sort: str, reverse: bool, **wanted: str | None) -> None:
    """List runs, oldest first unless sorted otherwise.

    \b
    Examples:
      automl-agent runs list
      automl-agent runs list --dataset iris --sort test
      automl-agent runs list --logs elsewhere --json
    """
    from automl_agent.reporting.run_summary import select_runs, summarise_run
    from automl_agent.run_directory import RunDirectory

    summaries = [summarise_run(run) for run in RunDirectory.all(logs)]
    selected = select_runs(summaries, wanted, sort=sort, reverse=reverse)
    if as_json:
        say_json(selected)
        return
    from automl_agent.cli.results import show_runs

    if summaries and not selected:
        say(f"none of the {len(summaries)} runs in {logs} is like that")
        return
    show_runs(selected, logs)


@runs.command("show")
@click.argument("run")
@logs_option
@json_option
@debug_option
def show_run(run: str, logs: Path, as_json: bool) -> None:
    """Show what a run was asked, how it went and what it found, finished or not.

    \b
    Examples:
      automl-agent runs show my-run
      automl-agent runs show logs/my-run --json
    """
    from automl_agent.reporting.run_summary import describe_run_so_far
    from automl_agent.run_directory import RunDirectory

    story = describe_run_so_far(RunDirectory.find(run, logs))
    if as_json:
        say_json(story)
        return
    from automl_agent.cli.results import show_story

    show_story(story)


@runs.command("incumbents")
@click.argument("run")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="csv has a column per hyperparameter.",
)
@click.option(
    "--plot",
    is_flag=False,
    flag_value="-",
    metavar="[FILE]",
    help="Draw them: in the terminal, or into a PNG, SVG or PDF file.",
)
@logs_option
@json_option
@debug_option
def show_incumbents(run: str, form: str, plot: str | None, logs: Path, as_json: bool) -> None:
    """Show every trial that was the best so far when it ended.

    \b
    Examples:
      automl-agent runs incumbents my-run
      automl-agent runs incumbents my-run --format csv > incumbents.csv
      automl-agent runs incumbents my-run --plot
      automl-agent runs incumbents my-run --plot incumbents.png
    """
    from automl_agent.optimization.events import read_incumbents
    from automl_agent.run_directory import RunDirectory

    directory = RunDirectory.find(run, logs)
    if plot is not None:
        plot_incumbents(directory, plot)
        return
    incumbents = [asdict(i) for i in read_incumbents(directory / "incumbents.jsonl")]
    if as_json or form == "json":
        say_json(incumbents)
        return
    from automl_agent.cli.results import show_trajectory, trajectory_csv

    if form == "csv":
        say(trajectory_csv(incumbents), end="")
    elif incumbents:
        show_trajectory(incumbents, str(directory.read("run.json")["metric"]))
    else:
        say(f"no trial of run {directory.name} has succeeded so far")


def plot_incumbents(directory: RunDirectory, place: str) -> None:
    """Draw the incumbents in the terminal (`-`) or into a file."""
    from automl_agent.cli.console import WIDTH, console
    from automl_agent.reporting.trajectory_plot import (
        draw_in_terminal,
        draw_picture,
        read_trajectory,
    )

    trajectory = read_trajectory(directory)
    if place == "-":
        say(draw_in_terminal(trajectory, min(WIDTH, console().width), PLOT_HEIGHT))
    else:
        draw_picture(trajectory, Path(place))
        say(f"drawn in {place}")


@runs.command("rm")
@click.argument("run")
@logs_option
@json_option
@debug_option
def remove_run(run: str, logs: Path, as_json: bool) -> None:
    """Delete a run and everything in its directory.

    \b
    Examples:
      automl-agent runs rm my-run
    """
    from automl_agent.run_directory import RunDirectory

    directory = RunDirectory.find(run, logs)
    directory.remove()
    if as_json:
        say_json({"removed": str(directory.path)})
    else:
        say(f"removed {directory.path}")
