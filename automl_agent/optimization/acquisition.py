"""Maximising SMAC's acquisition function with arrays instead of objects.

SMAC's own local search makes a Python object of every neighbour it looks at, some 5,000 per ask,
which takes 0.3 s; and where its starting points tie, their order comes from hashes, so that two
processes with the same seed differ. This one climbs from the same kinds of starting points (the
best of many random candidates, and the best trials so far) with all neighbours of a step in one
matrix, and every draw comes from one seeded generator.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ConfigSpace import Configuration, ConfigurationSpace
from ConfigSpace.hyperparameters import (
    CategoricalHyperparameter,
    IntegerHyperparameter,
    OrdinalHyperparameter,
)
from numpy.typing import NDArray
from smac.acquisition.maximizer.abstract_acquisition_maximizer import AbstractAcquisitionMaximizer
from smac.main.config_selector import ConfigSelector
from smac.main.exceptions import ConfigurationSpaceExhaustedException

Floats = NDArray[np.float64]

RANDOM_CANDIDATES = 2_000
STARTS = 8  # from the random candidates, and as many from the trials so far
NEIGHBOURS = 30  # of each starting point, in each step
STEP_SIZES = (0.2, 0.2, 0.1, 0.1, 0.05, 0.05, 0.02, 0.02)  # in units of a range
RETURNED = 20
MAX_REPEATS = 200
ORIGIN = "Acquisition Function Maximizer: Local Search"


class VectorSpace:
    """A configuration space as matrices of ConfigSpace's vectors, one row per configuration.

    Rows are *latent*: a hyperparameter that a condition switches off keeps a value, so that it has
    one when a step switches it on again. `mask` gives the vectors that ConfigSpace knows.

    Args:
        space: the configuration space.
        rng: source of all random draws.
    """

    def __init__(self, space: ConfigurationSpace, rng: np.random.RandomState) -> None:
        self._space = space
        self._rng = rng
        self._hyperparameters = list(space.values())
        self._unordered = np.array(
            [
                isinstance(h, CategoricalHyperparameter | OrdinalHyperparameter)
                for h in self._hyperparameters
            ]
        )
        self._movable = np.flatnonzero([h.size > 1 for h in self._hyperparameters])
        self._forbidden = [
            *space._dag.unconditional_forbiddens,
            *space._dag.conditional_forbiddens,
        ]

    def sample(self, n: int) -> Floats:
        """Latent vectors `(n, D)` drawn from the hyperparameters' distributions."""
        columns = [h._vector_dist.sample_vector(n, seed=self._rng) for h in self._hyperparameters]
        return np.stack(columns, axis=1)

    def mask(self, latent: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """ConfigSpace's vectors `(n, D)`, NaN where inactive, and which of them are allowed."""
        by_column = latent.T.copy()
        for node in self._space._dag.minimum_conditions:
            satisfied = node.condition.satisfied_by_vector_array(by_column)
            by_column[np.ix_(node.children_indices, ~satisfied)] = np.nan
        allowed = np.ones(len(latent), dtype=np.bool_)
        for clause in self._forbidden:
            allowed &= ~clause.is_forbidden_vector_array(by_column)
        return by_column.T, allowed

    def unmask(self, vectors: Floats) -> Floats:
        """Latent vectors of configurations: inactive hyperparameters get a random value."""
        return np.where(np.isnan(vectors), self.sample(len(vectors)), vectors)

    def neighbours(self, latent: Floats, n: int, step: float) -> Floats:
        """`n` neighbours of every row, `(len(latent) * n, D)`; each differs in one or two places.

        Numbers move by a normal step within their range, categories are drawn anew.
        """
        found = np.repeat(latent, n, axis=0)
        if not len(self._movable):
            return found
        rows = np.arange(len(found))
        anew = self.sample(len(found))
        first = self._rng.choice(self._movable, size=len(found))
        second = self._rng.choice(self._movable, size=len(found))
        moved_twice = self._rng.rand(len(found)) < 0.5
        for places, chosen in ((first, rows), (second[moved_twice], rows[moved_twice])):
            moved = found[chosen, places] + self._rng.normal(0.0, step, size=len(chosen))
            found[chosen, places] = np.where(
                self._unordered[places], anew[chosen, places], np.clip(moved, 0.0, 1.0)
            )
        for column, hyperparameter in enumerate(self._hyperparameters):
            if isinstance(hyperparameter, IntegerHyperparameter):
                whole = hyperparameter.to_value(found[:, column])
                found[:, column] = hyperparameter.to_vector(whole)
        return found


class VectorLocalSearch(AbstractAcquisitionMaximizer):
    """Local search on the acquisition function, all starting points and neighbours at once."""

    def _maximize(
        self,
        previous_configs: list[Configuration],
        n_points: int,  # noqa: ARG002 (SMAC's signature)
    ) -> list[tuple[float, Configuration]]:
        space = VectorSpace(self._configspace, self._rng)
        candidates = space.sample(RANDOM_CANDIDATES)
        values = self._values(space, candidates)
        best = np.argsort(-values, kind="stable")[:STARTS]
        points = np.concatenate([candidates[best], self._best_trials(space, previous_configs)])
        heights = self._values(space, points)
        for step in STEP_SIZES:
            around = space.neighbours(points, NEIGHBOURS, step)
            values_around = self._values(space, around).reshape(len(points), NEIGHBOURS)
            winner = values_around.argmax(axis=1)
            rows = np.arange(len(points))
            better = values_around[rows, winner] > heights
            around = around.reshape(len(points), NEIGHBOURS, -1)
            points[better] = around[rows, winner][better]
            heights[better] = values_around[rows, winner][better]
        return self._configurations(
            space, np.concatenate([points, candidates]), np.concatenate([heights, values])
        )

    def _values(self, space: VectorSpace, latent: Floats) -> Floats:
        """Acquisition values `(n,)`; minus infinity where the space forbids the point."""
        assert self._acquisition_function is not None
        vectors, allowed = space.mask(latent)
        values = np.full(len(latent), -np.inf)
        if allowed.any():
            found = self._acquisition_function._compute(vectors[allowed]).reshape(-1)
            values[allowed] = np.where(np.isnan(found), -np.inf, found)
        return values

    def _best_trials(self, space: VectorSpace, trials: list[Configuration]) -> Floats:
        """Latent vectors of the trials that the surrogate thinks best."""
        assert self._acquisition_function is not None
        vectors = np.array([trial.get_array() for trial in trials])
        model = self._acquisition_function.model
        assert model is not None
        means = model.predict_marginalized(vectors.copy())[0].reshape(-1)
        return space.unmask(vectors[np.argsort(means, kind="stable")[:STARTS]])

    def _configurations(
        self, space: VectorSpace, latent: Floats, values: Floats
    ) -> list[tuple[float, Configuration]]:
        """The best points as configurations, best first."""
        order = np.argsort(-values, kind="stable")
        order = order[np.isfinite(values[order])][: 10 * RETURNED]
        vectors, _ = space.mask(latent[order])
        found: list[tuple[float, Configuration]] = []
        seen: set[bytes] = set()
        for vector, value in zip(vectors, values[order], strict=True):
            if vector.tobytes() in seen or len(found) == RETURNED:
                continue
            seen.add(vector.tobytes())
            configuration = Configuration(self._configspace, vector=vector)
            configuration.origin = ORIGIN
            found.append((float(value), configuration))
        return found


class QuickConfigSelector(ConfigSelector):
    """SMAC's selector, predicting all trials at once to find the best instead of one by one.

    While nothing has been told, SMAC's draws at random and never looks whether it has drawn
    the same before: in a space smaller than the number of workers it would go on for ever.
    """

    def __iter__(self) -> Iterator[Configuration]:
        given: set[Configuration] = set()
        repeats = 0
        for configuration in super().__iter__():
            if configuration not in given:
                repeats = 0
                given.add(configuration)
                yield configuration
            else:
                repeats += 1
                if repeats == MAX_REPEATS:
                    raise ConfigurationSpaceExhaustedException

    def _get_x_best(self, X: Floats) -> tuple[Floats, float]:
        assert self._model is not None
        means = self._model.predict_marginalized(X.copy())[0].reshape(-1)
        best = int(means.argmin())
        return X[best], float(means[best])
