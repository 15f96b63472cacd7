"""What finished trials leave on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from automl_agent.exceptions import RunDirectoryError
from automl_agent.optimization import trial_store
from automl_agent.optimization.trial_store import KEPT_TRIALS, TrialStore


@pytest.fixture
def store(tmp_path: Path) -> TrialStore:
    return TrialStore(tmp_path / "predictions", tmp_path / "models")


def kept(store: TrialStore, upto: int) -> list[int]:
    return [number for number in range(1, upto + 1) if store.models(number)]


def test_what_is_kept_comes_back(store: TrialStore) -> None:
    prediction = np.array([[0.25, 0.75], [np.nan, np.nan]])
    models = [b"model %d" % fold for fold in range(12)]  # more than ten: order by number
    store.keep(3, 0.5, prediction, models)

    assert store.models(3) == models
    assert np.array_equal(store.prediction(3), prediction, equal_nan=True)
    assert store.models(4) == []
    with pytest.raises(RunDirectoryError, match="trial_0004"):
        store.prediction(4)


def test_the_best_twenty_and_the_first_keep_their_models(store: TrialStore) -> None:
    n = KEPT_TRIALS + 10
    for number in range(1, n + 1):
        store.keep(number, 100.0 - number, np.zeros(2), [b"x"])  # the first is the worst

    assert kept(store, n) == [1, *range(n - KEPT_TRIALS + 2, n + 1)]
    assert len(store.prediction(2)) == 2  # predictions stay, models go


def test_a_bad_late_trial_is_forgotten_at_once(store: TrialStore) -> None:
    for number in range(1, KEPT_TRIALS + 1):
        store.keep(number, float(number), np.zeros(2), [b"x"])
    store.keep(99, 1e9, np.zeros(2), [b"x"])

    assert store.models(99) == []
    assert kept(store, KEPT_TRIALS) == list(range(1, KEPT_TRIALS + 1))


def test_of_equal_costs_the_incumbent_keeps_its_models(store: TrialStore) -> None:
    # the incumbent is the first of the equals, however large its models are
    store.keep(1, 2.0, np.zeros(2), [b"x"])
    store.keep(2, 1.0, np.zeros(2), [b"a large model"])
    for number in range(3, KEPT_TRIALS + 10):
        store.keep(number, 1.0, np.zeros(2), [b"x"])

    assert store.models(2) == [b"a large model"]
    assert len(kept(store, KEPT_TRIALS + 10)) == KEPT_TRIALS


def test_models_do_not_outgrow_their_room(
    store: TrialStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_store, "KEPT_BYTES", 350)
    for number in range(1, 8):
        store.keep(number, 10.0 - number, np.zeros(2), [b"x" * 50, b"x" * 50])

    assert kept(store, 7) == [1, 6, 7]


def test_the_best_and_the_first_stay_though_they_alone_are_too_large(
    store: TrialStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_store, "KEPT_BYTES", 10)
    for number in range(1, 5):
        store.keep(number, 10.0 - number, np.zeros(2), [b"x" * 50])

    assert kept(store, 4) == [1, 4]
