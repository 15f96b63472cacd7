"""The workers of one run: as many as fits run side by side, all on the same table."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from automl_agent.sandbox.base import Tier
from automl_agent.sandbox.process import WorkerProcess


class WorkerPool:
    """Warm workers; use it as a context manager, which starts and in the end kills them.

    Args:
        tier: how the workers are contained.
        n_workers: how many there are.
        folder: holds the table in `data`, and gets a scratch folder for each worker.
    """

    def __init__(self, tier: Tier, n_workers: int, folder: Path) -> None:
        self.tier = tier
        self.workers = tuple(
            WorkerProcess(tier, data=folder / "data", scratch=folder / f"worker-{number}")
            for number in range(n_workers)
        )

    def __enter__(self) -> WorkerPool:
        for worker in self.workers:
            worker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for worker in self.workers:
            worker.close()

    def preload(self, modules: tuple[str, ...]) -> None:
        """Import library modules in every worker."""
        for worker in self.workers:
            worker.preload(modules)
