"""Where fits run: an executor takes fits and hands back scored results as they finish."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from automl_agent.optimization.evaluation import Evaluation, Scored
from automl_agent.optimization.trial import Fit
from automl_agent.sandbox.base import Sandbox


class Executor(Protocol):
    """Runs fits on a fixed number of workers."""

    @property
    def workers(self) -> int:
        """How many fits run side by side."""
        ...

    def submit(self, fit: Fit) -> None:
        """Queue a fit."""
        ...

    def next_result(self, timeout: float) -> Scored | None:
        """Wait for the next finished fit; None when the time-out passes first.

        Args:
            timeout: seconds; 0 takes what is there, infinite waits for ever.

        Raises:
            Exception: whatever machinery failed inside a worker's thread.
        """
        ...

    def drop(self, trial: int) -> int:
        """Forget the queued fits of a trial and cancel its running ones.

        Returns:
            The number of fits forgotten; every other fit still gives a result, cancelled or not.
        """
        ...

    def close(self) -> None:
        """Cancel everything and stop."""
        ...


class LocalExecutor:
    """One thread per sandbox worker on this machine; fits start in the order of submission."""

    def __init__(self, sandboxes: Sequence[Sandbox], evaluation: Evaluation) -> None:
        self._evaluation = evaluation
        self._sandboxes = list(sandboxes)
        self._waiting: deque[Fit] = deque()
        self._running: dict[int, tuple[Fit, threading.Event]] = {}
        self._changed = threading.Condition()
        self._results: queue.SimpleQueue[Scored | BaseException] = queue.SimpleQueue()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, args=(i,), daemon=True, name=f"fit-worker-{i}")
            for i in range(len(self._sandboxes))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def workers(self) -> int:
        """How many fits run side by side."""
        return len(self._sandboxes)

    def submit(self, fit: Fit) -> None:
        """Queue a fit."""
        with self._changed:
            self._waiting.append(fit)
            self._changed.notify()

    def next_result(self, timeout: float) -> Scored | None:
        """Wait for the next finished fit; see `Executor.next_result`."""
        try:
            result = self._results.get(timeout=min(timeout, threading.TIMEOUT_MAX))
        except queue.Empty:
            return None
        if isinstance(result, BaseException):
            raise result
        return result

    def drop(self, trial: int) -> int:
        """Forget the queued fits of a trial and cancel its running ones; see `Executor.drop`."""
        with self._changed:
            kept = deque(fit for fit in self._waiting if fit.trial.number != trial)
            forgotten, self._waiting = len(self._waiting) - len(kept), kept
            self._cancel(trial)
        return forgotten

    def close(self) -> None:
        """Cancel everything and stop; the sandboxes stay the caller's."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._cancel(None)
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _cancel(self, trial: int | None) -> None:
        # under the lock, so that no worker can have gone on to another trial's fit
        for index, (fit, cancelled) in self._running.items():
            if trial in (None, fit.trial.number):
                cancelled.set()
                self._sandboxes[index].cancel()

    def _work(self, index: int) -> None:
        sandbox, evaluation = self._sandboxes[index], self._evaluation
        while True:
            cancelled = threading.Event()
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                fit = self._waiting.popleft()
                self._running[index] = (fit, cancelled)
            try:
                outcome = sandbox.run(evaluation.call(fit), evaluation.limits, cancelled)
                scored: Scored | BaseException = evaluation.judge(fit, outcome)
            except BaseException as error:  # handed to the thread that asks for results
                scored = error
            with self._changed:
                del self._running[index]
            self._results.put(scored)
