"""The entry point: commands by name, loaded when used, and how errors end the process."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import signal
import sys
import traceback
from types import FrameType

import click

from automl_agent.cli.output import say, say_json, silence
from automl_agent.exceptions import AutoMLAgentError
from automl_agent.version import __version__

COMMANDS = {
    "tune": "automl_agent.cli.tune",
    "generate": "automl_agent.cli.generate",
    "predict": "automl_agent.cli.predict",
    "runs": "automl_agent.cli.runs",
    "models": "automl_agent.cli.models",
    "datasets": "automl_agent.cli.datasets",
}
FAILED = 1
INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Names in the order of use."""
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002
        cmd_name: str,
    ) -> click.Command | None:
        """Import a command's module and take the command of the same name from it."""
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = getattr(importlib.import_module(module), cmd_name)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="automl-agent %(version)s")
def automl_agent() -> None:
    """Tuned machine learning: a language model writes the code, SMAC searches, the test decides.

    \b
    Examples:
      automl-agent tune --dataset breast_cancer --model lgbm --trials 25
      automl-agent tune --dataset houses.csv --target price --time 60
      automl-agent tune --dataset openml:1590 --model lgbm
      automl-agent runs list
      automl-agent predict RUN new.csv -o predictions.csv
    """


def main() -> None:
    """Run the command line and exit: 0 well, 1 a run failed, 2 wrong input, 130 interrupted."""
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as it is under nohup
        signal.signal(signal.SIGHUP, _interrupt)
    if sys.stdout is None or sys.stderr is None:  # closed by whoever started us
        nowhere = open(os.devnull, "w")  # noqa: PTH123, SIM115
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # a terminal that lacks a letter shows its number
            stream.reconfigure(errors="backslashreplace")
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError:
        silence(sys.stdout)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command; every way in which it can end has its line and its exit code."""
    try:
        result = automl_agent.main(arguments, prog_name="automl-agent", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        text = error.format_message().rstrip(".")
        context = getattr(error, "ctx", None)
        hint = f"see: {context.command_path} --help" if context else ""
        return _fail(arguments, text[:1].lower() + text[1:], hint, error.exit_code)
    except (click.Abort, KeyboardInterrupt) as error:
        return _fail(arguments, "interrupted", _note(error), INTERRUPTED)
    except AutoMLAgentError as error:
        return _fail(arguments, error.message, _both(error.hint, _note(error)), error.exit_code)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        text = f"{place}{error.strerror or error}"
        return _fail(arguments, text, "--debug shows where this happened", FAILED)
    except Exception as error:
        text = f"something unforeseen happened: {type(error).__name__}: {error}"
        return _fail(arguments, text, "please report it; --debug shows where", FAILED)
    return result if isinstance(result, int) else 0


def _fail(arguments: list[str], message: str, hint: str, code: int) -> int:
    """Print an error in a line or two; `--json` gets it as an object on standard output."""
    message, hint = (" ".join(text.split()) for text in (message, hint))
    with contextlib.suppress(OSError):  # nobody to tell, or a full disk
        if "--debug" in arguments:
            say(traceback.format_exc(), err=True)
        if "--json" in arguments:
            say_json({"error": message, "hint": hint})
        else:
            say(f"error: {message}", err=True)
            if hint:
                say(f"       {hint}", err=True)
    return code


def _both(*texts: str) -> str:
    return "; ".join(text for text in texts if text)


def _note(error: BaseException) -> str:
    """What a command has noted about an error, or about the one that it came from."""
    cause = error.__cause__
    notes = getattr(error, "__notes__", []) or getattr(cause, "__notes__", [])
    return str(notes[0]) if notes else ""


def _interrupt(_signum: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
