"""What finished trials leave behind: out-of-fold predictions, and models of the best."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from automl_agent.exceptions import RunDirectoryError
from automl_agent.json_lines import unwritable, write_bytes
from automl_agent.run_directory import RunDirectory

KEPT_TRIALS = 20
KEPT_BYTES = 2 * 1024**3


class TrialStore:
    """Keeps predictions of every finished trial and the fold models of the best ones.

    Models of the first trial, the default configuration, are kept whatever its cost: the final
    report compares with it.

    Args:
        predictions: folder of `trial_0001.npy` files.
        models: folder of `trial_0001/fold_0.bin` files.
    """

    def __init__(self, predictions: Path, models: Path) -> None:
        self._predictions = predictions
        self._models = models
        self._kept: dict[int, tuple[float, int]] = {}  # cost and bytes, in the order of ending

    @classmethod
    def of(cls, run: RunDirectory) -> TrialStore:
        """The store of a run."""
        return cls(run / "predictions", run / "models")

    def keep(
        self, trial: int, cost: float, prediction: NDArray[np.float64], models: list[bytes]
    ) -> None:
        """Store a finished trial.

        Args:
            trial: its number.
            cost: its cost; the best `KEPT_TRIALS` keep their models.
            prediction: `(N, K)` or `(N,)` out-of-fold predictions, NaN where no fold predicts.
            models: the fitted estimators of its folds, as opaque bytes.

        Raises:
            RunDirectoryError: it cannot be written.
        """
        buffer = io.BytesIO()
        np.save(buffer, prediction, allow_pickle=False)
        write_bytes(self._predictions / f"trial_{trial:04d}.npy", buffer.getvalue())
        size = sum(map(len, models))
        for fold, model in enumerate(models):
            write_bytes(self._folder(trial) / f"fold_{fold}.bin", model)
        self._kept[trial] = (cost, size)
        self._forget_the_worst()

    def prediction(self, trial: int) -> NDArray[np.float64]:
        """Out-of-fold predictions of a trial."""
        path = self._predictions / f"trial_{trial:04d}.npy"
        try:
            array = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise RunDirectoryError(f"cannot read {path}: {error}") from error
        return np.asarray(array, dtype=np.float64)

    def models(self, trial: int) -> list[bytes]:
        """Fold models of a trial; empty if they were not kept."""
        files = sorted(self._folder(trial).glob("fold_*.bin"), key=lambda p: (len(p.name), p.name))
        try:
            return [file.read_bytes() for file in files]
        except OSError as error:
            raise unwritable(self._folder(trial), error) from error

    def _folder(self, trial: int) -> Path:
        return self._models / f"trial_{trial:04d}"

    def _forget_the_worst(self) -> None:
        def total() -> int:
            return sum(size for _, size in self._kept.values())

        while len(self._kept) > KEPT_TRIALS or total() > KEPT_BYTES:
            # stable: of equal costs the trial that ended first is the incumbent
            ranked = sorted(self._kept, key=lambda trial: self._kept[trial][0])
            expendable = [trial for trial in ranked[1:] if trial != 1]
            if not expendable:
                return
            del self._kept[expendable[-1]]
            shutil.rmtree(self._folder(expendable[-1]), ignore_errors=True)
