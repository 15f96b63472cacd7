"""Splits: disjoint, complete, stratified, repeatable, and every class in every training part."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl_agent.data.splits import make_folds, rare_classes, split_test_rows
from automl_agent.exceptions import InputError

class_sizes = st.lists(st.integers(1, 30), min_size=2, max_size=6).filter(
    lambda sizes: max(sizes) >= 10
)
seeds = st.integers(0, 2**32 - 1)


def codes(sizes: list[int], seed: int) -> np.ndarray:
    y = np.repeat(np.arange(len(sizes)), sizes)
    return np.random.default_rng(seed).permutation(y)


@given(class_sizes, seeds, st.floats(0.05, 0.6))
def test_test_rows(sizes: list[int], seed: int, share: float) -> None:
    y = codes(sizes, seed)
    train, test = split_test_rows(y, "classification", share=share, seed=seed)
    assert train.dtype == test.dtype == np.int64
    assert np.array_equal(np.sort(np.concatenate([train, test])), np.arange(len(y)))
    assert np.all(np.diff(train) > 0)
    assert np.all(np.diff(test) > 0)
    assert set(y[train]) == set(y)
    spare = sum(max(size - 2, 0) for size in sizes)
    assert len(test) == min(max(round(share * len(y)), 1), spare)
    for code, size in enumerate(sizes):
        taken = int((y[test] == code).sum())
        assert size - taken >= min(size, 2)


@given(class_sizes, seeds, st.integers(1, 6))
def test_folds(sizes: list[int], seed: int, n_folds: int) -> None:
    y = codes(sizes, seed)
    folds = make_folds(y, "classification", n_folds=n_folds, seed=seed)
    assert [fold.index for fold in folds] == list(range(n_folds))
    validated = np.concatenate([fold.validation for fold in folds])
    assert len(set(validated.tolist())) == len(validated)
    for fold in folds:
        assert len(fold.validation)
        assert set(y[fold.train]) == set(y)
        both = np.sort(np.concatenate([fold.train, fold.validation]))
        assert np.array_equal(both, np.arange(len(y)))
    if n_folds > 1:
        never = np.setdiff1d(np.arange(len(y)), validated)
        assert set(y[never]) == {code for code, size in enumerate(sizes) if size == 1}
        assert max(len(f.validation) for f in folds) - min(len(f.validation) for f in folds) <= 1
        for code in range(len(sizes)):
            spread = [int((y[fold.validation] == code).sum()) for fold in folds]
            assert max(spread) - min(spread) <= 1


@given(st.integers(10, 200), st.integers(1, 10), seeds)
def test_regression(n: int, n_folds: int, seed: int) -> None:
    y = np.linspace(0.0, 1.0, n)
    train, test = split_test_rows(y, "regression", seed=seed)
    assert len(test) == round(0.2 * n)
    assert np.array_equal(np.sort(np.concatenate([train, test])), np.arange(n))
    folds = make_folds(y, "regression", n_folds=n_folds, seed=seed)
    validated = np.sort(np.concatenate([fold.validation for fold in folds]))
    expected = np.arange(n) if n_folds > 1 else folds[0].validation
    assert np.array_equal(validated, expected)


def test_proportions_are_kept() -> None:
    y = codes([24_720, 7_841], 0)
    _, test = split_test_rows(y, "classification", seed=1)
    assert abs((y[test] == 1).mean() - (y == 1).mean()) < 1e-4


def test_seeds() -> None:
    y = codes([50, 50], 0)
    first, again, other = (split_test_rows(y, "classification", seed=s)[1] for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    folds = [make_folds(y, "classification", n_folds=3, seed=s)[0].validation for s in (1, 1, 2)]
    assert np.array_equal(folds[0], folds[1])
    assert not np.array_equal(folds[0], folds[2])


def test_ten_rows_of_two_classes() -> None:
    y = codes([7, 3], 0)
    train, test = split_test_rows(y, "classification", seed=0)
    assert sorted(y[test]) == [0, 1]
    folds = make_folds(y[train], "classification", n_folds=5, seed=0)
    assert all(set(y[train][fold.train]) == {0, 1} for fold in folds)


def test_errors() -> None:
    y = codes([5, 5], 0)
    for share in (0.0, 1.0, -0.1, 1.5):
        with pytest.raises(InputError, match="must lie between 0 and 1"):
            split_test_rows(y, "classification", share=share, seed=0)
    with pytest.raises(InputError, match="at least one class needs 3 rows"):
        split_test_rows(np.repeat(np.arange(5), 2), "classification", seed=0)
    with pytest.raises(InputError, match="0 folds"):
        make_folds(y, "classification", n_folds=0, seed=0)
    with pytest.raises(InputError, match="10 training rows are too few for 11 folds"):
        make_folds(y, "classification", n_folds=11, seed=0)
    with pytest.raises(InputError, match="too few for 1 fold"):
        make_folds(np.arange(4), "classification", n_folds=1, seed=0)


def test_rare_classes() -> None:
    y = np.array([0] * 9 + [1] * 2 + [2])
    assert rare_classes(y) == {1: 2, 2: 1}
    assert rare_classes(y, 2) == {2: 1}
