"""One table from several parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd
from pandas.api.types import union_categoricals

from automl_agent.data.sources.content import Content
from automl_agent.data.sources.raw_table import RawTable
from automl_agent.data.wording import quote_names
from automl_agent.exceptions import InputError


def join_parts(
    contents: Sequence[Content],
    read: Callable[[Content, Sequence[str] | None], RawTable],
    names: Sequence[str] | None,
) -> RawTable:
    """Read parts and put their rows one below the other, in the first part's order of columns.

    Args:
        contents: the parts, in order.
        read: reads one.
        names: column names for delimited text without a header.

    Raises:
        InputError: a part cannot be read, or has other columns than the first.
    """
    tables: list[RawTable] = []
    for content in contents:
        table = read(content, names)
        names = list(tables[0].frame.columns) if tables else list(table.frame.columns)
        if set(table.frame.columns) != set(names):
            missing = [name for name in names if name not in table.frame.columns]
            extra = [name for name in table.frame.columns if name not in names]
            wrong = f"lacks {quote_names(missing)}" if missing else f"adds {quote_names(extra)}"
            raise InputError(
                f"{content.path} has other columns than {contents[0].path.name}: it {wrong}",
                "all parts need the same columns",
            )
        tables.append(table)
    frames = [table.frame for table in tables]
    columns = {name: _joined([frame[name] for frame in frames]) for name in frames[0].columns}
    warnings = dict.fromkeys(warning for table in tables for warning in table.warnings)
    first = tables[0]
    return RawTable(pd.DataFrame(columns), first.target, first.name, first.source, tuple(warnings))


def _joined(columns: list[pd.Series]) -> pd.Series:
    if all(isinstance(column.dtype, pd.CategoricalDtype) for column in columns):
        return pd.Series(union_categoricals(columns, ignore_order=True), name=columns[0].name)
    return pd.concat(columns, ignore_index=True)
