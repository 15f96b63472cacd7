"""Proving generated code by running it in the sandbox, cheapest checks first."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ConfigSpace import Configuration, ConfigurationSpace
from ConfigSpace.hyperparameters import (
    CategoricalHyperparameter,
    Constant,
    IntegerHyperparameter,
    OrdinalHyperparameter,
)
from numpy.typing import NDArray

from automl_agent.codegen.components import Component, plain_config
from automl_agent.codegen.feedback import Failure, Stage, failure_from, with_lines
from automl_agent.codegen.static_checks import imported_modules
from automl_agent.data.splits import Fold
from automl_agent.sandbox.base import Limits, Outcome, Sandbox
from automl_agent.sandbox.calls import fit_call, predict_call, scenario_call, space_call
from automl_agent.tasks.base import Task

SPACE_SAMPLES = 100
SAMPLED_FITS = 2
SAMPLE_ROWS = 400
LARGE_SAMPLE_ROWS = 4_000
PREDICTED_ROWS = 100
MAX_NAMES = 300
TOLERANCE = 1e-6
PLAIN = (str, int, float, np.generic, type(None))  # bool is an int
EXPECTED_SPACE = (
    "a space of ConfigSpace 1.2 with valid default and sampled configurations: defaults inside "
    "their ranges, log ranges above 0, few or no forbidden clauses, values that are numbers, "
    "strings or booleans (a structure is spelled as a string that train() takes apart)."
)
EXPECTED_SCENARIO = (
    "get_scenario(configspace) returns smac.Scenario(configspace, n_trials=..., ...) of SMAC 2."
)
EXPECTED_PICKLE = (
    "an estimator that survives cloudpickle and needs nothing but itself and the libraries to "
    "predict: no files, locks, generators or global variables that change."
)
SCENARIO_FIELDS = (
    "n_trials",
    "walltime_limit",
    "trial_walltime_limit",
    "trial_memory_limit",
    "min_budget",
    "max_budget",
)


@dataclass(frozen=True)
class ValidSpace:
    """A configuration space that passed.

    Attributes:
        space: rebuilt by us from its serialised form.
        serialised: that form.
        initial: configurations to try first, complete and valid, the default one first.
    """

    space: ConfigurationSpace
    serialised: Mapping[str, Any]
    initial: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class ValidTrain:
    """A training function that passed.

    Attributes:
        fit_seconds: estimated seconds of one fit of the default configuration on a fold.
    """

    fit_seconds: float


@dataclass(frozen=True)
class ValidScenario:
    """A scenario that passed: those of its fields that a run may take over."""

    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Validator:
    """Checks the components of one run.

    Args:
        sandbox: a worker with the training part's table.
        task: what is predicted.
        y: labels of the training part, `(N,)`.
        n_classes: number of classes, 0 for regression.
        fold: a division of the training part; samples are drawn from its rows.
        n_folds: folds of a full trial.
        limits: of one call.
        trial_seconds: what a full trial of the default configuration may take, None if unbounded.
        workers: fits that will run side by side.
        seed: of the samples drawn.
    """

    sandbox: Sandbox
    task: Task
    y: NDArray[np.generic] = field(repr=False)
    n_classes: int
    fold: Fold = field(repr=False)
    n_folds: int
    limits: Limits
    trial_seconds: float | None
    workers: int
    seed: int

    # ----------------------------------------------------------------------- config_space.py

    def check_space(self, source: str) -> ValidSpace | Failure:
        """Run config_space.py and look at the space that it makes."""
        self.sandbox.preload(imported_modules(source))
        outcome = self.sandbox.run(space_call(source), self.limits)
        if not outcome.ok:
            stage = Stage.SPACE if outcome.stage == "sample" else Stage.EXECUTION
            return failure_from(outcome, stage, expected=EXPECTED_SPACE)
        try:
            serialised, given = outcome.value["space"], list(outcome.value["initial"])
            # rebuilding takes the dict apart
            space = ConfigurationSpace.from_serialized_dict(deepcopy(serialised))
            if not len(space):
                return Failure(
                    Stage.SPACE, "The space has no hyperparameters.", "at least one of them."
                )
            problem = _values_problem(space)
            if problem is None:
                space.get_default_configuration().check_valid_configuration()
                space.seed(self.seed)
                for sample in space.sample_configuration(SPACE_SAMPLES):
                    sample.check_valid_configuration()
                if ConfigurationSpace.from_serialized_dict(space.to_serialized_dict()) != space:
                    problem = "it is not the same after a round trip through JSON"
        except Exception as error:  # whatever ConfigSpace says of what generated code gave it
            problem = f"{type(error).__name__}: {error}"
        if problem is not None:
            return Failure(
                Stage.SPACE,
                f"The space cannot be used: {problem}",
                EXPECTED_SPACE,
            )
        return self._with_initial(space, serialised, given)

    def _with_initial(
        self, space: ConfigurationSpace, serialised: Mapping[str, Any], given: list[dict[str, Any]]
    ) -> ValidSpace | Failure:
        complete: list[Mapping[str, Any]] = [_typed(space.get_default_configuration())]
        for number, values in enumerate(given, 1):
            try:
                complete.append(_typed(Configuration(space, values=values)))
            except Exception as error:  # as above
                return Failure(
                    Stage.SPACE,
                    f"get_initial_configurations() gives, as number {number}, {values}, which the "
                    f"space does not allow: {type(error).__name__}: {error}",
                    "configurations that name every active hyperparameter of the space with a "
                    "value in its range, and no inactive one.",
                )
        return ValidSpace(space, serialised, tuple(_distinct(complete)))

    # ------------------------------------------------------------------------------ train.py

    def check_train(self, source: str, space: ValidSpace) -> ValidTrain | Failure:
        """Fit small samples of the training part, and look at what comes out."""
        self.sandbox.preload(imported_modules(source))
        sampled = space.space.sample_configuration(SAMPLED_FITS)
        configs = [space.initial[0], *(_typed(config) for config in sampled)]
        read: set[str] = set()
        first: Outcome | None = None
        for config in configs:
            outcome = self._fit(source, config, SAMPLE_ROWS)
            failure = self._check_fit(outcome, config)
            if failure is not None:
                return failure
            read.update(map(str, outcome.value["read"]))
            first = first or outcome
        assert first is not None
        return (
            _check_names_read(read, configs, space.space)
            # first, since a random prediction would also look like one that pickling changes
            or self._check_repeatable(source, configs[0], first)
            or self._check_pickled(source, first)
            or self._check_time(source, configs[0], first)
        )

    def _sample(self, n_rows: int) -> NDArray[np.int64]:
        """Training rows: every class once, the rest at random."""
        rng = np.random.default_rng(self.seed)
        rows = rng.permutation(self.fold.train)
        if self.n_classes:
            _, firsts = np.unique(self.y[rows], return_index=True)
            others = np.setdiff1d(np.arange(len(rows)), firsts)
            rows = np.concatenate([rows[firsts], rows[others]])
            n_rows = max(n_rows, 3 * self.n_classes)
        return np.sort(rows[:n_rows])

    def _fit(self, source: str, config: Mapping[str, Any], n_rows: int) -> Outcome:
        rows = self._sample(n_rows)
        call = fit_call(
            source,
            config,
            task=self.task.name,
            train_rows=rows,
            labels=self.y[rows],
            predict_rows=self.fold.validation[:PREDICTED_ROWS],
            seed=self.seed,
            budget=None,
            want_model=True,
        )
        return self.sandbox.run(call, self.limits)

    def _check_fit(self, outcome: Outcome, config: Mapping[str, Any]) -> Failure | None:
        context = f"The configuration was {dict(config)}."
        if not outcome.ok:
            stage = {"predict": Stage.PREDICTION, "pickle": Stage.PICKLE}.get(
                outcome.stage, Stage.FIT
            )
            expected = {
                Stage.PREDICTION: self._expected_prediction(),
                Stage.PICKLE: EXPECTED_PICKLE,
            }.get(stage, _expected_names(outcome, config))
            return failure_from(outcome, stage, expected=expected, context=context)
        n_rows = len(self.fold.validation[:PREDICTED_ROWS])
        try:
            prediction = outcome.prediction(n_rows)
            problem = self.task.check_prediction(prediction, n_rows, self.n_classes)
            if len(outcome.blobs) != 2 or not isinstance(outcome.value.get("read"), list):
                problem = "the process answered something unreadable"
        except (ValueError, IndexError) as error:
            problem = str(error)
        if problem is None:
            return None
        return Failure(Stage.PREDICTION, problem, self._expected_prediction(), context=context)

    def _expected_prediction(self) -> str:
        if self.n_classes:
            return (
                f"predict_proba(X) of shape (n_rows, {self.n_classes}): finite, not negative, each "
                "row summing to 1, one column per class code in order."
            )
        return "predict(X) of shape (n_rows,): finite numbers."

    def _check_repeatable(
        self, source: str, config: Mapping[str, Any], first: Outcome
    ) -> Failure | None:
        again = self._fit(source, config, SAMPLE_ROWS)
        if not again.ok:
            return failure_from(again, Stage.REPEAT, expected="the same result as the first time.")
        if not _same(first, again):
            return Failure(
                Stage.REPEAT,
                "Two fits with the same rows, configuration and seed predict differently.",
                "the same predictions: every source of randomness (random_state=seed, "
                "np.random.default_rng(seed), ...) takes the seed that train() is given, and "
                "predicting uses none.",
            )
        return None

    def _check_pickled(self, source: str, first: Outcome) -> Failure | None:
        rows = self.fold.validation[:PREDICTED_ROWS]
        call = predict_call(first.blobs[1], rows, task=self.task.name)
        loaded = self.sandbox.run(call, self.limits)
        if not loaded.ok:
            loaded = with_lines(loaded, Component.TRAIN.filename, source)
            return failure_from(loaded, Stage.PICKLE, expected=EXPECTED_PICKLE)
        if not _same(first, loaded):
            return Failure(
                Stage.PICKLE,
                "Pickled and loaded in a fresh process, the estimator predicts differently than "
                "before.",
                EXPECTED_PICKLE,
            )
        return None

    def _check_time(
        self, source: str, config: Mapping[str, Any], first: Outcome
    ) -> ValidTrain | Failure:
        """Extrapolate, linearly in the rows, from the small sample and a larger one."""
        full, small = len(self.fold.train), len(self._sample(SAMPLE_ROWS))
        large = min(full, LARGE_SAMPLE_ROWS)
        seconds = first.seconds
        if large > 2 * small:
            outcome = self._fit(source, config, large)
            failure = self._check_fit(outcome, config)
            if failure is not None:
                return failure
            per_row = max(outcome.seconds - first.seconds, 0.0) / (large - small)
            seconds = outcome.seconds + per_row * (full - large)
        trial = seconds * self.n_folds / min(self.workers, self.n_folds)
        if self.trial_seconds is not None and trial > self.trial_seconds:
            return Failure(
                Stage.TIME,
                f"One trial of the default configuration would take about {trial:.0f} s: "
                f"{self.n_folds} fits of about {seconds:.0f} s on {full} rows.",
                f"at most {self.trial_seconds:.0f} s a trial: a cheaper model or fewer iterations.",
            )
        return ValidTrain(seconds)

    # --------------------------------------------------------------------------- scenario.py

    def check_scenario(self, source: str, space: ValidSpace) -> ValidScenario | Failure:
        """Run scenario.py and take over what it may decide."""
        self.sandbox.preload(imported_modules(source))
        outcome = self.sandbox.run(scenario_call(source, space.serialised), self.limits)
        if not outcome.ok:
            return failure_from(outcome, Stage.EXECUTION, expected=EXPECTED_SCENARIO)
        fields = outcome.value.get("fields")
        fields = fields if isinstance(fields, dict) else {}
        n_trials = fields.get("n_trials")
        if type(n_trials) is not int or n_trials < 1:
            return Failure(
                Stage.SCENARIO, f"n_trials is {n_trials!r}.", "a whole number of at least 1."
            )
        return ValidScenario({name: fields.get(name) for name in SCENARIO_FIELDS})


def _values_problem(space: ConfigurationSpace) -> str | None:
    """What is wrong with the values of a rebuilt space, in words."""
    for name, parameter in space.items():
        match parameter:
            case CategoricalHyperparameter():
                values = list(parameter.choices)
            case OrdinalHyperparameter():
                values = list(parameter.sequence)
            case Constant():
                values = [parameter.value]
            case _:
                continue
        for value in values:
            if not isinstance(value, PLAIN):
                return f"{name} has the value {value!r} (a {type(value).__name__})"
    return None


def _typed(config: Configuration) -> dict[str, Any]:
    """A configuration as `train` gets it, with whole numbers as int even where 3.0 was given."""
    return {
        name: int(value) if isinstance(config.config_space[name], IntegerHyperparameter) else value
        for name, value in plain_config(config).items()
    }


def _distinct(configs: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    kept: list[Mapping[str, Any]] = []
    for config in configs:
        if config not in kept:
            kept.append(config)
    return kept


def _same(one: Outcome, other: Outcome) -> bool:
    if one.value.get("shape") != other.value.get("shape"):
        return False
    try:
        a, b = one.prediction(0), other.prediction(0)
    except ValueError:
        return False
    return bool(np.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE))


def _expected_names(outcome: Outcome, config: Mapping[str, Any]) -> str:
    """What to do about a name that the configuration lacks."""
    error = outcome.error
    if error is None or error.type != "KeyError" or error.message.strip("'\"") in config:
        return ""
    return (
        f"names that the configuration has, here {', '.join(config)}; inactive hyperparameters are "
        "absent: look at what they depend on first, or use config.get()."
    )


def _check_names_read(
    read: set[str], configs: list[Mapping[str, Any]], space: ConfigurationSpace
) -> Failure | None:
    tried = {name for config in configs for name in config}
    ignored = sorted(tried - read)
    if not ignored:
        return None
    problem = f"train() never reads {', '.join(ignored)} from its configuration."
    if unknown := sorted(read - set(space)):
        problem += f" It reads {', '.join(unknown)[:MAX_NAMES]}, which the space does not have."
    return Failure(
        Stage.CONFIG,
        problem,
        f"every hyperparameter of the space has an effect: {', '.join(space)}.",
    )
