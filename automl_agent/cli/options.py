"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

DEFAULT_LOGS = Path("logs")


def logs_option(command: Command) -> Command:
    """`--logs`: the folder of all runs."""
    return click.option(
        "--logs",
        type=click.Path(path_type=Path, file_okay=True),
        default=DEFAULT_LOGS,
        show_default=True,
        help="Folder with the run directories.",
    )(command)


def json_option(command: Command) -> Command:
    """`--json`: output for programs."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print JSON on standard output and nothing else."
    )(command)


def debug_option(command: Command) -> Command:
    """`--debug`: tracebacks; `cli.main` looks for it when an error ends the process."""
    return click.option(
        "--debug", is_flag=True, expose_value=False, help="Show a traceback with an error."
    )(command)
