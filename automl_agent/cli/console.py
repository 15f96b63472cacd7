"""Tables and labelled lines, at most 100 columns wide."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TextIO, cast

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from automl_agent.cli.output import silence

WIDTH = 100
LABEL = 9


class PatientConsole(Console):
    """A console whose reader may go: a search is not ended by that."""

    def on_broken_pipe(self) -> None:
        """Write nothing more."""
        self.quiet = True
        silence(cast(TextIO, self.file))


def console(*, stderr: bool = False) -> Console:
    """A console of at most 100 columns; lines for pipes and files are not broken narrower."""
    made = PatientConsole(
        file=sys.stderr if stderr else sys.stdout, highlight=False, soft_wrap=False, emoji=False
    )
    if not made.is_terminal or made.width > WIDTH:
        made.width = WIDTH
    return made


def labelled(rows: Iterable[tuple[str, str]], style: str = "") -> Table:
    """Lines of a label and a text, which is broken within its own column."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=LABEL)
    grid.add_column(overflow="fold")
    for label, text in rows:
        grid.add_row(f"[bold]{label}[/bold]", escape(text), style=style)
    return grid


def show_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: str = "") -> None:
    """Print a plain table; columns named in `right` are aligned to the right, never broken."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in header:
        if name in right.split():
            table.add_column(escape(name), justify="right", no_wrap=True)
        else:
            table.add_column(escape(name), overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    console().print(table)
