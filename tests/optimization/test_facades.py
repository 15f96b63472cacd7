"""SMAC behind ask and tell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ConfigSpace import (
    Categorical,
    ConfigurationSpace,
    Constant,
    Float,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    Integer,
)
from simulated import make_smac, mixed_space, plane

from automl_agent.optimization.facades import (
    SmacSearch,
    SpaceExhaustedError,
    initial_design_size,
)
from automl_agent.optimization.trial import Origin, Status


def cost_of(config: dict[str, Any]) -> float:
    radius = config.get("radius", 5.0)
    return 1.0 + abs(radius - 2.0) + 0.01 * abs(config["n"] - 30) + (0.0 if config["fast"] else 1.0)


def drive(smac: SmacSearch, n: int) -> list[tuple[str, dict[str, Any]]]:
    asked = []
    for _ in range(n):
        point = smac.ask()
        asked.append((point.origin.value, dict(point.config)))
        smac.tell(point, Status.SUCCESS, cost_of(dict(point.config)), 0.1)
    return asked


def test_default_then_suggestions_then_sobol_then_the_model(tmp_path: Path) -> None:
    default = {"x": 0.9, "z": 0.9}
    suggested = [{"x": 0.1, "z": 0.2}, {"x": 0.6, "z": 0.2}]
    smac = make_smac(plane(), tmp_path, initial=[default, *suggested], n_sobol=2)

    asked = []
    for _ in range(9):
        asked.append(smac.ask())
        smac.tell(asked[-1], Status.SUCCESS, asked[-1].config["x"] + 1, 0.1)

    assert [point.config for point in asked[:3]] == [default, *suggested]
    assert [point.origin for point in asked[:5]] == [Origin.DEFAULT] + [Origin.INITIAL] * 4
    assert {point.origin for point in asked[5:]} <= {Origin.MODEL, Origin.RANDOM}
    assert Origin.MODEL in {point.origin for point in asked[5:]}


def test_a_configuration_that_is_suggested_twice_is_asked_once(tmp_path: Path) -> None:
    default = {"x": 0.9, "z": 0.9}
    smac = make_smac(plane(), tmp_path, initial=[default, dict(default)], n_sobol=0)

    first, second = smac.ask(), smac.ask()

    assert first.config == default
    assert second.config != default


@pytest.mark.parametrize(
    ("dimensions", "trials", "expected"),
    [(2, 50, 2), (8, 50, 5), (8, 20, 2), (8, 9, 0), (8, 1e9, 5), (0, 100, 0), (3, 1.0, 0)],
)
def test_initial_design_size(dimensions: int, trials: float, expected: int) -> None:
    assert initial_design_size(dimensions, trials) == expected


def test_configurations_are_plain_python(tmp_path: Path) -> None:
    space = mixed_space()
    for _, config in drive(make_smac(space, tmp_path, n_sobol=5), 15):
        assert {type(value) for value in config.values()} <= {str, bool, int, float}
        assert type(config["fast"]) is bool
        assert type(config["n"]) is int
        assert ("radius" in config) == (config["kind"] == "round")
        assert json.loads(json.dumps(config)) == config


@pytest.mark.parametrize("status", [Status.CRASHED, Status.TIMEOUT, Status.MEMORY_OUT])
def test_the_search_goes_on_when_every_trial_fails(tmp_path: Path, status: Status) -> None:
    smac = make_smac(plane(), tmp_path)
    configs = []
    for _ in range(8):
        point = smac.ask()
        configs.append(tuple(point.config.values()))
        smac.tell(point, status, None, 0.1)
    smac.close()

    assert len(set(configs)) == 8
    history = json.loads((tmp_path / "smac/0/runhistory.json").read_text())
    assert [entry["cost"] for entry in history["data"]] == [10.0] * 8


def test_failed_regions_are_avoided(tmp_path: Path) -> None:
    smac = make_smac(plane(), tmp_path)
    asked = []
    for _ in range(30):
        point = smac.ask()
        x = point.config["x"]
        asked.append((point.origin, x))
        if x > 0.4:
            smac.tell(point, Status.CRASHED, None, 0.1)
        else:
            smac.tell(point, Status.SUCCESS, 1.0 + x, 0.1)

    late = [x for origin, x in asked[15:] if origin is Origin.MODEL]
    assert sum(x <= 0.4 for x in late) > 0.7 * len(late)


@pytest.mark.slow
def test_a_model_beats_random_search(tmp_path: Path) -> None:
    def best(seed: int, *, told: bool) -> float:
        smac = make_smac(plane(), tmp_path / f"{seed}-{told}", seed=seed)
        lowest = 10.0
        for _ in range(25):
            point = smac.ask()
            cost = 1.0 + (point.config["x"] - 0.2) ** 2 + (point.config["z"] - 0.6) ** 2
            lowest = min(lowest, cost)
            # one that learns nothing is told the same cost whatever it asks
            smac.tell(point, Status.SUCCESS, cost if told else 1.0, 0.1)
        return lowest - 1.0

    with_model = sorted(best(seed, told=True) for seed in range(5))
    without = sorted(best(seed, told=False) for seed in range(5))
    assert with_model[2] < 0.5 * without[2]


def _finite() -> ConfigurationSpace:
    space = ConfigurationSpace(seed=0)
    space.add(Categorical("a", list("abcd")), Integer("b", (1, 5)))
    return space


def _forbidden() -> ConfigurationSpace:
    space = _finite()
    clause = ForbiddenAndConjunction(
        ForbiddenEqualsClause(space["a"], "b"), ForbiddenEqualsClause(space["b"], 2)
    )
    space.add(clause)
    return space


@pytest.mark.parametrize(("make", "size"), [(_finite, 20), (_forbidden, 19)])
def test_all_of_a_finite_space_is_asked_and_then_no_more(
    tmp_path: Path, make: Callable[[], ConfigurationSpace], size: int
) -> None:
    smac = make_smac(make(), tmp_path)
    seen = set()
    for _ in range(size):
        point = smac.ask()
        seen.add(tuple(point.config.items()))
        smac.tell(point, Status.SUCCESS, 1.0, 0.1)
    for _ in range(2):
        with pytest.raises(SpaceExhaustedError):
            smac.ask()
    assert len(seen) == size


def test_a_finite_space_ends_though_nothing_was_told(tmp_path: Path) -> None:
    # more workers than configurations: SMAC by itself would draw for ever
    smac = make_smac(_finite(), tmp_path, n_sobol=1)
    seen = set()
    for _ in range(20):
        seen.add(tuple(smac.ask().config.items()))
    assert len(seen) == 20
    with pytest.raises(SpaceExhaustedError):
        smac.ask()


def test_constants_are_carried_along(tmp_path: Path) -> None:
    space = ConfigurationSpace(seed=0)
    space.add(Constant("c", "fixed"), Float("x", (0, 1)))
    smac = make_smac(space, tmp_path, n_sobol=1)
    for _ in range(5):
        point = smac.ask()
        assert point.config["c"] == "fixed"
        smac.tell(point, Status.SUCCESS, 1.0 + point.config["x"], 0.1)


def test_smac_writes_its_files(tmp_path: Path) -> None:
    smac = make_smac(mixed_space(), tmp_path, seed=7)
    drive(smac, 6)
    smac.ask()  # still running when the search ends
    smac.close()

    folder = tmp_path / "smac/7"
    files = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    assert set(files) == {
        "configspace",
        "intensifier",
        "optimization",
        "runhistory",
        "scenario",
    }
    assert files["runhistory"]["stats"]["finished"] == 6
    assert files["intensifier"]["trajectory"]
    assert ConfigurationSpace.from_json(folder / "configspace.json") == mixed_space()


_SCRIPT = """
import json, sys
from pathlib import Path
from simulated import make_smac, mixed_space
from test_facades import drive
smac = make_smac(mixed_space(), Path(sys.argv[1]), seed=3)
asked = drive(smac, 20)
smac.close()
Path(sys.argv[1], "asked.json").write_text(json.dumps(asked))
"""


def _in_a_process(folder: Path, hash_seed: str) -> subprocess.CompletedProcess[str]:
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parents[1]), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(folder)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


@pytest.mark.slow
def test_the_same_seed_asks_the_same_in_every_process_and_prints_nothing(tmp_path: Path) -> None:
    asked = []
    for hash_seed in ("1", "2", "77"):
        folder = tmp_path / hash_seed
        ended = _in_a_process(folder, hash_seed)
        assert (ended.stdout, ended.stderr) == ("", "")
        asked.append(json.loads((folder / "asked.json").read_text()))
    assert asked[0] == asked[1] == asked[2]
    assert len({json.dumps(config) for _, config in asked[0]}) == 20


def test_other_seeds_ask_otherwise(tmp_path: Path) -> None:
    one = drive(make_smac(mixed_space(), tmp_path / "1", seed=1), 5)
    other = drive(make_smac(mixed_space(), tmp_path / "2", seed=2), 5)
    assert one[0] == other[0]  # the default
    assert one[2:] != other[2:]
