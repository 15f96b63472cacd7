"""The search loop, on fits whose costs are computed."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace
from simulated import SimulatedExecutor, Watcher, make_evaluation, make_smac, plane, search

from automl_agent.exceptions import RunDirectoryError, RunFailedError
from automl_agent.optimization.events import read_history, read_incumbents
from automl_agent.optimization.optimizer import REPORT_SECONDS, Optimizer, SearchLimits
from automl_agent.optimization.records import SearchRecords
from automl_agent.optimization.trial import Origin, Status, TrialResult
from automl_agent.run_directory import RunDirectory


def bowl(config: Mapping[str, Any], fold: int) -> float:
    """Lowest at (0.3, 0.7); folds differ by a constant."""
    return 1.0 + (config["x"] - 0.3) ** 2 + (config["z"] - 0.7) ** 2 + 0.1 * fold


def crash_right_half(config: Mapping[str, Any], fold: int) -> float | Status:
    return Status.CRASHED if config["x"] > 0.5 and fold == 1 else bowl(config, fold)


def events(run: RunDirectory) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]


def test_a_trial_costs_the_mean_of_its_folds_in_the_order_of_the_folds(run: RunDirectory) -> None:
    found, _ = search(run, bowl, workers=3, shuffle=1)

    for number, result in found.results.items():
        expected = [bowl(found.trials[number].config, fold) for fold in range(3)]
        assert result.fold_costs == pytest.approx(expected)
        assert result.cost == pytest.approx(np.mean(expected))
        assert result.score == result.cost  # rmse is its own cost
        assert result.seconds == pytest.approx(0.03)


def test_out_of_fold_predictions_are_those_of_the_fold_models(run: RunDirectory) -> None:
    search(run, bowl, trials=2, workers=2, shuffle=0)

    for fold in make_evaluation().folds:
        stored = np.load(run / "predictions/trial_0002.npy")
        assert (stored[fold.validation] == 2 + fold.index / 10).all()
        assert (run / f"models/trial_0002/fold_{fold.index}.bin").read_bytes() == (
            b"2/%d" % fold.index
        )


def test_rows_that_no_fold_validates_have_no_prediction(run: RunDirectory) -> None:
    search(run, bowl, trials=1, n_folds=1)

    stored, (fold,) = np.load(run / "predictions/trial_0001.npy"), make_evaluation(1).folds
    assert np.isnan(stored[fold.train]).all()
    assert np.isfinite(stored[fold.validation]).all()


def test_a_failed_fit_ends_its_trial_and_cancels_the_rest(run: RunDirectory) -> None:
    found, executor = search(run, crash_right_half, trials=12, workers=1)

    failed = [n for n, result in found.results.items() if result.status is Status.CRASHED]
    assert 1 in failed
    assert len(failed) < 12
    for number in failed:
        assert [fold for trial, fold in executor.computed if trial == number] == [0, 1]
        assert found.results[number].reason == "it crashed"
        assert found.results[number].cost is None
        assert not (run / f"predictions/trial_{number:04d}.npy").exists()
    assert found.incumbent.trial not in failed


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_fits_that_ended_before_their_trial_failed_do_not_stop_the_search(
    run: RunDirectory, workers: int
) -> None:
    # a fast worker is done with all folds before the first failure is looked at
    found, _ = search(run, crash_right_half, trials=8, workers=workers, ahead=True)

    assert len(found.results) == 8
    assert found.stopped == "trials"


@pytest.mark.parametrize(("workers", "n_folds"), [(1, 3), (2, 1), (3, 2), (7, 3)])
def test_the_number_of_trials_is_kept_exactly(
    run: RunDirectory, workers: int, n_folds: int
) -> None:
    found, executor = search(
        run, crash_right_half, trials=9, workers=workers, n_folds=n_folds, shuffle=3
    )

    assert sorted(found.trials) == sorted(found.results) == list(range(1, 10))
    assert found.stopped == "trials"
    assert executor.most_under_way < workers + n_folds


def test_incumbents_improve_strictly_and_are_the_running_minimum(run: RunDirectory) -> None:
    watcher = Watcher()
    found, _ = search(run, crash_right_half, trials=25, workers=3, shuffle=5, watcher=watcher)

    incumbents = read_incumbents(run / "incumbents.jsonl")
    costs = [incumbent.cost for incumbent in incumbents]
    assert costs == sorted(set(costs), reverse=True)
    assert incumbents[-1] == found.incumbent
    lowest = float("inf")
    for _, result, incumbent in watcher.seen:
        lowest = min(lowest, result.cost if result.cost is not None else lowest)
        assert (incumbent.cost if incumbent else float("inf")) == lowest
    assert found.incumbent.config == found.trials[found.incumbent.trial].config


def test_equal_costs_make_no_new_incumbent(run: RunDirectory) -> None:
    found, _ = search(run, lambda *_: 1.0, trials=4)

    assert found.incumbent.trial == 1
    assert len(read_incumbents(run / "incumbents.jsonl")) == 1


def test_the_journal_has_each_ask_before_its_fits_before_its_tell(run: RunDirectory) -> None:
    found, _ = search(run, crash_right_half, trials=15, workers=4, shuffle=2)

    asked: set[int] = set()
    told: set[int] = set()
    fits: Counter[int] = Counter()
    for event in events(run):
        match event["event"]:
            case "ask":
                assert event["number"] == len(asked) + 1
                asked.add(event["number"])
            case "fit":
                assert event["trial"] in asked - told
                fits[event["trial"]] += 1
            case "tell":
                assert event["trial"] in asked - told
                assert fits[event["trial"]] >= len(event["fold_costs"])
                told.add(event["trial"])
    assert asked == told == set(found.results)
    history = read_history(run / "events.jsonl")
    assert history.results == found.results
    assert history.trials == found.trials


def test_everything_is_on_disk_when_the_watcher_is_told(run: RunDirectory) -> None:
    seen_on_disk = []

    def look(result: TrialResult) -> None:
        seen_on_disk.append(read_history(run / "events.jsonl").results[result.trial] == result)

    search(run, bowl, trials=4, watcher=Watcher(look))

    assert seen_on_disk == [True] * 4


def test_the_deadline_ends_a_search_whose_fits_hang(run: RunDirectory) -> None:
    began = time.monotonic()
    with pytest.raises(RunFailedError, match="not one trial finished within the time"):
        search(run, bowl, deadline=began + REPORT_SECONDS + 1.0, stuck=True)
    assert time.monotonic() - began < 20


def test_the_deadline_leaves_open_trials_untold(run: RunDirectory) -> None:
    deadline = time.monotonic() + REPORT_SECONDS + 4.0

    def slow(config: Mapping[str, Any], fold: int) -> float:
        time.sleep(0.1)
        return bowl(config, fold)

    found, _ = search(run, slow, trials=None, deadline=deadline, workers=2)

    assert found.stopped == "time"
    assert 1 <= len(found.results) <= len(found.trials)
    assert time.monotonic() < deadline


def test_nothing_is_asked_when_there_is_no_time(run: RunDirectory) -> None:
    with pytest.raises(RunFailedError, match="not one trial"):
        search(run, bowl, deadline=time.monotonic())
    assert not (run / "events.jsonl").exists()


def test_time_is_kept_for_training_on_all_rows(run: RunDirectory) -> None:
    # one fit takes 100 s, so training on all rows takes longer than the 60 s that are left
    found, _ = search(
        run, bowl, trials=None, deadline=time.monotonic() + 60.0, seconds=100.0, n_folds=1
    )

    assert len(found.results) == 1
    assert found.stopped == "time"


def test_one_worker_keeps_time_for_the_winner_and_the_default_both(run: RunDirectory) -> None:
    # 1.3 × 1.25 × 100 s for each of the two, 330 s in all
    def better_and_better(config: Mapping[str, Any], fold: int) -> float:
        return float(next(costs))

    costs = iter(range(100, 0, -1))
    times = {"trials": 5, "seconds": 100.0, "n_folds": 1}
    now = time.monotonic()
    one, _ = search(run, better_and_better, deadline=now + 250.0, **times)
    other = RunDirectory.create(run.path.parent, "other")
    two, _ = search(other, better_and_better, deadline=now + 250.0, workers=2, **times)

    assert len(one.results) == 2
    assert len(two.results) == 5


def test_limits_estimate_the_number_of_trials() -> None:
    now = time.monotonic()
    assert SearchLimits(None, now + 100).seconds_left(30) == pytest.approx(
        70 - REPORT_SECONDS, abs=5
    )
    assert SearchLimits(10, float("inf")).expected_trials(1e9) == 10
    assert SearchLimits(None, now + 10).expected_trials(1e-9) > 100
    assert SearchLimits(None, now).expected_trials(1.0) == 1


def test_when_all_trials_fail_the_commonest_reason_is_named_with_its_count(
    run: RunDirectory,
) -> None:
    def fail(config: Mapping[str, Any], fold: int) -> Status:
        return Status.TIMEOUT if config["x"] == 0.9 else Status.CRASHED

    with pytest.raises(RunFailedError) as caught:
        search(run, fail, trials=5)

    assert "all 5 trials failed" in str(caught.value)
    assert "(4 of 5): it crashed" in str(caught.value)
    assert len(read_history(run / "events.jsonl").results) == 5


@pytest.mark.parametrize("workers", [1, 8])
def test_a_finite_space_is_used_up_and_the_search_ends(run: RunDirectory, workers: int) -> None:
    space = ConfigurationSpace(seed=0)
    space.add(Categorical("a", [1, 2, 3]), Categorical("b", [True, False]))

    found, _ = search(
        run, lambda c, _: float(c["a"]), space=space, trials=None, n_folds=1, workers=workers
    )

    assert found.stopped == "space exhausted"
    configs = [tuple(trial.config.items()) for trial in found.trials.values()]
    assert len(set(configs)) == len(configs) == 6
    assert found.incumbent.cost == 1.0


def test_trials_are_counted_by_origin_and_status(run: RunDirectory) -> None:
    found, _ = search(run, crash_right_half, trials=12)

    assert sum(found.count_by_origin().values()) == 12
    assert found.count_by_origin()[Origin.DEFAULT.value] == 1
    assert found.count_by_origin()[Origin.INITIAL.value] == 2
    assert found.count_by_origin()[Origin.MODEL.value] >= 5
    assert sum(found.count_by_status().values()) == 12
    assert set(found.count_by_status()) == {"success", "crashed"}


def test_the_search_gets_better_than_its_initial_design(run: RunDirectory) -> None:
    found, _ = search(run, bowl, trials=40, n_folds=1)

    assert found.incumbent.cost < 1.02
    assert found.incumbent.origin in (Origin.MODEL, Origin.RANDOM)


@pytest.mark.parametrize("name", ["events.jsonl", "incumbents.jsonl"])
def test_a_full_disk_is_an_error_and_no_hang(run: RunDirectory, name: str) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    (run / name).symlink_to(full)

    with pytest.raises(RunDirectoryError, match=f"{name}: No space left"):
        search(run, bowl)


def test_predictions_that_cannot_be_stored_are_an_error(run: RunDirectory) -> None:
    (run / "predictions").write_text("in the way")

    with pytest.raises(RunDirectoryError, match=r"trial_0001\.npy"):
        search(run, bowl)


def test_smac_files_that_cannot_be_written_are_an_error(run: RunDirectory) -> None:
    (run / "smac").write_text("in the way")

    with pytest.raises(RunDirectoryError, match="smac"):
        search(run, bowl)


class Interrupted(SimulatedExecutor):
    """The user presses Ctrl-C while the third result is waited for."""

    def next_result(self, timeout: float) -> Any:
        if len(self.computed) == 3:
            raise KeyboardInterrupt
        return super().next_result(timeout)


def test_an_interrupt_leaves_what_is_finished_in_the_journal(run: RunDirectory) -> None:
    evaluation = make_evaluation(1)
    executor = Interrupted(evaluation, bowl, workers=2)
    records = SearchRecords(run, Watcher())
    smac = make_smac(plane(), run / "smac")

    with pytest.raises(KeyboardInterrupt):
        Optimizer(smac, executor, evaluation, records, SearchLimits(9, float("inf"))).run()
    smac.close()
    records.close()

    assert sorted(read_history(run / "events.jsonl").results) == [1, 2, 3]
    assert json.loads((run / "smac/smac/0/runhistory.json").read_text())["stats"]["finished"] == 3
