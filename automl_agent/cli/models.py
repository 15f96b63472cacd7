"""`automl-agent models`: what the offline backend can write."""

from __future__ import annotations

import click

from automl_agent.cli.options import debug_option, json_option
from automl_agent.cli.output import say_json


@click.command(short_help="List the built-in model recipes.")
@json_option
@debug_option
def models(as_json: bool) -> None:
    """List the model families that the offline backend writes, with their other names.

    \b
    Examples:
      automl-agent models
      automl-agent models --json
    """
    from automl_agent.codegen.recipes import recipes

    if as_json:
        rows = [
            {"name": r.name, "title": r.title, "tasks": list(r.tasks), "aliases": list(r.aliases)}
            for r in recipes()
        ]
        say_json(rows)
        return
    from automl_agent.cli.console import show_table

    show_table(
        ["model", "what it is", "tasks", "also called"],
        [[r.name, r.title, ", ".join(r.tasks), ", ".join(r.aliases)] for r in recipes()],
    )
