"""What the user asks of a tuning run, and who decides what the user leaves open.

What the user set wins; where the user is silent the generated scenario decides, clipped to sane
caps; else our default. Every decision keeps its origin.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from automl_agent.environment import available_memory, cores
from automl_agent.exceptions import InputError

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_MODEL = "lgbm"
DEFAULT_TRIALS = 50
MAX_MODEL_TRIALS = 500
MIN_MODEL_SECONDS = 30.0
MAX_MODEL_SECONDS = 3600.0
DEFAULT_FOLDS = 5
HOLDOUT_ABOVE_ROWS = 50_000
DEFAULT_FIT_SECONDS = 600.0
MAX_SEED = 2**32 - 1
MAX_SECONDS = 2_000_000  # 23 days; waiting for longer overflows the system's counters
MAX_WORKERS = 512  # a slip of the finger must not start thousands of processes
THREADED_CELLS = 100_000
MEMORY_SHARE = 0.8
MIN_MEMORY = 1024**3


class SettingError(InputError):
    """A setting has an unusable value; the message begins with the setting's name.

    Args:
        message: what is wrong.
        hint: what is possible.
        setting: the field of `TuneSettings`.
    """

    def __init__(self, message: str, hint: str = "", setting: str = "") -> None:
        super().__init__(message, hint)
        self.setting = setting


def _whole(least: int, most: int | None = None) -> Callable[[str, Any], int]:
    """A check for whole numbers, of any integer type, in a range."""
    span = f"of at least {least}" if most is None else f"from {least} to {most:,}"

    def check(name: str, value: Any) -> int:
        try:
            number = None if isinstance(value, bool) else index(value)
        except TypeError:
            number = None
        if number is None or number < least or (most is not None and number > most):
            raise SettingError(f"{name} is {value!r}", f"it must be a whole number {span}", name)
        return number

    return check


def _seconds(name: str, value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not 0 < seconds <= MAX_SECONDS:
        raise SettingError(
            f"{name} is {value!r}", f"it must be seconds, above 0 and up to {MAX_SECONDS:,}", name
        )
    return seconds


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "trials": _whole(1),
    "time": _seconds,
    "seed": _whole(0, MAX_SEED),
    "workers": _whole(1, MAX_WORKERS),
    "folds": _whole(1),
    "retries": _whole(0),
    "generation_time": _seconds,
}


@dataclass(frozen=True)
class TuneSettings:
    """What the user asks for. None leaves a decision to the generated scenario or to us.

    Attributes:
        dataset: a file, folder, link, bundled or OpenML name, or a DataFrame; see `read_source`.
        target: name of the target column.
        task: "classification" or "regression".
        test_data: a file, link or DataFrame with the test rows.
        model: model family to tune; None is lgbm, or whatever `code` tunes.
        llm: backend that writes the code.
        code: folder with config_space.py, train.py and scenario.py, in place of a backend.
        trials: configurations to try.
        time: seconds for search, refit and report together.
        seed: of everything random.
        metric: what is optimised.
        workers: fits that run side by side.
        folds: folds of cross-validation, 1 for a holdout.
        retries: repairs per generated component.
        generation_time: seconds for writing and proving the code.
        sandbox: tier of containment, or "auto".
        logs: where run directories go.
        name: of the run.
    """

    dataset: str | Path | pd.DataFrame
    target: str | None = None
    task: str | None = None
    test_data: str | Path | pd.DataFrame | None = None
    model: str | None = None
    llm: str = "offline"
    code: Path | None = None
    trials: int | None = None
    time: float | None = None
    seed: int | None = None
    metric: str | None = None
    workers: int | None = None
    folds: int | None = None
    retries: int = 5
    generation_time: float = 600.0
    sandbox: str = "auto"
    logs: Path = Path("logs")
    name: str | None = None

    def __post_init__(self) -> None:
        fields = self.__dataclass_fields__
        for name, check in _CHECKS.items():
            value = getattr(self, name)
            if value is not None or fields[name].default is not None:
                object.__setattr__(self, name, check(name, value))
        for name in ("metric", "model", "target", "name", "llm", "sandbox"):
            value = getattr(self, name)
            if isinstance(value, list | dict | set) or hasattr(value, "dtype"):
                raise SettingError(f"{name} is a {type(value).__name__}", "give a name", name)
        object.__setattr__(self, "name", None if self.name is None else str(self.name))
        object.__setattr__(self, "logs", Path(self.logs or "logs").expanduser())

    @property
    def model_name(self) -> str:
        """The model family, or the name of the folder with the user's own code."""
        if self.model is None and self.code is not None:
            return self.code.absolute().name
        return self.model or DEFAULT_MODEL

    def asked(self) -> dict[str, Any]:
        """JSON form of what the user asked for; a DataFrame is named by its shape."""
        return {name: _json(getattr(self, name)) for name in self.__dataclass_fields__}


def _json(value: Any) -> Any:
    if hasattr(value, "columns"):
        rows, columns = value.shape
        return f"DataFrame {rows} × {columns}"
    return str(value) if isinstance(value, Path) else value


Source = Literal["user", "model", "default"]


@dataclass(frozen=True)
class Decision:
    """A value, and who decided it."""

    value: Any
    origin: Source

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"value": self.value, "origin": self.origin}


@dataclass(frozen=True)
class Resources:
    """What fits may use, decided before the code is written."""

    workers: Decision
    threads: int
    memory_bytes: int | None
    seed: Decision


def decide_seed(settings: TuneSettings) -> Decision:
    """The seed of everything random."""
    return _first(settings.seed, 0)


def decide_resources(settings: TuneSettings, cells: int) -> Resources:
    """Workers, threads and memory per fit.

    Args:
        settings: what the user asks for.
        cells: rows × columns of the training part; with few, threads wait more than they work.
    """
    available, memory = cores(), available_memory()
    workers = _first(settings.workers, available)
    return Resources(
        workers=workers,
        threads=max(1, available // workers.value) if cells >= THREADED_CELLS else 1,
        memory_bytes=None
        if memory is None
        else max(int(memory * MEMORY_SHARE) // workers.value, MIN_MEMORY),
        seed=decide_seed(settings),
    )


def decide_folds(settings: TuneSettings, n_rows: int) -> Decision:
    """Folds for a training part of `n_rows`: large data get a holdout."""
    return _first(settings.folds, DEFAULT_FOLDS if n_rows <= HOLDOUT_ABOVE_ROWS else 1)


@dataclass(frozen=True)
class Budget:
    """How long to search.

    Attributes:
        trials: configurations to try, None for no bound.
        time: seconds for search, refit and report, None for no bound.
        fit_seconds: longest a single fit may take.
    """

    trials: Decision
    time: Decision
    fit_seconds: Decision

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {name: decision.to_dict() for name, decision in vars(self).items()}


def decide_budget(settings: TuneSettings, scenario: Mapping[str, Any], n_folds: int) -> Budget:
    """Trials and time: the user's; if the user gave neither, the generated scenario's, clipped.

    What is no positive, finite number in the scenario counts as not given. A user who
    gave one of the two wants no other bound, so the scenario is asked for neither.
    """
    if settings.trials is not None or settings.time is not None:
        trials, time = _first(settings.trials, None), _first(settings.time, None)
    else:
        n_trials, seconds = _positive(scenario, "n_trials"), _positive(scenario, "walltime_limit")
        trials = (
            Decision(DEFAULT_TRIALS, "default")
            if n_trials is None
            else Decision(max(1, int(min(n_trials, MAX_MODEL_TRIALS))), "model")
        )
        time = (
            Decision(None, "default")
            if seconds is None
            else Decision(min(max(seconds, MIN_MODEL_SECONDS), MAX_MODEL_SECONDS), "model")
        )
    return Budget(trials, time, _fit_seconds(scenario, time.value, n_folds))


def _fit_seconds(scenario: Mapping[str, Any], time: float | None, n_folds: int) -> Decision:
    longest = DEFAULT_FIT_SECONDS if time is None else time
    limit = _positive(scenario, "trial_walltime_limit")
    if limit is not None and limit / n_folds < longest:
        return Decision(max(limit / n_folds, 1.0), "model")
    # a single configuration must not eat the whole time
    return Decision(longest if time is None else max(time / 4, 5.0), "default")


def _first(asked: Any, default: Any) -> Decision:
    return Decision(default, "default") if asked is None else Decision(asked, "user")


def _positive(scenario: Mapping[str, Any], name: str) -> float | None:
    """A positive, finite number; None for anything else."""
    value = scenario.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value <= sys.float_info.max else None
