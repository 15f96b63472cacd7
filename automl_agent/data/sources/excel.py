"""Excel workbooks (.xlsx), read by openpyxl."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

import pandas as pd

from automl_agent.data.sources.content import Content, short_name
from automl_agent.data.sources.raw_table import RawTable, check_names
from automl_agent.data.wording import quote_names
from automl_agent.exceptions import InputError

_INSTALL = "pip install 'automl-agent[excel]', or save the sheet as CSV"


def read_excel(content: Content) -> RawTable:
    """Read the first sheet that holds anything; its first row are the names.

    Raises:
        InputError: openpyxl is not installed, the file is damaged or empty, or a column's name is
            missing or stands twice.
    """
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise InputError(f"{content.path} is an Excel file: it takes openpyxl", _INSTALL) from error
    path = content.path
    try:
        book = load_workbook(io.BytesIO(content.read()), read_only=True, data_only=True)
        sheets = {sheet.title: _filled(sheet) for sheet in book.worksheets}
    except Exception as error:  # openpyxl lets through whatever its parsers raise
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read as Excel: {reason}") from error
    filled = {title: rows for title, rows in sheets.items() if rows}
    if not filled:
        raise InputError(f"{path} is empty")
    title, rows = next(iter(filled.items()))
    names = ["" if value is None else str(value).strip() for value in rows[0]]
    if "" in names:
        raise InputError(
            f"column {names.index('') + 1} of sheet '{title}' of {path} has no name",
            "the first row must name every column",
        )
    check_names(Counter(names), path)
    if len(rows) < 2:
        raise InputError(f"{path} holds a header row but no data below it")
    frame = pd.DataFrame(rows[1:], columns=pd.Index(names, dtype="str")).infer_objects()
    warnings = []
    if len(filled) > 1:
        others = quote_names([other for other in filled if other != title])
        warnings.append(f"{path.name}: sheet '{title}' was read; left out: {others}")
    return RawTable(frame, None, short_name(path), str(path), tuple(warnings))


def _filled(sheet: Any) -> list[list[Any]]:
    """The sheet's rows without the empty ones and without empty columns at the right end."""
    rows = [list(row) for row in sheet.iter_rows(values_only=True)]
    rows = [row for row in rows if any(_present(value) for value in row)]
    width = max((i + 1 for row in rows for i, v in enumerate(row) if _present(v)), default=0)
    return [[*row[:width], *[None] * (width - len(row))] for row in rows]


def _present(value: Any) -> bool:
    return value is not None and value != ""
