"""The figures that the README quotes, measured on this machine.

    python benchmarks/spine.py [--data FOLDER] [--only help iris adult ask]

help   `automl-agent --help`: median seconds of 10 runs
iris   `tune --dataset iris --model random_forest --trials 25 --workers 2`: seconds in all
adult  UCI Adult, its own train and test files, LightGBM, 60 s, 2 workers, seeds 0 to 2: test log
       loss beside the default configuration's
ask    SMAC's own work per trial, ours beside the stock HPO facade in its own settings (25 % Sobol
       points, retrained every 8 trials), and the best cost found: 50 trials, 5 seeds
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "automl_agent.cli.main"]
DATA = Path(os.environ.get("AUTOML_AGENT_TEST_DATA", Path(__file__).parents[2] / "shared/data"))


def timed(*arguments: str) -> tuple[float, str]:
    began = time.perf_counter()
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=True)
    return time.perf_counter() - began, done.stdout


def measure_help(_: Path) -> None:
    seconds = [timed("--help")[0] for _ in range(10)]
    print(f"help   median {statistics.median(seconds):.3f} s of {len(seconds)}")


def measure_iris(_: Path) -> None:
    with tempfile.TemporaryDirectory() as logs:
        seconds, _out = timed(
            "tune", "--dataset", "iris", "--model", "random_forest", "--trials", "25",
            "--workers", "2", "--logs", logs,
        )  # fmt: skip
    print(f"iris   {seconds:.1f} s in all for 25 trials")


def measure_adult(data: Path) -> None:
    tuned, default = [], []
    for seed in range(3):
        with tempfile.TemporaryDirectory() as logs:
            _, out = timed(
                "tune", "--dataset", str(data / "adult/adult-train.csv.gz"), "--target", "last",
                "--test-data", str(data / "adult/adult-test.csv.gz"), "--model", "lgbm",
                "--time", "60", "--workers", "2", "--seed", str(seed), "--logs", logs, "--json",
            )  # fmt: skip
        result: dict[str, Any] = json.loads(out)
        tuned.append(result["test"]["final"]["score"])
        default.append(result["test"]["default"]["score"])
        origins = result["trials"]["by_origin"]
        print(
            f"adult  seed {seed}: test log loss {tuned[-1]:.4f}, default {default[-1]:.4f}; "
            f"{result['trials']['finished']} trials {origins}; "
            f"{result['seconds']['search'] + result['seconds']['refit_and_report']:.1f} s"
        )
    print(f"adult  mean {statistics.mean(tuned):.4f}, default {statistics.mean(default):.4f}")


def measure_ask(_: Path) -> None:
    from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer
    from smac import HyperparameterOptimizationFacade, Scenario
    from smac.runhistory.dataclasses import TrialValue
    from smac.runhistory.enumerations import StatusType

    from automl_agent.optimization.facades import SmacSearch
    from automl_agent.optimization.trial import Status

    n_trials = 50
    space = ConfigurationSpace(seed=0)
    space.add(
        Float("rate", (1e-3, 1.0), log=True, default=0.5),
        Integer("rounds", (10, 1000), log=True, default=900),
        Integer("depth", (1, 20), default=1),
        Categorical("kind", ["a", "b", "c"]),
        *[Float(f"x{i}", (0.0, 1.0), default=0.9) for i in range(6)],
    )

    def cost(config: Any) -> float:
        value = (math.log10(config["rate"]) + 1.5) ** 2 + (math.log10(config["rounds"]) - 2) ** 2
        value += abs(config["depth"] - 7) / 10 + {"a": 0.5, "b": 0.0, "c": 1.0}[config["kind"]]
        return value + sum((config[f"x{i}"] - 0.3) ** 2 for i in range(6)) + 0.01

    def ours(folder: Path, seed: int) -> Callable[[], float]:
        search = SmacSearch(
            space, [dict(space.get_default_configuration())],
            n_sobol=5, seed=seed, crash_cost=99.0, folder=folder,
        )  # fmt: skip

        def trial() -> float:
            asked = search.ask()
            found = cost(asked.config)
            search.tell(asked, Status.SUCCESS, found, 0.1)
            return found

        return trial

    def stock(folder: Path, seed: int) -> Callable[[], float]:
        scenario = Scenario(
            space, output_directory=folder, deterministic=True, n_trials=n_trials, seed=seed
        )
        facade = HyperparameterOptimizationFacade(scenario, None, logging_level=False)

        def trial() -> float:
            info = facade.ask()
            found = cost(info.config)
            value = TrialValue(cost=found, time=0.1, status=StatusType.SUCCESS)
            facade.tell(info, value, save=False)
            return found

        return trial

    milliseconds = {}
    for name, make in (("ours", ours), ("stock", stock)):
        best, spent = [], []
        for seed in range(5):
            with tempfile.TemporaryDirectory() as folder:
                trial = make(Path(folder), seed)
                began = time.perf_counter()
                best.append(min(trial() for _ in range(n_trials)))
                spent.append(1000 * (time.perf_counter() - began) / n_trials)
        milliseconds[name] = statistics.median(spent)
        print(
            f"ask    {name}: {milliseconds[name]:.0f} ms a trial, "
            f"best cost {statistics.median(best):.3f} (medians of {len(best)} seeds)"
        )
    print(f"ask    stock takes {milliseconds['stock'] / milliseconds['ours']:.1f} times as long")


MEASURES = {
    "help": measure_help,
    "iris": measure_iris,
    "adult": measure_adult,
    "ask": measure_ask,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with adult/")
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=list(MEASURES))
    options = parser.parse_args()
    for name in options.only:
        MEASURES[name](options.data)


if __name__ == "__main__":
    main()
