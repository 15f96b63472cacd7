"""What a search writes down as it goes, and whom it tells."""

from __future__ import annotations

import contextlib
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from automl_agent.json_lines import JsonLines
from automl_agent.optimization.events import EventLog
from automl_agent.optimization.trial import FitResult, Incumbent, Trial, TrialResult
from automl_agent.optimization.trial_store import TrialStore
from automl_agent.run_directory import RunDirectory


class SearchListener(Protocol):
    """Is told of every finished trial, in the thread of the search."""

    def trial_finished(
        self, trial: Trial, result: TrialResult, incumbent: Incumbent | None
    ) -> None:
        """`incumbent` is the best trial so far, None while there is none."""
        ...


class SearchRecords:
    """The journal, the incumbents and the stored predictions of one search.

    Args:
        run: where they lie.
        listener: is told of every finished trial, after it is written down.
    """

    def __init__(self, run: RunDirectory, listener: SearchListener) -> None:
        self._events = EventLog(run / "events.jsonl")
        self._incumbents = JsonLines(run / "incumbents.jsonl")
        self._listener = listener
        self.store = TrialStore.of(run)

    def asked(self, trial: Trial, at: float) -> None:
        """A trial was asked for, `at` seconds after the search began."""
        self._events.ask(trial, at)

    def fitted(self, result: FitResult, at: float) -> None:
        """A fit ended."""
        self._events.fit(result, at)

    def keep(
        self, trial: Trial, cost: float, predictions: NDArray[np.float64], models: list[bytes]
    ) -> None:
        """Store what a successful trial leaves behind."""
        self.store.keep(trial.number, cost, predictions, models)

    def ended(
        self, trial: Trial, result: TrialResult, incumbent: Incumbent | None, *, improved: bool
    ) -> None:
        """A trial ended; `improved` says whether it is the new incumbent."""
        self._events.tell(result)
        if improved and incumbent is not None:
            self._incumbents.write(incumbent.to_dict())
        self._listener.trial_finished(trial, result, incumbent)

    def close(self) -> None:
        """Close the files."""
        with contextlib.closing(self._events):
            self._incumbents.close()
