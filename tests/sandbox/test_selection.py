"""Which tier is chosen, and what its command line promises."""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from automl_agent.exceptions import InputError, SandboxUnavailableError
from automl_agent.sandbox.base import Mounts
from automl_agent.sandbox.bubblewrap import Bubblewrap, find_bubblewrap
from automl_agent.sandbox.selection import select_tier


@pytest.fixture(autouse=True)
def _fresh_choice() -> Iterator[None]:
    select_tier.cache_clear()
    yield
    select_tier.cache_clear()


def program(folder: Path, text: str) -> Path:
    path = folder / "bwrap"
    path.write_text(f"#!{sys.executable}\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_limits_can_always_be_chosen() -> None:
    tier = select_tier("limits")
    assert tier.name == "limits"
    assert "bubblewrap" in tier.warning


def test_unknown_tiers_are_input_errors() -> None:
    with pytest.raises(InputError, match="docker"):
        select_tier("docker")


def test_the_best_tier_is_chosen() -> None:
    expected = "limits" if find_bubblewrap() is None else "bubblewrap"
    assert select_tier().name == expected


def test_without_bubblewrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert select_tier("auto").name == "limits"
    with pytest.raises(SandboxUnavailableError, match="--sandbox limits"):
        select_tier("bubblewrap")


def test_a_bubblewrap_that_makes_no_namespaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "raise SystemExit(1)")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_bubblewrap() is None
    assert select_tier("auto").name == "limits"


def test_a_bubblewrap_that_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = program(tmp_path, "import os\nassert 'SECRET' not in os.environ")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SECRET", "x")
    assert select_tier("bubblewrap") == Bubblewrap(str(path))


def test_the_command_mounts_no_root_and_keeps_no_environment(tmp_path: Path) -> None:
    mounts = Mounts(tmp_path / "worker.py", None, tmp_path / "scratch")
    launch = Bubblewrap("bwrap").launch(mounts)
    command = list(launch.command)
    sources = [command[i + 1] for i, word in enumerate(command) if "bind" in word]
    assert sources
    assert not {"/", "/home", "/root", "/etc", "/tmp", str(tmp_path)} & set(sources)
    writable = [command[i + 1] for i, word in enumerate(command) if word == "--bind"]
    assert writable == [str(tmp_path / "scratch")]
    assert launch.environment == {}
    assert "--clearenv" in command
    assert launch.data is None
