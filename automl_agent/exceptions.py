"""What can go wrong in our machinery. Failing *generated* code is data, not one of these.

AutoMLAgentError
├── InputError               the user's data, path or option is wrong       exit code 2
├── RunFailedError           a run ended without a model                    exit code 1
│   └── GenerationError      no reply became working code
├── SandboxUnavailableError  a sandbox could not be started                 exit code 1
└── RunDirectoryError        the run directory cannot be written or read    exit code 1
"""

from __future__ import annotations


class AutoMLAgentError(Exception):
    """Root of all errors raised on purpose; `str(error)` is one line for the user.

    Args:
        message: what is wrong and where.
        hint: what to do about it; shown behind the message.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class InputError(AutoMLAgentError):
    """The data, a path or an option given by the user cannot be used."""

    exit_code = 2


class RunFailedError(AutoMLAgentError):
    """The run ended without a usable model."""


class GenerationError(RunFailedError):
    """No reply of the language model became working code within the allowed attempts."""


class SandboxUnavailableError(AutoMLAgentError):
    """The sandbox could not be started or kept breaking down."""


class RunDirectoryError(AutoMLAgentError):
    """The run directory cannot be created, written or read."""
