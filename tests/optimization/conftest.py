"""Fixtures of the search's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from automl_agent.run_directory import RunDirectory


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """An empty run directory."""
    return RunDirectory.create(tmp_path, "run")
