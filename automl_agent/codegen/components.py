"""The three modules that a language model (or you) writes, and what each must provide.

    # config_space.py
    def get_configspace() -> ConfigurationSpace: ...
    def get_initial_configurations() -> list[dict]: ...    # optional: worth trying first

    # train.py
    def train(config: dict, X, y, *, seed: int, budget: float | None) -> estimator: ...

    # scenario.py
    def get_scenario(configspace: ConfigurationSpace) -> Scenario: ...

`config` holds plain Python values, without inactive hyperparameters. `X` is a DataFrame of float64,
category, str and datetime64[ns] columns; `y` holds int64 class codes 0..K-1, or float64 values. The
estimator has `predict(X)` and, for classification, `predict_proba(X)` with K columns; it survives
cloudpickle. The first initial configuration is the library's default. Of the scenario, n_trials,
walltime_limit and trial_walltime_limit count, where the user is silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Component(StrEnum):
    """A generated module, in the order of generation."""

    CONFIG_SPACE = "config_space"
    TRAIN = "train"
    SCENARIO = "scenario"

    @property
    def filename(self) -> str:
        """The module's file."""
        return f"{self.value}.py"

    @property
    def contract(self) -> Contract:
        """What the module must provide."""
        return _CONTRACTS[self]


@dataclass(frozen=True)
class Signature:
    """A function that a module must define.

    Attributes:
        name: the function's name.
        positional: names of its positional parameters, in order.
        keyword: names of its keyword-only parameters.
        returns: what it returns, as shown in prompts.
        optional: whether the module may go without it.
    """

    name: str
    positional: tuple[str, ...] = ()
    keyword: tuple[str, ...] = ()
    returns: str = ""
    optional: bool = False

    def __str__(self) -> str:
        star = ("*",) if self.keyword else ()
        parameters = ", ".join((*self.positional, *star, *self.keyword))
        return f"def {self.name}({parameters}) -> {self.returns}"


@dataclass(frozen=True)
class Contract:
    """What a generated module must provide."""

    signatures: tuple[Signature, ...]

    @property
    def required(self) -> tuple[Signature, ...]:
        """The functions that must be there."""
        return tuple(s for s in self.signatures if not s.optional)


_CONTRACTS = {
    Component.CONFIG_SPACE: Contract(
        (
            Signature("get_configspace", returns="ConfigurationSpace"),
            Signature("get_initial_configurations", returns="list[dict]", optional=True),
        )
    ),
    Component.TRAIN: Contract(
        (
            Signature(
                "train",
                positional=("config", "X", "y"),
                keyword=("seed", "budget"),
                returns="estimator",
            ),
        )
    ),
    Component.SCENARIO: Contract(
        (Signature("get_scenario", positional=("configspace",), returns="Scenario"),)
    ),
}


@dataclass(frozen=True)
class GeneratedCode:
    """The sources of the three modules."""

    config_space: str
    train: str
    scenario: str

    def __getitem__(self, component: Component) -> str:
        return {
            Component.CONFIG_SPACE: self.config_space,
            Component.TRAIN: self.train,
            Component.SCENARIO: self.scenario,
        }[component]


def plain_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration as `train` gets it: active hyperparameters only, plain Python values."""
    return {
        name: value.item() if hasattr(value, "item") else value for name, value in config.items()
    }
