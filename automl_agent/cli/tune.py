"""`automl-agent tune`: one tuning run from a dataset to a tested model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from automl_agent.cli.options import debug_option, json_option
from automl_agent.cli.output import say_json
from automl_agent.cli.running import run_options, settings_from, shown_progress


@click.command(short_help="Tune a model on a dataset.")
@click.option("--trials", type=int, help="Configurations to try.")
@click.option("--time", type=float, help="Seconds for search, refit and report together.")
@click.option(
    "--code",
    type=click.Path(path_type=Path),
    help="Folder with your own config_space.py, train.py and scenario.py.",
)
@run_options
@json_option
@debug_option
def tune(as_json: bool, **options: Any) -> None:
    """Tune a model on a dataset.

    A backend writes a configuration space, a training function and a scenario; each is proved by
    running it in a sandbox; SMAC searches; the winner is refitted and meets the test rows once.
    Where neither --trials nor --time is given, the generated scenario says how long to search.

    \b
    Examples:
      automl-agent tune --dataset breast_cancer --model lgbm --trials 25
      automl-agent tune --dataset houses.parquet --target price --model rf --time 60
      automl-agent tune --dataset adult --model lgbm
      automl-agent tune --dataset train.csv --target y --test-data test.csv --metric f1 --json
      automl-agent tune --dataset iris --code my-modules --trials 25
    """
    settings = settings_from(options)
    with shown_progress(quiet=as_json) as progress:
        # the search's libraries take seconds to load: only once the options are known to be right
        from automl_agent.tuning import run_tuning

        run = run_tuning(settings, progress)
    if as_json:
        say_json({"run": run.name, "path": str(run.path), **run.read("result.json")})
