"""`automl-agent tune`: one tuning run from a dataset to a tested model."""

from __future__ import annotations

import shlex
from typing import Any

import click

from automl_agent.cli.options import debug_option, json_option, logs_option
from automl_agent.cli.output import say_json
from automl_agent.exceptions import AutoMLAgentError, InputError


@click.command(short_help="Tune a model on a dataset.")
@click.option(
    "--dataset", required=True,
    help="A file (CSV, Parquet, ARFF, Excel, JSON lines), a folder or zip of parts, a link, a "
    "bundled name, or OpenML's: adult, openml:1590, openml-task:3; see `datasets`.",
)  # fmt: skip
@click.option("--target", help="Target column; `last` is the last one.")
@click.option("--task", help="classification or regression; inferred from the target if not given.")
@click.option("--test-data", help="The test rows, in a file or link; else 20 % are put away first.")
@click.option(
    "--model", default="lgbm", show_default=True, help="Model family to tune; see `models`."
)
@click.option("--llm", default="offline", show_default=True, help="Backend that writes the code.")
@click.option("--trials", type=int, help="Configurations to try.")
@click.option("--time", type=float, help="Seconds for search, refit and report together.")
@click.option("--seed", type=int, help="Seed of everything random.  [default: 0]")
@click.option("--metric", help="What is optimised.  [default: log_loss or rmse]")
@click.option("--workers", type=int, help="Fits side by side.  [default: the cores]")
@click.option("--folds", type=int, help="Folds of cross-validation, 1 is a holdout.  [default: 5]")
@click.option("--retries", type=int, default=5, show_default=True, help="Repairs per module.")
@click.option(
    "--generation-time", type=float, default=600.0,
    help="Seconds for writing and proving the code.  [default: 600]",
)  # fmt: skip
@click.option("--sandbox", default="auto", show_default=True, help="auto, bubblewrap or limits.")
@click.option("--name", help="Name of the run.  [default: dataset, model and time]")
@logs_option
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
    """
    from automl_agent.settings import SettingError, TuneSettings

    try:
        settings = TuneSettings(**options)
    except SettingError as error:
        option = "--" + error.setting.replace("_", "-")
        raise InputError(option + error.message.removeprefix(error.setting), error.hint) from error

    # the search's libraries take seconds to load: only once the options are known to be right
    from automl_agent.cli.progress import CommandProgress, ConsoleProgress, spoken_name
    from automl_agent.tuning import run_tuning

    progress = CommandProgress() if as_json else ConsoleProgress()
    try:
        run = run_tuning(settings, progress)
    except (AutoMLAgentError, KeyboardInterrupt) as error:
        if progress.run is not None and progress.run.path.exists():
            name = shlex.quote(spoken_name(progress.run))
            error.add_note(f"how far it came: automl-agent runs show {name}")
        raise
    finally:
        progress.stop()
    if as_json:
        say_json({"run": run.name, "path": str(run.path), **run.read("result.json")})
