"""Tuned machine learning whose code a language model writes and SMAC searches.

from automl_agent import tune, load_run

run = tune("iris", model="random_forest", trials=25)
run.incumbent, run.trajectory(), run.predict(frame)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automl_agent.version import __version__

if TYPE_CHECKING:
    from automl_agent.api import load_run as load_run
    from automl_agent.api import tune as tune
    from automl_agent.exceptions import AutoMLAgentError, InputError, RunFailedError

__all__ = ["AutoMLAgentError", "InputError", "RunFailedError", "__version__", "load_run", "tune"]


def __getattr__(name: str) -> Any:
    # importing the package costs nothing: the libraries load when a function is first used
    if name in ("tune", "load_run"):
        from automl_agent import api

        return getattr(api, name)
    if name in __all__:
        from automl_agent import exceptions

        return getattr(exceptions, name)
    raise AttributeError(f"module 'automl_agent' has no attribute {name!r}")
