"""What can go wrong between us and a language model: one root, so that nothing foreign escapes.

LLMError
├── UnknownModelError     no such backend
└── CompletionError       the call was made and gave no usable answer
"""

from __future__ import annotations


class LLMError(Exception):
    """Root of this package's errors; `str(error)` is one line for the user.

    Args:
        message: what went wrong.
        hint: what to do about it.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UnknownModelError(LLMError):
    """No backend goes by that name."""


class CompletionError(LLMError):
    """The call gave no usable answer."""
