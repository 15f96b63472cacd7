"""What is sent for a fit, and how its answer is judged."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from simulated import make_evaluation

from automl_agent.data.splits import Fold
from automl_agent.optimization.evaluation import Evaluation, Scored
from automl_agent.optimization.trial import Fit, Origin, Status, Trial
from automl_agent.sandbox.base import Limits, Outcome
from automl_agent.tasks.metrics import find_metric
from automl_agent.tasks.registry import find_task

TRIAL = Trial(4, {"depth": 3}, Origin.MODEL)


def answer(array: Any, **value: Any) -> Outcome:
    """What the sandbox returns for a fit that predicted `array`."""
    array = np.asarray(array, dtype=np.float64)
    value = {"shape": list(array.shape), "fit_seconds": 0.5, "predict_seconds": 0.25, **value}
    return Outcome("ok", value=value, blobs=(array.tobytes(), b"the model"), seconds=2.0)


def classification(metric: str = "log_loss") -> Evaluation:
    folds = (
        Fold(0, np.array([2, 3, 4, 5]), np.array([0, 1])),
        Fold(1, np.array([0, 1, 2, 5]), np.array([3, 4])),
    )
    return Evaluation(
        source="",
        task=find_task("classification"),
        metric=find_metric(metric, "classification"),
        y=np.array([0, 1, 0, 1, 1, 0]),
        n_classes=2,
        folds=folds,
        seed=0,
        limits=Limits(),
    )


def judge(evaluation: Evaluation, outcome: Outcome, fold: int = 0) -> Scored:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return evaluation.judge(Fit(TRIAL, fold), outcome)


def test_only_training_labels_are_sent() -> None:
    evaluation = replace(make_evaluation(3, 30), y=np.random.default_rng(0).normal(size=30))
    for fold in evaluation.folds:
        call = evaluation.call(Fit(TRIAL, fold.index))
        rows, labels, held_out = call.blobs
        assert (np.frombuffer(rows, np.int64) == fold.train).all()
        assert (np.frombuffer(labels, np.float64) == evaluation.y[fold.train]).all()
        assert (np.frombuffer(held_out, np.int64) == fold.validation).all()
        sent = b"".join(call.blobs) + repr(dict(call.fields)).encode()
        for label in evaluation.y[fold.validation]:
            assert label.tobytes() not in sent
            assert repr(float(label)).encode() not in sent


def test_a_good_fit_is_scored() -> None:
    scored = judge(classification(), answer([[0.8, 0.2], [0.4, 0.6]]))

    result = scored.result
    assert (result.trial, result.fold, result.status) == (4, 0, Status.SUCCESS)
    assert result.cost == pytest.approx(-np.log([0.8, 0.6]).mean())
    assert (result.seconds, result.fit_seconds, result.predict_seconds) == (2.0, 0.5, 0.25)
    assert scored.model == b"the model"
    assert scored.prediction is not None
    assert scored.prediction.shape == (2, 2)


@pytest.mark.parametrize(
    ("prediction", "reason"),
    [
        ([[0.5, 0.5]], "shape"),
        ([[0.2, 0.3, 0.5]] * 2, "shape"),
        ([0.5, 0.5], "shape"),
        ([[np.nan, 0.5], [0.5, 0.5]], "NaN"),
        ([[np.inf, 0.5], [0.5, 0.5]], "infinite"),
        ([[1e308, 1e308], [0.5, 0.5]], "sum"),
        ([[-0.5, 1.5], [0.5, 0.5]], "negative"),
        ([[0.5, 0.9], [0.5, 0.5]], "sum to 1"),
    ],
)
def test_rubbish_is_a_crash_with_a_reason(prediction: Any, reason: str) -> None:
    scored = judge(classification(), answer(prediction))

    assert scored.result.status is Status.CRASHED
    assert reason in scored.result.reason
    assert scored.result.cost is None
    assert scored.prediction is None
    assert scored.model is None


@pytest.mark.parametrize(
    "outcome",
    [
        answer([[0.5, 0.5]] * 2, shape=[2, 3]),
        answer([[0.5, 0.5]] * 2, shape=[2**70, 1]),
        answer([[0.5, 0.5]] * 2, shape="no list"),
        answer([[0.5, 0.5]] * 2, shape=[True, 4]),
        replace(answer([[0.5, 0.5]] * 2), blobs=()),
        replace(answer([[0.5, 0.5]] * 2), blobs=(np.full(4, 0.5).tobytes(),)),
        replace(answer([[0.5, 0.5]] * 2), blobs=(b"odd", b"")),
    ],
)
def test_forged_answers_are_a_crash(outcome: Outcome) -> None:
    scored = judge(classification(), outcome)

    assert scored.result.status is Status.CRASHED
    assert scored.result.reason


@pytest.mark.parametrize("seconds", [10**400, -1.0, float("nan"), float("inf"), "1", None, True])
def test_forged_durations_are_ignored(seconds: Any) -> None:
    scored = judge(classification(), answer([[0.5, 0.5]] * 2, fit_seconds=seconds))

    assert scored.result.status is Status.SUCCESS
    assert scored.result.fit_seconds in (0.0, 1.0)


def test_a_metric_without_a_value_on_the_fold_is_a_crash() -> None:
    # the second fold's validation rows are all of one class
    scored = judge(classification("roc_auc"), answer([[0.5, 0.5]] * 2), fold=1)

    assert scored.result.status is Status.CRASHED
    assert "roc_auc" in scored.result.reason


def test_a_cost_that_overflows_is_a_crash() -> None:
    evaluation = make_evaluation(3, 30)
    n_rows = len(evaluation.folds[0].validation)
    scored = judge(evaluation, answer(np.full(n_rows, 1e300)))

    assert scored.result.status is Status.CRASHED
    assert "inf" in scored.result.reason


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("timeout", Status.TIMEOUT),
        ("memory", Status.MEMORY_OUT),
        ("cancelled", Status.CANCELLED),
        ("error", Status.CRASHED),
        ("died", Status.CRASHED),
        ("invalid", Status.CRASHED),
    ],
)
def test_failures_keep_their_kind_and_reason(outcome: Any, status: Status) -> None:
    result = judge(classification(), Outcome(outcome, reason="so it was", seconds=3.0)).result

    assert (result.status, result.reason, result.seconds) == (status, "so it was", 3.0)
