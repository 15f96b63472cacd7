"""The wheel, installed into an empty environment outside the repository, tunes a model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(*command: str | Path, cwd: Path, timeout: float = 600) -> str:
    # the checkout must not help: no PYTHONPATH, another working folder
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    run(*pip, "--wheel-dir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.slow
def test_wheel_holds_the_packages_and_the_templates_only(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"automl_agent", "llm_clients"}
    templates = {str(p.relative_to(ROOT / "templates")) for p in (ROOT / "templates").rglob("*.j2")}
    packed = {
        name.removeprefix("automl_agent/_templates/")
        for name in names
        if name.startswith("automl_agent/_templates/")
    }
    assert templates
    assert templates <= packed
    assert any(name.endswith("py.typed") for name in names)


@pytest.mark.slow
def test_installed_wheel_tunes_from_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    binaries = tmp_path / "venv/bin"
    constraints = ROOT / "constraints.txt"
    pip = [binaries / "python", "-m", "pip", "install", "--quiet", "--constraint", constraints]
    run(*pip, wheel, cwd=tmp_path)
    command = [binaries / "automl-agent", "tune", "--dataset", "iris", "--model", "linear"]
    out = run(*command, "--trials", "3", "--json", cwd=tmp_path)
    result = json.loads(out)
    assert result["trials"]["finished"] == 3
    assert result["test"]["final"]["others"]["accuracy"] > 0.8
    assert (tmp_path / "logs" / result["run"] / "result.json").is_file()
