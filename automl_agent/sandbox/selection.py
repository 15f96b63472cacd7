"""Which tier this machine offers, best first."""

from __future__ import annotations

from functools import cache

from automl_agent.exceptions import InputError, SandboxUnavailableError
from automl_agent.sandbox.base import Tier
from automl_agent.sandbox.bubblewrap import find_bubblewrap
from automl_agent.sandbox.limits import LimitsOnly

CHOICES = ("auto", "bubblewrap", "limits")


@cache
def select_tier(choice: str = "auto") -> Tier:
    """The tier asked for, or the best one that works here.

    Raises:
        InputError: no such tier.
        SandboxUnavailableError: the tier asked for does not work here.
    """
    if choice not in CHOICES:
        raise InputError(f"unknown sandbox {choice!r}", f"choose from {', '.join(CHOICES)}")
    if choice == "limits":
        return LimitsOnly()
    bubblewrap = find_bubblewrap()
    if bubblewrap is not None:
        return bubblewrap
    if choice == "bubblewrap":
        raise SandboxUnavailableError(
            "bubblewrap is not installed or cannot make namespaces here",
            "install the package bubblewrap, or use --sandbox limits",
        )
    return LimitsOnly()
