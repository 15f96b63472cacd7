"""SMAC's surrogate, in one thread and without its start-up cost."""

from __future__ import annotations

from smac import Scenario
from smac.model.random_forest import RandomForest


def random_forest(scenario: Scenario) -> RandomForest:
    """The HPO facade's default surrogate, a random forest on log costs.

    Stock SMAC 2.4.1 makes a joblib thread pool for every prediction of its ten trees, and bounds
    their leaves by 2**20, for which scikit-learn reserves 130 MB per tree before it grows one.
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
