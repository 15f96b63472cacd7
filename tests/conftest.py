"""Fixtures that several test modules use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from openml_server import LoopbackServer


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real datasets; without it a test is skipped, except in CI, where it fails."""
    named = os.environ.get("AUTOML_AGENT_TEST_DATA")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    if folder.is_dir():
        return folder
    reason = f"no real datasets at {folder} (set AUTOML_AGENT_TEST_DATA)"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of the test's own, and an OpenML that nobody answers for, unless a test says so."""
    monkeypatch.setenv("AUTOML_AGENT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AUTOML_AGENT_OPENML_SERVER", "http://127.0.0.1:9/api/v1/xml")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackServer]:
    """A server that stands for OpenML and the web."""
    with LoopbackServer().running() as server:
        monkeypatch.setenv("AUTOML_AGENT_OPENML_SERVER", server.api)
        yield server
