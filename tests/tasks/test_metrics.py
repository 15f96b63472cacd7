"""Metrics against scikit-learn and by hand; costs, look-up and intervals."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from automl_agent.exceptions import InputError
from automl_agent.tasks.bootstrap import bootstrap_difference, bootstrap_interval
from automl_agent.tasks.metrics import METRICS, UndefinedScoreError, find_metric, metric_names

CLASSIFICATION = metric_names("classification")
REGRESSION = metric_names("regression")


def classified(k: int, seed: int, n: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(k), rng.integers(0, k, n - k)])
    proba = rng.dirichlet(np.ones(k), n).round(2) + np.eye(k)[y] * 0.2
    proba /= proba.sum(axis=1, keepdims=True)
    return y, proba, rng.uniform(0.1, 2.0, n)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 6), st.integers(0, 10_000), st.booleans())
def test_classification_agrees_with_sklearn(k: int, seed: int, weighted: bool) -> None:
    y, proba, weights = classified(k, seed)
    w = weights if weighted else None
    labels = proba.argmax(axis=1)
    score = {name: METRICS[name].score(y, proba, w) for name in CLASSIFICATION}
    average = "binary" if k == 2 else "macro"
    assert score["log_loss"] == pytest.approx(sk.log_loss(y, proba, sample_weight=w))
    assert score["accuracy"] == pytest.approx(sk.accuracy_score(y, labels, sample_weight=w))
    assert score["balanced_accuracy"] == pytest.approx(
        sk.balanced_accuracy_score(y, labels, sample_weight=w)
    )
    assert score["f1"] == pytest.approx(sk.f1_score(y, labels, average=average, sample_weight=w))
    chances = proba[:, 1] if k == 2 else proba
    if k == 2 or not weighted:
        expected = sk.roc_auc_score(y, chances, multi_class="ovr", sample_weight=w)
        assert score["roc_auc"] == pytest.approx(expected)
    assert METRICS["f1"].score(y, labels, w) == pytest.approx(score["f1"])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_regression_agrees_with_sklearn(seed: int, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    y, prediction = rng.uniform(0.1, 9.0, 50), rng.uniform(0.0, 9.0, 50)
    w = rng.uniform(0.1, 2.0, 50) if weighted else None
    for name, function in {
        "rmse": sk.root_mean_squared_error,
        "mse": sk.mean_squared_error,
        "mae": sk.mean_absolute_error,
        "r2": sk.r2_score,
        "rmsle": sk.root_mean_squared_log_error,
        "mape": sk.mean_absolute_percentage_error,
    }.items():
        expected = function(y, prediction, sample_weight=w)
        assert METRICS[name].score(y, prediction, w) == pytest.approx(expected), name


@pytest.mark.parametrize("name", METRICS)
def test_weights_are_repetitions(name: str) -> None:
    metric = METRICS[name]
    rng = np.random.default_rng(1)
    y, prediction, _ = classified(3, 1, 40)
    if metric.needs == "values":
        y, prediction = y + 1.5, rng.uniform(1, 4, 40)
    counts = rng.integers(0, 4, 40)
    rows = np.repeat(np.arange(40), counts)
    assert metric.score(y, prediction, counts) == pytest.approx(
        metric.score(y[rows], prediction[rows])
    )


def test_log_loss_by_hand() -> None:
    metric = METRICS["log_loss"]
    assert metric.score(np.array([0]), np.array([[0.0, 1.0]])) == pytest.approx(-np.log(1e-15))
    assert metric.score(np.array([0, 0]), np.array([[0.8, 0.2], [0.5, 0.5]])) == pytest.approx(
        -(np.log(0.8) + np.log(0.5)) / 2
    )
    # Rows are renormalised, single precision is no worse than it must be.
    assert metric.score(np.array([1]), np.array([[1.0, 3.0]])) == pytest.approx(-np.log(0.75))
    single = np.array([[1.0, 0.0, 0.0]], dtype=np.float32)
    assert metric.score(np.array([0]), single) == pytest.approx(0.0, abs=1e-12)


def test_f1_of_two_classes_takes_code_1() -> None:
    y, proba = np.array([0, 0, 1]), np.eye(2)[[0, 1, 1]]
    assert METRICS["f1"].score(y, proba) == pytest.approx(2 / 3)
    assert METRICS["f1"].score(np.array([0, 0]), np.eye(2)[[0, 0]]) == 0.0


def test_roc_auc_where_classes_are_missing() -> None:
    metric = METRICS["roc_auc"]
    y, proba, _ = classified(4, 0)
    kept = y != 3
    ovr = [sk.roc_auc_score(y[kept] == code, proba[kept, code]) for code in range(3)]
    assert metric.score(y[kept], proba[kept]) == pytest.approx(np.mean(ovr))
    with pytest.raises(UndefinedScoreError, match="only one class"):
        metric.score(np.zeros(5, int), proba[:5])
    assert metric.score(np.array([0, 1]), np.array([[0.5, 0.5], [0.5, 0.5]])) == 0.5


def test_undefined_scores() -> None:
    one, two = np.array([1.0, 1.0]), np.array([1.0, 2.0])
    with pytest.raises(UndefinedScoreError, match="r2"):
        METRICS["r2"].score(one, two)
    with pytest.raises(UndefinedScoreError, match=r"rmsle.*negative targets"):
        METRICS["rmsle"].score(-one, two)
    with pytest.raises(UndefinedScoreError, match=r"mape.*zero"):
        METRICS["mape"].score(np.array([0.0, 1.0]), two)
    with pytest.raises(UndefinedScoreError, match="at least one row"):
        METRICS["rmse"].score(one[:0], two[:0])
    assert METRICS["rmsle"].score(np.array([0.0]), np.array([-5.0])) == 0.0


@pytest.mark.parametrize("name", METRICS)
def test_costs(name: str) -> None:
    metric = METRICS[name]
    assert metric.cost(metric.best) == pytest.approx(0.0)
    assert metric.score_from_cost(metric.cost(0.3)) == pytest.approx(0.3)
    better, worse = (0.4, 0.3) if metric.direction == "maximize" else (0.3, 0.4)
    assert metric.cost(better) < metric.cost(worse)


def test_find_metric() -> None:
    assert find_metric("AUC", "classification").name == "roc_auc"
    assert find_metric("log-loss", "classification").name == "log_loss"
    assert find_metric("RMSE", "regression").name == "rmse"
    with pytest.raises(InputError, match=r"no metric 'acuracy' \(did you mean 'accuracy'\?"):
        find_metric("acuracy", "classification")
    with pytest.raises(
        InputError, match=r"'rmse' does not fit classification .*log_loss, accuracy"
    ):
        find_metric("rmse", "classification")
    with pytest.raises(InputError, match=r"no metric 'zzz' .*for regression: rmse, mse"):
        find_metric("zzz", "regression")


def test_interval_of_a_mean() -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(2000) < 0.8).astype(np.int64)
    low, high = bootstrap_interval(METRICS["accuracy"], y, np.tile([0.1, 0.9], (2000, 1)), seed=3)
    half = 1.96 * np.sqrt(y.mean() * (1 - y.mean()) / 2000)
    assert low == pytest.approx(y.mean() - half, abs=0.004)
    assert high == pytest.approx(y.mean() + half, abs=0.004)


@pytest.mark.parametrize("name", METRICS)
def test_intervals(name: str) -> None:
    metric = METRICS[name]
    y, prediction, _ = classified(3, 5, 120)
    if metric.needs == "values":
        prediction = y + 1 + np.random.default_rng(0).normal(size=120)
        y = y + 1.0
    options = {"seed": 1, "n_resamples": 200}
    low, high = bootstrap_interval(metric, y, prediction, **options)
    assert low < metric.score(y, prediction) < high
    assert (low, high) == bootstrap_interval(metric, y, prediction, **options)
    narrow = bootstrap_interval(metric, y, prediction, level=0.5, **options)
    assert low < narrow[0] < narrow[1] < high
    with pytest.raises(InputError, match="between 0 and 1"):
        bootstrap_interval(metric, y, prediction, seed=1, level=95)


def test_intervals_skip_undefined_resamples() -> None:
    y = np.array([0, 0, 0, 1])
    proba = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.4, 0.6]])
    low, high = bootstrap_interval(METRICS["roc_auc"], y, proba, seed=0)
    assert 0.0 <= low <= high <= 1.0


def test_intervals_take_bounded_time() -> None:
    y, proba, _ = classified(2, 0, 300_000)
    started = time.perf_counter()
    bootstrap_interval(METRICS["log_loss"], y, proba, seed=0, n_resamples=10**9)
    assert time.perf_counter() - started < 10


def test_a_paired_difference_is_surer_than_two_intervals() -> None:
    rng = np.random.default_rng(3)
    y = rng.normal(size=400)
    noise = rng.normal(size=400)
    better, worse = y + noise, y + 1.05 * noise
    rmse = find_metric("rmse", "regression")
    low, high = bootstrap_difference(rmse, y, better, worse, seed=0)
    assert low < high < 0
    alone = bootstrap_interval(rmse, y, better, seed=0)
    assert alone[0] < rmse.score(y, worse) < alone[1]
    assert bootstrap_difference(rmse, y, worse, better, seed=0) == pytest.approx((-high, -low))
