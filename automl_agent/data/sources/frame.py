"""A table that is in memory already."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from automl_agent.data.sources.raw_table import RawTable
from automl_agent.data.wording import quote_names
from automl_agent.exceptions import InputError


def read_frame(frame: pd.DataFrame) -> RawTable:
    """Take a DataFrame; its index is left out and its column names become strings.

    Raises:
        InputError: it has no rows or columns, or two columns have the same name as strings.
    """
    names = [str(name) for name in frame.columns]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise InputError(
            f"the DataFrame has several columns named {quote_names(repeated)}",
            "names are compared as strings; rename them",
        )
    if not len(frame) or not names:
        raise InputError(f"the DataFrame is empty: its shape is {frame.shape}")
    copy = frame.reset_index(drop=True)
    copy.columns = pd.Index(names, dtype="str")
    return RawTable(copy, None, "dataframe", f"DataFrame {frame.shape[0]} x {frame.shape[1]}")
