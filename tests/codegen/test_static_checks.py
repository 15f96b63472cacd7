"""What is found wrong without running the code."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest

from automl_agent.codegen.components import Component
from automl_agent.codegen.feedback import Failure, Stage
from automl_agent.codegen.static_checks import check_statically, imported_modules

BODY = "\n    return None\n"
TRAIN, SPACE, SCENARIO = Component.TRAIN, Component.CONFIG_SPACE, Component.SCENARIO


def refused(source: str, component: Component = TRAIN) -> Failure:
    failure = check_statically(source, component)
    assert failure is not None
    return failure


def train(parameters: str, head: str = "") -> str:
    return f"{head}def train({parameters}):{BODY}"


GOOD = train("config, X, y, *, seed, budget")


@pytest.mark.parametrize(
    ("source", "line", "told"),
    [
        ("def train(config\n    pass\n", 1, "was never closed"),
        ("import os\n\nx = = 1\n", 3, "invalid syntax"),
        (f"{GOOD}  y = 1\n", 3, "unindent"),
        ("def train():\nreturn 1\n", 2, "expected an indented block"),
        (GOOD.replace("None", "“a”"), 2, "U+201C"),
        (GOOD.replace("None", "'unclosed"), 2, "unterminated string"),
    ],
)
def test_a_syntax_error_is_named_with_its_line(source: str, line: int, told: str) -> None:
    failure = refused(source)
    assert failure.stage is Stage.SYNTAX
    text = failure.text()
    assert "Error: " in text
    assert told in text
    assert f"(line {line})" in text
    assert f"train.py, line {line}: " in text
    assert f"Python {sys.version_info.major}.{sys.version_info.minor}" in text


@pytest.mark.parametrize("source", ["x = '\0'\n", "(" * 100_000, "-" * 100_000 + "1"])
def test_what_no_parser_takes_is_a_failure_and_no_exception(source: str) -> None:
    assert refused(source).stage is Stage.SYNTAX


@pytest.mark.parametrize(
    "parameters",
    [
        "config, X, y, *, seed, budget",
        "config, X, y, *, seed: int, budget: float | None = None",
        "config, X, y, seed, budget",
        "config, X, y, budget=None, seed=0",
        "config, X, y, **kwargs",
        "config, X, y, *, seed, **rest",
        "config, X, y, /, *, seed, budget",
        "config, X, y, /, seed, budget",
        "config, /, X, y, seed, budget",
        "params, features, labels, *, seed, budget",
        "config, X, y, *, seed, budget, verbose=False",
        "config, X, y, n_jobs=1, *, seed, budget",
        "*args, seed, budget",
    ],
)
def test_signatures_that_can_be_called_as_the_contract_says(parameters: str) -> None:
    assert check_statically(train(parameters), TRAIN) is None


@pytest.mark.parametrize(
    "parameters",
    [
        "",
        "config, X, *, seed, budget",
        "config, X, y",
        "config, X, y, *, seed",
        "config, X, y, *, budget",
        "config, X, y, random_state, budget",
        "config, X, y, *, seed, budget, n_jobs",
        "config, X, y, z, *, seed, budget",
        "config, X, y, seed, budget, /",
        "X, y, config, *, seed, budget",
        "config, y, X, *, seed, budget",
        "config, *, X, y, seed, budget",
        "self, config, X, y, *, seed, budget",
        "config, X, y, *args",
    ],
)
def test_signatures_that_cannot(parameters: str) -> None:
    failure = refused(train(parameters))
    assert failure.stage is Stage.SIGNATURE
    assert f"def train({parameters})" in failure.problem
    assert "def train(config, X, y, *, seed, budget)" in failure.text()


@pytest.mark.parametrize(
    "source",
    [
        "",
        f"def fit(config, X, y, *, seed, budget):{BODY}",
        "class Trainer:\n    def train(self, config, X, y, *, seed, budget):\n        pass\n",
        "if True:\n    def train(config, X, y, *, seed, budget):\n        pass\n",
        "train = None\n",
    ],
)
def test_a_function_that_is_not_there(source: str) -> None:
    failure = refused(source)
    assert failure.stage is Stage.SIGNATURE
    assert "does not define a function train() at its top level" in failure.text()
    assert "def train(config, X, y, *, seed, budget)" in failure.text()


def test_an_async_function_is_called_that() -> None:
    failure = refused(f"async {GOOD}")
    assert failure.stage is Stage.SIGNATURE
    assert "async" in failure.text()


def test_of_two_definitions_the_last_one_counts() -> None:
    assert check_statically(train("config") + GOOD, TRAIN) is None
    assert refused(GOOD + train("config")).stage is Stage.SIGNATURE


def test_the_other_components() -> None:
    space = f"def get_configspace():{BODY}"
    assert check_statically(space, SPACE) is None
    assert check_statically(f"def get_configspace(seed=0):{BODY}", SPACE) is None
    assert refused(f"def get_configspace(seed):{BODY}", SPACE).stage is Stage.SIGNATURE
    initial = f"{space}def get_initial_configurations(space):{BODY}"
    assert "get_initial_configurations(space)" in refused(initial, SPACE).problem
    assert check_statically(initial.replace("(space)", "()"), SPACE) is None
    assert check_statically(f"def get_scenario(cs):{BODY}", SCENARIO) is None
    assert "get_scenario()" in refused(f"def get_scenario():{BODY}", SCENARIO).problem


@pytest.mark.parametrize(
    "statement",
    [
        "import os, sys",
        "from __future__ import annotations",
        "import sklearn.ensemble as ensemble",
        "from sklearn.ensemble import RandomForestClassifier",
        "try:\n    import no_such_library\nexcept ImportError:\n    no_such_library = None",
        "try:\n    import no_such_library\nexcept (OSError, ModuleNotFoundError):\n    pass",
        "try:\n    import no_such_library\nexcept:\n    pass",
    ],
)
def test_imports_that_work_or_may_fail(statement: str) -> None:
    assert check_statically(f"{statement}\n{GOOD}", TRAIN) is None


@pytest.mark.parametrize(
    ("statement", "line", "name"),
    [
        ("import no_such_library", 1, "no_such_library"),
        ("import os\nimport no_such_library.part as p", 2, "no_such_library"),
        ("from no_such_library.part import thing", 1, "no_such_library"),
        ("def f():\n    import no_such_library", 2, "no_such_library"),
        ("try:\n    import no_such_library\nfinally:\n    pass", 2, "no_such_library"),
        ("try:\n    import no_such_library\nexcept OSError:\n    pass", 2, "no_such_library"),
        ("try:\n    import os\nexcept ImportError:\n    import no_such_one", 4, "no_such_one"),
        ("import __main__", 1, "__main__"),
    ],
)
def test_imports_that_cannot_work(statement: str, line: int, name: str) -> None:
    failure = refused(f"{statement}\n{GOOD}")
    assert failure.stage is Stage.IMPORTS
    assert f"No module named '{name}' (imported in line {line})" in failure.text()
    assert "libraries that are installed" in failure.text()


@pytest.mark.parametrize(
    "statement",
    [
        "from . import config_space",
        "from .config_space import get_configspace",
        "from .. import x",
        "import config_space",
        "from config_space import get_configspace",
    ],
)
def test_generated_modules_cannot_import_one_another(
    statement: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config_space.py").write_text("")  # lies about, but not in the sandbox
    monkeypatch.syspath_prepend(tmp_path)
    failure = refused(f"{statement}\n{GOOD}")
    assert failure.stage is Stage.IMPORTS
    assert "cannot import one another" in failure.text()


def test_checking_shows_no_warnings() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_statically(f"PATTERN = '\\d'\n{GOOD}", TRAIN) is None


def test_a_long_chain_of_branches_is_no_trouble() -> None:
    chain = "if x == 0:\n    pass\n" + "".join(f"elif x == {n}:\n    pass\n" for n in range(300))
    assert check_statically(f"x = 1\n{chain}{GOOD}", TRAIN) is None


def test_imported_modules_are_named_once_in_order() -> None:
    source = (
        "import os\nimport numpy as np\nfrom sklearn.tree import A\nfrom . import x\n"
        "def f():\n    import os, json.decoder\n"
    )
    assert imported_modules(source) == ("os", "numpy", "sklearn.tree", "json.decoder")
