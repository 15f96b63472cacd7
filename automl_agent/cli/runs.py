"""`automl-agent runs`: list, show and remove the logged runs, and read their incumbents."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from automl_agent.cli.options import debug_option, json_option, logs_option
from automl_agent.cli.output import say, say_json


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
@logs_option
@json_option
@debug_option
def list_runs(logs: Path, as_json: bool) -> None:
    """List all runs, oldest first.

    \b
    Examples:
      automl-agent runs list
      automl-agent runs list --logs elsewhere --json
    """
    from automl_agent.reporting.run_summary import summarise_run
    from automl_agent.run_directory import RunDirectory

    summaries = [summarise_run(run) for run in RunDirectory.all(logs)]
    if as_json:
        say_json(summaries)
        return
    from automl_agent.cli.results import show_runs

    show_runs(summaries, logs)


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
@logs_option
@json_option
@debug_option
def show_incumbents(run: str, logs: Path, as_json: bool) -> None:
    """Show every trial that was the best so far when it ended.

    \b
    Examples:
      automl-agent runs incumbents my-run
      automl-agent runs incumbents my-run --json
    """
    from automl_agent.optimization.events import read_incumbents
    from automl_agent.run_directory import RunDirectory

    directory = RunDirectory.find(run, logs)
    incumbents = [asdict(i) for i in read_incumbents(directory / "incumbents.jsonl")]
    if as_json:
        say_json(incumbents)
        return
    from automl_agent.cli.results import show_trajectory

    if incumbents:
        show_trajectory(incumbents, str(directory.read("run.json")["metric"]))
    else:
        say(f"no trial of run {directory.name} has succeeded so far")


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
