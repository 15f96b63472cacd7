"""Parquet files."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from automl_agent.data.sources.content import Content, short_name
from automl_agent.data.sources.raw_table import RawTable, check_names, left_out_warning
from automl_agent.exceptions import InputError


def read_parquet(content: Content) -> RawTable:
    """Read a Parquet file; dictionaries become categories, decimals numbers, dates datetimes.

    Columns of lists, structures and bytes are left out with a warning, and so is an index that
    pandas wrote.

    Raises:
        InputError: it is damaged, has no rows or columns, or has several columns of one name.
    """
    path = content.path
    source = str(path) if content.data is None else pa.BufferReader(content.data)
    try:
        file = pq.ParquetFile(source, memory_map=content.data is None)
        names = [str(name) for name in file.schema_arrow.names]
        check_names(Counter(names), path)
        kept = [f.name for f in file.schema_arrow if _is_flat(f.type) and not _is_index(f.name)]
        left_out = [n for n in names if n not in kept and not _is_index(n)]
        table = file.read(columns=kept)
        for position, field in enumerate(table.schema):
            if pa.types.is_decimal(field.type):
                column = table.column(position).cast(pa.float64(), safe=False)
                table = table.set_column(position, field.name, column)
        # Without its arrays the table frees each column as soon as pandas has it.
        frame: pd.DataFrame = table.to_pandas(
            ignore_metadata=True, date_as_object=False, split_blocks=True, self_destruct=True
        )
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read as Parquet: {reason}") from error
    if not len(frame) or not kept:
        raise InputError(f"{path} holds no table: its shape is {frame.shape}")
    frame.columns = pd.Index(kept, dtype="str")
    return RawTable(frame, None, short_name(path), str(path), left_out_warning(left_out))


def _is_flat(kind: pa.DataType) -> bool:
    return not (
        pa.types.is_nested(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _is_index(name: str) -> bool:
    return name.startswith("__index_level_") and name.endswith("__")
