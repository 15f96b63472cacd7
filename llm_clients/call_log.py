"""llm_calls.jsonl: one line per call, prompt and reply included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from llm_clients.base import LLMClient
from llm_clients.exceptions import LLMError
from llm_clients.types import Completion, CompletionRequest


class LoggedClient:
    """Passes requests to another client and writes down every call.

    Args:
        client: the one that answers.
        write: takes one JSON-ready record per call.
    """

    def __init__(self, client: LLMClient, write: Callable[[dict[str, Any]], None]) -> None:
        self._client = client
        self._write = write

    @property
    def name(self) -> str:
        """The backend's name."""
        return self._client.name

    def complete(self, request: CompletionRequest) -> Completion:
        """Answer through the wrapped client; see `LLMClient.complete`."""
        record: dict[str, Any] = {
            "purpose": request.purpose,
            "backend": self._client.name,
            "messages": [asdict(message) for message in request.messages],
        }
        try:
            completion = self._client.complete(request)
        except LLMError as error:
            self._write({**record, "error": str(error)})
            raise
        self._write({**record, **asdict(completion)})
        return completion
