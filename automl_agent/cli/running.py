"""What the commands that start a run share: their options, settings and progress."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from automl_agent.cli.options import logs_option
from automl_agent.exceptions import AutoMLAgentError, InputError

if TYPE_CHECKING:
    from automl_agent.cli.progress import CommandProgress
    from automl_agent.settings import TuneSettings

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--dataset", required=True,
        help="A file (CSV, Parquet, ARFF, Excel, JSON lines), a folder or zip of parts, a link, a "
        "bundled name, or OpenML's: adult, openml:1590, openml-task:3; see `datasets`.",
    ),
    click.option("--target", help="Target column; `last` is the last one."),
    click.option(
        "--task", help="classification or regression; inferred from the target if not given."
    ),
    click.option(
        "--test-data", help="The test rows, in a file or link; else 20 % are put away first."
    ),
    click.option("--model", help="Model family to tune; see `models`.  [default: lgbm]"),
    click.option(
        "--llm", default="offline", show_default=True, help="Backend that writes the code."
    ),
    click.option("--seed", type=int, help="Seed of everything random.  [default: 0]"),
    click.option("--metric", help="What is optimised.  [default: log_loss or rmse]"),
    click.option("--workers", type=int, help="Fits side by side.  [default: the cores]"),
    click.option(
        "--folds", type=int, help="Folds of cross-validation, 1 is a holdout.  [default: 5]"
    ),
    click.option(
        "--retries", type=int, default=5, show_default=True, help="Repairs per module."
    ),
    click.option(
        "--generation-time", type=float, default=600.0,
        help="Seconds for writing and proving the code.  [default: 600]",
    ),
    click.option(
        "--sandbox", default="auto", show_default=True, help="auto, bubblewrap or limits."
    ),
    click.option("--name", help="Name of the run.  [default: dataset, model and time]"),
    logs_option,
)  # fmt: skip


def run_options(command: Command) -> Command:
    """The options that say what is learnt, by whom and with what."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def settings_from(options: Mapping[str, Any]) -> TuneSettings:
    """The settings that the options amount to.

    Raises:
        InputError: an option is out of range; it is named as the user typed it.
    """
    from automl_agent.settings import SettingError, TuneSettings

    try:
        return TuneSettings(**options)
    except SettingError as error:
        option = "--" + error.setting.replace("_", "-")
        raise InputError(option + error.message.removeprefix(error.setting), error.hint) from error


@contextmanager
def shown_progress(*, quiet: bool) -> Iterator[CommandProgress]:
    """Progress on the terminal; an error on the way says where the run can be looked at."""
    from automl_agent.cli.progress import CommandProgress, ConsoleProgress, spoken_name

    progress = CommandProgress() if quiet else ConsoleProgress()
    try:
        yield progress
    except (AutoMLAgentError, KeyboardInterrupt) as error:
        if progress.run is not None and progress.run.path.exists():
            name = shlex.quote(spoken_name(progress.run))
            error.add_note(f"how far it came: automl-agent runs show {name}")
        raise
    finally:
        progress.stop()
