"""`automl-agent predict`: predictions of a run's model for new rows."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from automl_agent.cli.options import debug_option, json_option, logs_option
from automl_agent.cli.output import say, say_json
from automl_agent.cli.words import plural
from automl_agent.exceptions import InputError
from automl_agent.json_lines import unwritable, write_bytes

if TYPE_CHECKING:
    from automl_agent.data.sources.raw_table import RawTable
    from automl_agent.runs import Run


@click.command(short_help="Predict new rows with a run's model.")
@click.argument("run")
@click.argument("data")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="CSV file to write; else it is printed."
)
@click.option("--proba", is_flag=True, help="Class probabilities, one column per class.")
@click.option("--sandbox", default="auto", show_default=True, help="auto, bubblewrap or limits.")
@logs_option
@json_option
@debug_option
def predict(
    run: str,
    data: str,
    output: Path | None,
    proba: bool,
    sandbox: str,
    logs: Path,
    as_json: bool,
) -> None:
    """Predict the rows of a file with the model of RUN (a name or a path).

    The file needs the training table's columns, in any order; further columns are ignored, unseen
    categories count as missing. It may be a link, and of any format that `tune` reads.

    \b
    Examples:
      automl-agent predict my-run new.csv -o predictions.csv
      automl-agent predict my-run new.csv --proba
    """
    import pandas as pd

    from automl_agent.runs import load_run
    from automl_agent.sandbox.selection import select_tier

    if output is not None:
        _refuse_unusable(output, data)
    loaded = load_run(run, logs)
    loaded.check_model(proba=proba)
    tier = select_tier(sandbox)
    if tier.warning:
        say(f"warning: {tier.warning}", err=True)
    table = read_rows(data, loaded)
    for warning in table.warnings:
        say(f"warning: {warning}", err=True)
    predicted = (
        loaded.predict_proba(table.frame, sandbox=sandbox)
        if proba
        else pd.DataFrame({loaded.target: loaded.predict(table.frame, sandbox=sandbox)})
    )
    predicted.columns = predicted.columns.map(str)
    text = predicted.to_csv(index=False)
    if output is not None:
        _write(output, text)
    if as_json:
        result: dict[str, Any] = {"run": loaded.name, "rows": len(predicted)}
        if output is not None:
            result["output"] = str(output)
        else:
            result["predictions"] = predicted.to_dict(orient="records")
        say_json(result)
    elif output is not None:
        predictions = plural(len(predicted), "prediction")
        say(f"{predictions} of run {loaded.name} written to {output}")
    else:
        say(text, end="")


def read_rows(data: str, run: Run) -> RawTable:
    """Read new rows; in a file without a header the columns stand as in the training data.

    Raises:
        InputError: the file cannot be read.
    """
    from automl_agent.data.sources.resolve import read_source

    known = ([*run.features], [*run.features, run.target])
    for names in known if Path(data).is_file() else ():  # a pipe can be read only once
        with suppress(InputError):
            table = read_source(data, names)
            if set(run.features) <= set(table.frame.columns):
                return table
    return read_source(data)


def _refuse_unusable(output: Path, data: str) -> None:
    """Tell of a wrong output path before the work is done, not after it."""
    if output.is_file() and Path(data).exists() and output.samefile(data):
        raise InputError(f"{output} is the data themselves", "choose another -o")
    if output.is_dir():
        raise InputError(
            f"{output} is a folder", f"name a file, such as {output / 'predictions.csv'}"
        )
    if not output.absolute().parent.is_dir():
        raise InputError(f"there is no folder {output.parent}", "make it, or choose another -o")


def _write(output: Path, text: str) -> None:
    if output.exists() and not output.is_file():
        # a device or a pipe: it is written to, not replaced
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise unwritable(output, error) from error
    else:
        write_bytes(output.resolve(), text.encode())
