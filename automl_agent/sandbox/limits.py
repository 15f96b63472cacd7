"""Tier `limits`: the worker as an ordinary child with a clean environment and resource limits.

It stops accidents, not intent: generated code has the user's rights, files and network.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from automl_agent.sandbox.base import PYTHON_OPTIONS, Launch, Mounts, worker_environment

WARNING = (
    "generated code runs with your own rights, files and network (only time, memory and the "
    "environment are limited); install bubblewrap to contain it"
)


@dataclass(frozen=True)
class LimitsOnly:
    """Runs the worker with nothing around it."""

    name: str = "limits"
    warning: str = WARNING

    def launch(self, mounts: Mounts) -> Launch:
        """See `Tier.launch`."""
        scratch = str(mounts.scratch)
        return Launch(
            command=(sys.executable, *PYTHON_OPTIONS, str(mounts.worker)),
            environment=worker_environment(scratch),
            data=None if mounts.data is None else str(mounts.data),
            scratch=scratch,
        )
