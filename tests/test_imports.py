"""Importing costs little: the heavy libraries load when they are first used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "pandas",
    "numpy",
    "sklearn",
    "scipy",
    "pydantic",
    "smac",
    "ConfigSpace",
    "lightgbm",
    "pyarrow",
    "jinja2",
}
LOOK = "import sys; print(*sys.modules, file=sys.stderr)"


def loaded(code: str) -> set[str]:
    """Top-level modules in `sys.modules` after running `code` in a fresh process."""
    script = f"import atexit\natexit.register(lambda: exec({LOOK!r}))\n{code}"
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in done.stderr.split()}


def test_the_package_loads_nothing() -> None:
    modules = loaded("import automl_agent, llm_clients; automl_agent.__version__")
    assert "automl_agent" in modules
    assert not modules & (HEAVY | {"click", "rich"})


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["tune", "--help"]])
def test_help_loads_nothing(arguments: list[str]) -> None:
    modules = loaded(
        f"import sys; sys.argv[1:] = {arguments!r}\nfrom automl_agent.cli.main import main\nmain()"
    )
    assert "click" in modules
    assert not modules & HEAVY


def test_looking_at_runs_loads_little(tmp_path: Path) -> None:
    modules = loaded(
        f"import sys; sys.argv[1:] = ['runs', 'list', '--logs', {str(tmp_path)!r}]\n"
        "from automl_agent.cli.main import main\nmain()"
    )
    assert "rich" in modules
    assert not modules & HEAVY


def test_wrong_options_are_refused_before_anything_loads() -> None:
    modules = loaded(
        "import sys; sys.argv[1:] = ['tune', '--dataset', 'iris', '--trials', '-3', '--json']\n"
        "from automl_agent.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 2"
    )
    assert not modules & HEAVY


def test_the_public_names() -> None:
    import automl_agent

    for name in automl_agent.__all__:
        assert getattr(automl_agent, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        _ = automl_agent.nothing
