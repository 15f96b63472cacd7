"""How sure a score is: intervals by resampling the scored rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl_agent.exceptions import InputError
from automl_agent.tasks.metrics import Floats, Metric, UndefinedScoreError

# Work is bounded by rows x columns x resamples: about a second for either kind of metric.
_MEAN_WORK = 100_000_000
_OTHER_WORK = 10_000_000
_FEWEST_RESAMPLES = 100


def bootstrap_interval(
    metric: Metric,
    y: NDArray[Any],
    prediction: NDArray[Any],
    *,
    seed: int,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> tuple[float, float]:
    """Give an interval for a score by the percentile bootstrap.

    Efron, "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 7 (1979):
    the rows are drawn anew, with replacement, and the interval spans the middle `level` of the
    scores. A resample enters as multinomial row weights, so no prediction is copied. On large
    data there are fewer resamples (never under 100, or under `n_resamples` where that is less),
    which bounds the time to seconds.

    Args:
        metric: the metric.
        y: codes or values `(N,)`.
        prediction: probabilities `(N, K)` or values `(N,)`.
        seed: of the random draws.
        n_resamples: how many resamples are drawn.
        level: the share of the scores between the ends, between 0 and 1.

    Returns:
        The lower and the upper end, in the metric's natural units. Resamples on which the metric
        is undefined are left out; NaN twice if that is all of them.

    Raises:
        InputError: the level is out of range.
        UndefinedScoreError: the metric is undefined on the rows themselves.
    """
    metric.score(y, prediction)
    return _interval(_scores(metric, y, prediction, seed, n_resamples), level)


def bootstrap_difference(
    metric: Metric,
    y: NDArray[Any],
    first: NDArray[Any],
    second: NDArray[Any],
    *,
    seed: int,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> tuple[float, float]:
    """Give an interval for how much the first prediction scores above the second.

    Both are scored on the same resamples, so that what is hard or easy for both cancels out; see
    `bootstrap_interval` for the method, the arguments and the errors.
    """
    metric.score(y, first)
    scores = _scores(metric, y, first, seed, n_resamples)
    return _interval(scores - _scores(metric, y, second, seed, n_resamples), level)


def _scores(
    metric: Metric, y: NDArray[Any], prediction: NDArray[Any], seed: int, n_resamples: int
) -> Floats:
    """Score a prediction on resamples that depend on the seed and the sizes only."""
    rng = np.random.default_rng(seed)
    prepared = metric.prepare(prediction)
    if metric.row_values is not None:
        draws = _resamples(n_resamples, len(y), _MEAN_WORK)
        values = metric.row_values(y, prepared)
        means = [np.dot(_weights(len(y), rng), values) / len(y) for _ in range(draws)]
        return np.asarray(metric.of_mean(np.array(means)), np.float64)
    draws = _resamples(n_resamples, prepared.size, _OTHER_WORK)
    return np.array([_score(metric, y, prepared, rng) for _ in range(draws)])


def _interval(scores: Floats, level: float) -> tuple[float, float]:
    if not 0.0 < level < 1.0:
        raise InputError(f"the interval's level is {level:g}", "it must lie between 0 and 1")
    defined = scores[np.isfinite(scores)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(low), float(high)


def _weights(n: int, rng: np.random.Generator) -> Floats:
    """Draw how often each of n rows occurs among n draws: multinomial weights `(n,)`."""
    return np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)


def _score(
    metric: Metric, y: NDArray[Any], prediction: NDArray[Any], rng: np.random.Generator
) -> float:
    try:
        return metric.function(y, prediction, _weights(len(y), rng))
    except UndefinedScoreError:
        return float("nan")


def _resamples(wanted: int, cells: int, work: int) -> int:
    return min(wanted, max(work // max(cells, 1), _FEWEST_RESAMPLES))
