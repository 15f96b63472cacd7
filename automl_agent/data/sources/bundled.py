"""The small datasets that scikit-learn carries: no file, no network."""

from __future__ import annotations

from typing import Any

import pandas as pd

from automl_agent.data.sources.catalogue import BUNDLED
from automl_agent.data.sources.raw_table import RawTable


def read_bundled(name: str) -> RawTable:
    """Read one of scikit-learn's datasets.

    Args:
        name: one of `BUNDLED`.

    Returns:
        The features and the column ``target``: class names where scikit-learn has them as words
        (so not for the digits, which are integers), the value for regression.
    """
    from sklearn import datasets

    data: Any = getattr(datasets, BUNDLED[name].loader)(as_frame=True)
    frame: pd.DataFrame = data.frame.copy()
    labels = data.get("target_names")
    if labels is not None and name != "digits":
        frame["target"] = [str(labels[code]) for code in frame["target"]]
    return RawTable(frame, "target", name, f"scikit-learn's {name}")
