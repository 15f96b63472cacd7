"""One finished run that the tests of the command line share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cli_command import RUN, Ended, automl_agent


def fruit(n_rows: int, seed: int = 0) -> pd.DataFrame:
    """A table with Unicode in its names and labels, a category and a few gaps."""
    rng = np.random.default_rng(seed)
    kind = np.where(np.arange(n_rows) % 2 == 0, "Äpfel", "梨")
    size = rng.normal(np.where(kind == "梨", 2.0, 0.0), 0.8)
    colour = np.where(rng.random(n_rows) < 0.7, np.where(kind == "梨", "жёлтый", "rot"), "grün")
    table = pd.DataFrame({"größe": size.round(4), "цвет": colour, "種類": kind})
    table.loc[3, "größe"] = np.nan
    return table


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="session")
def finished(workplace: Path) -> Ended:
    """How `tune --json` ended; the run lies in `logs` and is called RUN."""
    train = workplace / "früchte.csv"
    fruit(60).to_csv(train, index=False)
    return automl_agent(
        *("tune", "--dataset", train, "--target", "種類", "--model", "linear", "--trials", 3),
        *("--folds", 2, "--workers", 1, "--name", RUN, "--logs", workplace / "logs", "--json"),
    )


@pytest.fixture(scope="session")
def logs(workplace: Path, finished: Ended) -> Path:
    """The folder that holds the finished run."""
    assert finished.code == 0, finished
    return workplace / "logs"


@pytest.fixture
def new_rows(tmp_path: Path) -> Path:
    path = tmp_path / "new.csv"
    fruit(7, seed=1).drop(columns="種類").to_csv(path, index=False)
    return path


@pytest.fixture
def empty_logs(tmp_path: Path) -> Iterator[Path]:
    """A folder in which a refused command must leave nothing."""
    folder = tmp_path / "logs"
    yield folder
    assert not folder.is_dir() or list(folder.iterdir()) == []
