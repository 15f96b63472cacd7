"""What goes to a language model and what comes back: frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True)
class CompletionRequest:
    """A conversation to be continued.

    Attributes:
        messages: the conversation so far, system message first.
        purpose: what the answer is for, in one word; logged with the call.
        facts: the machine-readable content of the prompt. Hosted models never see it; a
            `FunctionClient` answers from it.
        json_schema: schema that the answer must follow, if any.
    """

    messages: tuple[Message, ...]
    purpose: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    json_schema: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Usage:
    """Tokens that a call used; 0 where nothing was counted."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Both together."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True)
class Completion:
    """An answer.

    Attributes:
        text: the reply.
        model: the model's name as the server answered it.
        usage: tokens used.
        seconds: time from request to the end of the answer.
        finish_reason: why the model stopped ("stop", "length", ...).
    """

    text: str
    model: str
    usage: Usage = Usage()
    seconds: float = 0.0
    finish_reason: str = "stop"
