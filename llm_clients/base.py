"""The contract of every client."""

from __future__ import annotations

from typing import Protocol

from llm_clients.types import Completion, CompletionRequest


class LLMClient(Protocol):
    """Continues conversations. Clients may be called from several threads."""

    @property
    def name(self) -> str:
        """The backend's name, as the user gives it."""
        ...

    def complete(self, request: CompletionRequest) -> Completion:
        """Answer a request.

        Raises:
            LLMError: there is no usable answer; no other exception leaves a client.
        """
        ...
