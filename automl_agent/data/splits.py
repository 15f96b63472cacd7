"""Rows into training, validation and test parts; every training part contains every class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automl_agent.exceptions import InputError

Rows = NDArray[np.int64]

#: Rows a class needs to reach the test part and still leave two for the folds.
MIN_ROWS_TO_SPLIT = 3
HOLDOUT_SHARE = 0.2


@dataclass(frozen=True)
class Fold:
    """One division of the training part.

    Attributes:
        index: 0-based number of the fold.
        train: sorted positions into the training part `(T,)`.
        validation: sorted positions into the training part `(V,)`, disjoint from `train`.
    """

    index: int
    train: Rows
    validation: Rows


def split_test_rows(
    y: NDArray[np.generic], task: str, *, share: float = 0.2, seed: int
) -> tuple[Rows, Rows]:
    """Put test rows away, at random, in the classes' proportions for classification.

    Classes with fewer than three rows always train.

    Args:
        y: codes or values `(N,)`.
        task: "classification" or "regression".
        share: the test part's share of the rows, between 0 and 1.
        seed: of the random draw.

    Returns:
        Sorted positions of the training rows and of the test rows; together all of 0..N-1.

    Raises:
        InputError: the share is out of range, or no row can be spared.
    """
    if not 0.0 < share < 1.0:
        raise InputError(f"the test share is {share:g}", "it must lie between 0 and 1")
    strata = _strata(y, task)
    test = _draw(strata, share, keep=2, rng=np.random.default_rng(seed))
    if not len(test):
        raise InputError(
            f"none of the {len(y)} rows can be put aside for testing",
            f"at least one class needs {MIN_ROWS_TO_SPLIT} rows",
        )
    return _rest(len(y), test), test


def make_folds(y: NDArray[np.generic], task: str, *, n_folds: int, seed: int) -> tuple[Fold, ...]:
    """Divide the training part for cross-validation, or once for a holdout.

    For classification each class is spread evenly over the folds; the row of a class that has
    one row only trains in every fold and is validated in none. All other rows are validated
    exactly once (with one fold: 20 % of them).

    Args:
        y: codes or values of the training part `(N,)`.
        task: "classification" or "regression".
        n_folds: number of folds; 1 makes a 20 % holdout.
        seed: of the random draw.

    Raises:
        InputError: there are more folds than rows that can be validated.
    """
    if n_folds < 1:
        raise InputError(f"{n_folds} folds were asked for", "at least 1 is needed")
    rng = np.random.default_rng(seed)
    strata = _strata(y, task)
    if n_folds == 1:
        parts = [_draw(strata, HOLDOUT_SHARE, keep=1, rng=rng)]
    else:
        # Dealing the classes out one after the other keeps both the classes and the sizes even.
        dealt = [rng.permutation(rows) for rows in strata if len(rows) > 1]
        deck = np.concatenate([np.empty(0, np.int64), *dealt])
        parts = [np.sort(deck[start::n_folds]).astype(np.int64) for start in range(n_folds)]
    if not all(len(part) for part in parts):
        raise InputError(
            f"{len(y)} training rows are too few for {n_folds} "
            f"{'fold' if n_folds == 1 else 'folds'}",
            "ask for fewer folds, or give more rows per class",
        )
    return tuple(Fold(i, _rest(len(y), part), part) for i, part in enumerate(parts))


def rare_classes(y: NDArray[np.generic], minimum: int = MIN_ROWS_TO_SPLIT) -> dict[int, int]:
    """Count the rows of the classes with fewer than `minimum` rows.

    Args:
        y: class codes `(N,)`.
        minimum: rows a class needs; the default is what reaching the test part takes.

    Returns:
        Rows per code, for those classes only.
    """
    codes, counts = np.unique(y, return_counts=True)
    return {int(c): int(n) for c, n in zip(codes, counts, strict=True) if n < minimum}


def _strata(y: NDArray[np.generic], task: str) -> list[Rows]:
    if task != "classification":
        return [np.arange(len(y), dtype=np.int64)]
    codes, inverse = np.unique(y, return_inverse=True)
    order = np.argsort(inverse, kind="stable").astype(np.int64)
    return np.split(order, np.cumsum(np.bincount(inverse, minlength=len(codes)))[:-1])


def _draw(strata: list[Rows], share: float, *, keep: int, rng: np.random.Generator) -> Rows:
    """Draw `share` of all rows in the strata's proportions, leaving `keep` rows in each."""
    sizes = np.array([len(rows) for rows in strata])
    spare = np.maximum(sizes - keep, 0)
    wanted = min(max(round(share * int(sizes.sum())), 1), int(spare.sum()))
    quota = share * sizes
    taken = np.minimum(np.floor(quota).astype(np.int64), spare)
    # Largest remainders first, ties by lot; another round where a stratum had no row to spare.
    tie_break = rng.permutation(len(strata))
    order = np.lexsort((tie_break, -(quota - taken)))
    while (short := wanted - int(taken.sum())) > 0:
        able = order[taken[order] < spare[order]][:short]
        taken[able] += 1
    parts = [rng.permutation(rows)[:n] for rows, n in zip(strata, taken, strict=True)]
    return np.sort(np.concatenate(parts)).astype(np.int64)


def _rest(n_rows: int, rows: Rows) -> Rows:
    chosen = np.zeros(n_rows, dtype=bool)
    chosen[rows] = True
    return np.flatnonzero(~chosen).astype(np.int64)
