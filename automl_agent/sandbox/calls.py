"""The calls that a worker understands, as typed constructors, and the table it works on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from automl_agent.sandbox.base import Call
from automl_agent.sandbox.process import TABLE

if TYPE_CHECKING:
    import pandas as pd


def space_call(source: str) -> Call:
    """Run config_space.py; answers `space` (serialised) and `initial` (list of dicts)."""
    return Call("space", {"source": source})


def scenario_call(source: str, space: Mapping[str, Any]) -> Call:
    """Run scenario.py on a serialised space; answers `fields` of the scenario."""
    return Call("scenario", {"source": source, "space": dict(space)})


def fit_call(
    source: str,
    config: Mapping[str, Any],
    *,
    task: str,
    train_rows: NDArray[np.int64],
    labels: NDArray[Any],
    predict_rows: NDArray[np.int64],
    seed: int,
    budget: float | None,
    want_model: bool,
) -> Call:
    """Train on some rows and predict others.

    Args:
        source: text of train.py.
        config: plain values of the active hyperparameters.
        task: "classification" or "regression".
        train_rows: positions in the worker's table, shape `(n,)`.
        labels: labels of those rows, `(n,)`, int64 codes or float64.
        predict_rows: positions to predict, `(m,)`; their labels never enter the sandbox.
        seed: random seed for `train`.
        budget: units of budget, or None for the full one.
        want_model: whether the fitted model comes back as opaque bytes (second blob).
    """
    fields = {
        "source": source,
        "config": dict(config),
        "task": task,
        "label_dtype": labels.dtype.str,
        "seed": seed,
        "budget": budget,
        "want_model": want_model,
    }
    rows = np.ascontiguousarray(train_rows, dtype=np.int64).tobytes()
    held_out = np.ascontiguousarray(predict_rows, dtype=np.int64).tobytes()
    return Call("fit", fields, (rows, np.ascontiguousarray(labels).tobytes(), held_out))


def predict_call(model: bytes, rows: NDArray[np.int64], *, task: str) -> Call:
    """Load a fitted model in a fresh process and predict some rows of the worker's table."""
    return Call("predict", {"task": task}, (np.asarray(rows, np.int64).tobytes(), model))


def write_table(frame: pd.DataFrame, folder: Path) -> Path:
    """Write a typed feature table where workers map it; returns the file's path."""
    import pyarrow as pa

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / TABLE
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return path
