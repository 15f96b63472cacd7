"""SMAC's surrogate and acquisition search, made single-threaded and reproducible.

Stock SMAC 2.4.1 builds a joblib thread pool for every prediction of its ten trees, and orders the
starting points of its local search by hash, so that two processes with the same seed differ.
"""

from __future__ import annotations

from typing import Any

from ConfigSpace import Configuration
from smac import HyperparameterOptimizationFacade as HPOFacade
from smac import Scenario
from smac.acquisition.maximizer import LocalAndSortedRandomSearch, LocalSearch
from smac.model.random_forest import RandomForest

# Stock SMAC scores 10,000 random candidates and climbs from 10 of them and from the 10 best trials,
# but retrains its forest only at every eighth ask. We retrain at every ask, and search less each time.
CHALLENGERS = 1_000
LOCAL_SEARCHES = 5


class ReproducibleLocalSearch(LocalSearch):
    """Local search whose starting points come in an order that no hash decides."""

    def _get_init_points_from_previous_configs(self, *args: Any) -> list[Configuration]:
        points = super()._get_init_points_from_previous_configs(*args)
        return sorted(points, key=lambda point: point.get_array().tobytes())


def acquisition_maximizer(scenario: Scenario) -> LocalAndSortedRandomSearch:
    """SMAC's default maximizer (local search and sorted random search), reproducible."""
    maximizer = HPOFacade.get_acquisition_maximizer(
        scenario, challengers=CHALLENGERS, local_search_iterations=LOCAL_SEARCHES
    )
    maximizer._local_search = ReproducibleLocalSearch(
        configspace=scenario.configspace, seed=scenario.seed
    )
    return maximizer


def random_forest(scenario: Scenario) -> RandomForest:
    """The facade's default surrogate, a random forest on log costs, in one thread.

    The number of leaves is unbounded: with SMAC's bound of 2**20 scikit-learn reserves 130 MB for
    each tree before it grows it, which takes most of an ask.
    """
    return RandomForest(
        configspace=scenario.configspace,
        log_y=True,
        n_trees=10,
        ratio_features=1.0,
        min_samples_split=2,
        min_samples_leaf=1,
        max_depth=2**20,
        max_leaf_nodes=None,  # type: ignore[arg-type]
        n_jobs=1,
        seed=scenario.seed,
    )
