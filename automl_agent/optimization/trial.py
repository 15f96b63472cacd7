"""The records of the search: trials, their fits, and how both ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Origin(StrEnum):
    """How a configuration came about."""

    DEFAULT = "default"  # the library's own
    INITIAL = "initial design"  # suggested by the generated code, or drawn from a Sobol sequence
    MODEL = "model-based"  # proposed by the surrogate
    RANDOM = "random"  # interleaved by SMAC, so that no region is forgotten


class Status(StrEnum):
    """How a fit or a trial ended."""

    SUCCESS = "success"
    CRASHED = "crashed"
    TIMEOUT = "timeout"
    MEMORY_OUT = "memory-out"
    CANCELLED = "cancelled"  # the run's time was over


@dataclass(frozen=True)
class Trial:
    """One configuration that SMAC asked for. Trials are numbered from 1 in the order of asking."""

    number: int
    config: Mapping[str, Any]
    origin: Origin
    budget: float | None = None


@dataclass(frozen=True)
class Fit:
    """One training of a trial's configuration: on the training rows of one fold."""

    trial: Trial
    fold: int


@dataclass(frozen=True)
class FitResult:
    """How one fit ended.

    Attributes:
        cost: what the optimizer minimises, None unless the status is success.
        reason: one line in words when it failed.
        seconds: wall time, process start and clean-up included.
        fit_seconds: time inside `train`.
        predict_seconds: time inside the estimator's prediction of the fold.
    """

    trial: int
    fold: int
    status: Status
    cost: float | None
    reason: str
    seconds: float
    fit_seconds: float = 0.0
    predict_seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


@dataclass(frozen=True)
class TrialResult:
    """How a trial ended.

    Attributes:
        cost: mean cost over its folds, None unless the status is success.
        score: the same in the metric's natural units and direction.
        fold_costs: cost of each fold, in the order of the folds.
        seconds: sum of the wall times of its fits.
        finished_at: seconds since the search began.
    """

    trial: int
    status: Status
    cost: float | None
    score: float | None
    fold_costs: tuple[float, ...]
    reason: str
    seconds: float
    finished_at: float

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


@dataclass(frozen=True)
class Incumbent:
    """The best trial so far, at the moment it became that."""

    trial: int
    cost: float
    score: float
    finished_at: float
    origin: Origin
    config: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)
