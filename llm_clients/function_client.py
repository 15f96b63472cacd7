"""A client whose model is a Python function of the request's facts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from llm_clients.exceptions import CompletionError, LLMError
from llm_clients.types import Completion, CompletionRequest


class FunctionClient:
    """Answers with `function(request.facts)`: the offline backend, and tests.

    Args:
        function: gives the reply's text.
        name: the backend's name.
    """

    def __init__(
        self, function: Callable[[Mapping[str, Any]], str], *, name: str = "function"
    ) -> None:
        self._function = function
        self._name = name

    @property
    def name(self) -> str:
        """The backend's name."""
        return self._name

    def complete(self, request: CompletionRequest) -> Completion:
        """Answer from the request's facts; see `LLMClient.complete`."""
        started = time.perf_counter()
        try:
            text: object = self._function(request.facts)
        except LLMError:
            raise
        except Exception as error:
            raise CompletionError(
                f"the {self._name} backend failed: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(text, str):
            kind = type(text).__name__
            raise CompletionError(f"the {self._name} backend gave a {kind} and no text")
        return Completion(text, model=self._name, seconds=time.perf_counter() - started)
