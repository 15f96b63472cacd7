from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ConfigSpace import (
    Categorical,
    Configuration,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    Float,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    Integer,
)

from automl_agent.optimization.acquisition import VectorSpace
from automl_agent.optimization.facades import SmacSearch, SpaceExhaustedError
from automl_agent.optimization.trial import Origin, Status


@pytest.fixture
def space() -> ConfigurationSpace:
    """Numbers, categories, a constant, two levels of conditions and a forbidden pair."""
    space = ConfigurationSpace(seed=1)
    kind = Categorical("kind", ["a", "b", "c"], default="a")
    depth = Integer("depth", (1, 300), log=True, default=3)
    rate = Float("rate", (1e-4, 1.0), log=True, default=0.1)
    mode = Categorical("mode", ["x", "y"], default="x")
    share = Float("share", (0.0, 1.0), default=0.5)
    space.add(kind, depth, rate, mode, share, Constant("fixed", 7))
    space.add(EqualsCondition(mode, kind, "b"), EqualsCondition(share, mode, "y"))
    space.add(
        ForbiddenAndConjunction(ForbiddenEqualsClause(kind, "c"), ForbiddenEqualsClause(depth, 1))
    )
    return space


def test_neighbours_are_legal_configurations(space: ConfigurationSpace) -> None:
    vectors = VectorSpace(space, np.random.RandomState(0))
    latent = vectors.sample(50)
    for step in (0.5, 0.05, 0.001):
        around = vectors.neighbours(latent, 8, step)
        assert around.shape == (400, len(space))
        masked, allowed = vectors.mask(around)
        assert allowed.any()
        for vector in masked[allowed]:
            Configuration(space, vector=vector).check_valid_configuration()


def test_neighbours_differ_in_at_most_two_places(space: ConfigurationSpace) -> None:
    vectors = VectorSpace(space, np.random.RandomState(0))
    latent = vectors.sample(40)
    around = vectors.neighbours(latent, 10, 0.1)
    differing = (around != np.repeat(latent, 10, axis=0)).sum(axis=1)
    assert differing.max() <= 2
    assert differing.mean() > 0.8


def test_forbidden_points_are_not_allowed(space: ConfigurationSpace) -> None:
    vectors = VectorSpace(space, np.random.RandomState(0))
    bad = space.get_default_configuration().get_array()
    names = list(space)
    bad[names.index("kind")] = space["kind"].to_vector("c")
    bad[names.index("depth")] = space["depth"].to_vector(1)
    _, allowed = vectors.mask(vectors.unmask(bad[None, :]))
    assert not allowed[0]


def test_inactive_hyperparameters_keep_a_latent_value(space: ConfigurationSpace) -> None:
    vectors = VectorSpace(space, np.random.RandomState(0))
    default = space.get_default_configuration().get_array()[None, :]
    assert np.isnan(default).sum() == 2
    latent = vectors.unmask(default)
    assert not np.isnan(latent).any()
    masked, allowed = vectors.mask(latent)
    assert allowed.all()
    np.testing.assert_array_equal(masked, default)


def search_on(space: ConfigurationSpace, folder: Path, n: int, seed: int = 0) -> float:
    search = SmacSearch(
        space,
        [dict(space.get_default_configuration())],
        n_sobol=2,
        seed=seed,
        crash_cost=9.0,
        folder=folder,
    )
    best = 9.0
    for _ in range(n):
        asked = search.ask()
        asked_for = dict(asked.config)
        cost = (np.log10(asked_for["rate"]) + 2.0) ** 2 + abs(asked_for["depth"] - 40) / 300
        cost += {"a": 0.5, "b": 0.0, "c": 1.0}[asked_for["kind"]]
        cost += abs(asked_for.get("share", 1.0) - 0.2) + 0.01
        best = min(best, float(cost))
        search.tell(asked, Status.SUCCESS, float(cost), 0.1)
    return best


def test_the_search_beats_random_sampling(space: ConfigurationSpace, tmp_path: Path) -> None:
    found = [search_on(space, tmp_path / str(seed), 40, seed) for seed in range(3)]
    at_random = []
    for seed in range(3):
        space.seed(seed)
        costs = []
        for config in space.sample_configuration(40):
            cost = (np.log10(config["rate"]) + 2.0) ** 2 + abs(config["depth"] - 40) / 300
            cost += {"a": 0.5, "b": 0.0, "c": 1.0}[config["kind"]]
            costs.append(cost + abs(config.get("share", 1.0) - 0.2) + 0.01)
        at_random.append(min(costs))
    assert np.median(found) < np.median(at_random)


def test_a_finite_space_is_used_up(tmp_path: Path) -> None:
    space = ConfigurationSpace(seed=0)
    space.add(Categorical("a", [1, 2, 3]), Categorical("b", ["x", "y"]))
    search = SmacSearch(
        space,
        [dict(space.get_default_configuration())],
        n_sobol=1,
        seed=0,
        crash_cost=9.0,
        folder=tmp_path,
    )
    seen = []
    for _ in range(6):
        asked = search.ask()
        seen.append(tuple(asked.config.items()))
        search.tell(asked, Status.SUCCESS, float(asked.config["a"]), 0.1)
    with pytest.raises(SpaceExhaustedError):
        search.ask()
    assert len(set(seen)) == len(seen) == 6


def test_origins_say_how_a_configuration_came_about(
    space: ConfigurationSpace, tmp_path: Path
) -> None:
    first = dict(space.get_default_configuration())
    search = SmacSearch(
        space, [first, {**first, "depth": 50}], n_sobol=2, seed=0, crash_cost=9.0, folder=tmp_path
    )
    origins = []
    for number in range(12):
        asked = search.ask()
        origins.append(asked.origin)
        search.tell(asked, Status.SUCCESS, 1.0 / (number + 1), 0.1)
    assert origins[:4] == [Origin.DEFAULT, Origin.INITIAL, Origin.INITIAL, Origin.INITIAL]
    assert set(origins[4:]) <= {Origin.MODEL, Origin.RANDOM}
    assert Origin.MODEL in origins[4:]
