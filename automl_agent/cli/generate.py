"""`automl-agent generate`: the three modules, written and proved, without a search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from automl_agent.cli.options import debug_option, json_option
from automl_agent.cli.output import say, say_json
from automl_agent.cli.running import run_options, settings_from, shown_progress


@click.command(short_help="Write and prove the code, without tuning.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for the modules."
)
@run_options
@json_option
@debug_option
def generate(output: Path, as_json: bool, **options: Any) -> None:
    """Write config_space.py, train.py and scenario.py for a dataset, and prove that they work.

    Edit them as you like, then tune with them: they are proved again in the same way.

    \b
    Examples:
      automl-agent generate --dataset iris --model random_forest -o my-modules
      automl-agent tune --dataset iris --code my-modules --trials 25
    """
    settings = settings_from(options)
    with shown_progress(quiet=as_json) as progress:
        from automl_agent.tuning import run_generation

        run = run_generation(settings, progress, output)
    if as_json:
        say_json({"run": run.name, "path": str(run.path), "output": str(output)})
    else:
        say(f"config_space.py, train.py and scenario.py are in {output}")
