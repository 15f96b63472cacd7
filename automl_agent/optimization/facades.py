"""SMAC behind two verbs: ask for a configuration, tell its cost."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
from ConfigSpace import Configuration, ConfigurationSpace
from smac import HyperparameterOptimizationFacade as HPOFacade
from smac import Scenario
from smac.initial_design import AbstractInitialDesign, SobolInitialDesign
from smac.main.exceptions import ConfigurationSpaceExhaustedException
from smac.runhistory.dataclasses import TrialInfo, TrialValue
from smac.runhistory.enumerations import StatusType

from automl_agent.codegen.components import plain_config
from automl_agent.json_lines import unwritable
from automl_agent.optimization.acquisition import QuickConfigSelector, VectorLocalSearch
from automl_agent.optimization.surrogate import random_forest
from automl_agent.optimization.trial import Origin, Status

MAX_INITIAL_DESIGN = 5
UNBOUNDED_TRIALS = 1_000_000

_SMAC_STATUS = {
    Status.SUCCESS: StatusType.SUCCESS,
    Status.CRASHED: StatusType.CRASHED,
    Status.TIMEOUT: StatusType.TIMEOUT,
    Status.MEMORY_OUT: StatusType.MEMORYOUT,
}


class SpaceExhaustedError(Exception):
    """Every configuration of a finite space has been asked for."""


@dataclass(frozen=True)
class Asked:
    """A configuration to try, with SMAC's own handle on it."""

    info: TrialInfo
    config: Mapping[str, Any]
    origin: Origin


class DefaultsFirst(AbstractInitialDesign):
    """The default, the suggested configurations, then a few Sobol points."""

    def __init__(self, scenario: Scenario, first: Sequence[Configuration], n_sobol: int) -> None:
        super().__init__(scenario, n_configs=0, additional_configs=list(first))
        self._sobol = None
        if n_sobol > 0 and len(scenario.configspace) > 0:
            self._sobol = SobolInitialDesign(scenario, n_configs=n_sobol, max_ratio=1.0)

    def _select_configurations(self) -> list[Configuration]:
        raise AssertionError("select_configurations does it all")

    def select_configurations(self) -> list[Configuration]:
        """Defaults first; a point that stands twice comes once."""
        points = list(self._additional_configs)
        if self._sobol is not None:
            points += self._sobol.select_configurations()
        return list(dict.fromkeys(points))


def initial_design_size(dimensions: int, expected_trials: float) -> int:
    """Sobol points to begin with: a tenth of the expected trials, at most 5 or the dimensions."""
    return int(min(dimensions, MAX_INITIAL_DESIGN, expected_trials // 10))


class SmacSearch:
    """SMAC's HPO facade without its runner.

    Args:
        space: the configuration space.
        initial: configurations to try first, in this order; the first one is the default.
        n_sobol: Sobol points after them.
        seed: of the whole search.
        crash_cost: finite cost told for trials that failed.
        folder: where SMAC writes its own files.

    Raises:
        RunDirectoryError: the folder cannot be written.
    """

    def __init__(
        self,
        space: ConfigurationSpace,
        initial: Sequence[Mapping[str, Any]],
        *,
        n_sobol: int,
        seed: int,
        crash_cost: float,
        folder: Path,
    ) -> None:
        self._crash_cost = crash_cost
        with _quiet(), _written_to(folder):
            scenario = Scenario(
                space,
                name="smac",
                output_directory=folder,
                deterministic=True,
                n_trials=UNBOUNDED_TRIALS,
                crash_cost=crash_cost,
                seed=seed,
            )
            first = [Configuration(space, values=dict(values)) for values in initial]
            for position, config in enumerate(first):
                config.origin = "Default" if position == 0 else "Suggested"
            self._facade = HPOFacade(
                scenario,
                None,
                model=random_forest(scenario),
                acquisition_maximizer=VectorLocalSearch(space, seed=seed),
                initial_design=DefaultsFirst(scenario, first, n_sobol),
                config_selector=QuickConfigSelector(scenario, retrain_after=1),
                logging_level=False,
                overwrite=True,
            )

    def ask(self) -> Asked:
        """The next configuration to try.

        Raises:
            SpaceExhaustedError: there is none left.
        """
        with _quiet():
            try:
                info = self._facade.ask()
            except (ConfigurationSpaceExhaustedException, StopIteration) as error:
                raise SpaceExhaustedError from error
        return Asked(info, plain_config(info.config), _origin(info.config.origin))

    def tell(self, asked: Asked, status: Status, cost: float | None, seconds: float) -> None:
        """Tell how a trial ended; a failed one costs `crash_cost`."""
        value = TrialValue(
            cost=self._crash_cost if cost is None else cost,
            time=seconds,
            status=_SMAC_STATUS[status],
        )
        with _quiet():
            self._facade.tell(asked.info, value, save=False)

    def close(self) -> None:
        """Write SMAC's own files."""
        with _quiet(), contextlib.suppress(OSError):  # a full disk; the journal has it all
            self._facade.optimizer.save()


@contextlib.contextmanager
def _written_to(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unwritable(folder, error) from error


def _origin(smac_origin: str | None) -> Origin:
    text = smac_origin or ""
    if text == "Default":
        return Origin.DEFAULT
    if text == "Suggested" or "Sobol" in text:
        return Origin.INITIAL
    if "Local Search" in text or "Sorted" in text:
        return Origin.MODEL
    return Origin.RANDOM


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """One thread, and SMAC's log and warnings kept from the user's terminal."""
    logger = logging.getLogger("smac")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with joblib.parallel_config(backend="sequential"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
