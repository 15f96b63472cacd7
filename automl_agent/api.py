"""The functions that programs use; `automl_agent` itself loads them when first called."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl_agent.progress import Progress
from automl_agent.runs import Run, load_run
from automl_agent.settings import TuneSettings
from automl_agent.tuning import run_tuning
from llm_clients.base import LLMClient

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["load_run", "tune"]


def tune(
    dataset: str | Path | pd.DataFrame,
    *,
    progress: Progress | None = None,
    client: LLMClient | None = None,
    **settings: Any,
) -> Run:
    """Tune a model on a dataset.

    Args:
        dataset: a file, folder or link, a bundled ("iris") or OpenML name ("adult"), or a DataFrame
            (then give `target`).
        progress: is told how it goes; nothing is printed without one.
        client: writes the code, in place of the backend named by `llm`.
        settings: fields of `TuneSettings`: target, task, test_data, model, llm, trials, time, seed,
            metric, workers, folds, retries, generation_time, sandbox, logs, name.

    Returns:
        The finished run: `run.incumbent`, `run.trajectory()`, `run.predict(frame)`, `run.result`.

    Raises:
        InputError: the data or a setting cannot be used.
        TypeError: there is no such setting.
        AutoMLAgentError: the run failed.
    """
    known = set(TuneSettings.__dataclass_fields__)
    for name in settings.keys() - known:
        near = difflib.get_close_matches(name, known, n=1)
        guess = f"; did you mean {near[0]!r}?" if near else ""
        raise TypeError(f"tune() has no setting {name!r}{guess}")
    asked = TuneSettings(dataset=dataset, **settings)
    return Run(run_tuning(asked, progress or Progress(), client))
