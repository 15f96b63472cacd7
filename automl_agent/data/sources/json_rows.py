"""JSON lines: one object per line, each a row. An array of objects is read as well."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from automl_agent.data.sources.content import Content, short_name
from automl_agent.data.sources.raw_table import RawTable, left_out_warning
from automl_agent.exceptions import InputError


def read_json_rows(content: Content) -> RawTable:
    """Read rows of JSON; a key that a row lacks is missing there.

    Columns of lists and objects are left out with a warning.

    Raises:
        InputError: a line is no JSON object (with its number), or there is no column.
    """
    path = content.path
    text, warnings = content.text()
    rows = _array(text, content) if text.lstrip().startswith("[") else _lines(text, content)
    frame = pd.DataFrame(rows)
    if not len(frame) or not len(frame.columns):
        raise InputError(f"{path} holds no table: its shape is {frame.shape}")
    nested = [
        name
        for name in frame.columns
        if frame[name].dtype == object
        and frame[name].map(lambda v: isinstance(v, list | dict)).any()
    ]
    frame = frame.drop(columns=nested)
    if not len(frame.columns):
        raise InputError(f"{path} holds lists and objects only", "give rows of plain values")
    return RawTable(
        frame, None, short_name(path), str(path), (*warnings, *left_out_warning(nested))
    )


def _lines(text: str, content: Content) -> list[dict[str, Any]]:
    rows = []
    # JSON texts may hold further line separators; only these end a line here.
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if line.strip():
            rows.append(_row(_parsed(line, f"line {number} of {content.path}"), number, content))
    return rows


def _array(text: str, content: Content) -> list[dict[str, Any]]:
    values = _parsed(text, str(content.path))
    return [_row(value, number, content) for number, value in enumerate(values, start=1)]


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{where} is no JSON: {error}") from error


def _row(value: Any, number: int, content: Content) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(
            f"row {number} of {content.path} is no JSON object",
            'one object per row is expected, such as {"age": 42, "income": "high"}',
        )
    return value
