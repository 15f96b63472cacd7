"""The contract of the clients: answers, records, and nothing but LLMError when they fail."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from typing import Any

import pytest

from llm_clients.call_log import LoggedClient
from llm_clients.exceptions import CompletionError, LLMError, UnknownModelError
from llm_clients.function_client import FunctionClient
from llm_clients.types import Completion, CompletionRequest, Message, Usage

REQUEST = CompletionRequest(
    (Message("system", "Be brief."), Message("user", "Grüße 日本")),
    purpose="train",
    facts={"number": 3, "anything": object()},
)


def test_the_function_gets_the_facts_and_gives_the_text() -> None:
    client = FunctionClient(lambda facts: f"number {facts['number']}", name="mine")
    completion = client.complete(REQUEST)
    assert completion.text == "number 3"
    assert completion.model == client.name == "mine"
    assert completion.finish_reason == "stop"
    assert completion.usage.total_tokens == 0
    assert completion.seconds >= 0


@pytest.mark.parametrize("error", [KeyError("size"), ValueError("no"), RecursionError()])
def test_no_foreign_exception_leaves_the_function_client(error: Exception) -> None:
    def fail(facts: Any) -> str:
        raise error

    with pytest.raises(CompletionError, match="the mine backend failed") as caught:
        FunctionClient(fail, name="mine").complete(REQUEST)
    assert type(error).__name__ in str(caught.value)
    assert caught.value.__cause__ is error


def test_errors_of_the_package_pass_unchanged() -> None:
    error = UnknownModelError("no model x", "try y")

    def fail(facts: Any) -> str:
        raise error

    with pytest.raises(UnknownModelError) as caught:
        FunctionClient(fail).complete(REQUEST)
    assert caught.value is error


@pytest.mark.parametrize("text", [None, 3, b"bytes"])
def test_a_function_that_gives_no_text_is_an_error(text: Any) -> None:
    with pytest.raises(CompletionError, match="no text"):
        FunctionClient(lambda facts: text).complete(REQUEST)


def test_interrupts_are_not_swallowed() -> None:
    def interrupt(facts: Any) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FunctionClient(interrupt).complete(REQUEST)


def test_a_logged_call_is_recorded_with_prompt_reply_and_cost() -> None:
    class Counting:
        name = "counting"

        def complete(self, request: CompletionRequest) -> Completion:
            return Completion("reply", "model-1", Usage(7, 5), 0.25, "length")

    records: list[dict[str, Any]] = []
    client = LoggedClient(Counting(), records.append)
    assert client.name == "counting"
    assert client.complete(REQUEST) == Completion("reply", "model-1", Usage(7, 5), 0.25, "length")
    (record,) = json.loads(json.dumps(records))  # the facts, which need not be JSON, stay out
    assert record == {
        "purpose": "train",
        "backend": "counting",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Grüße 日本"},
        ],
        "text": "reply",
        "model": "model-1",
        "usage": {"prompt_tokens": 7, "completion_tokens": 5},
        "seconds": 0.25,
        "finish_reason": "length",
    }


def test_a_failed_call_is_recorded_and_raised() -> None:
    records: list[dict[str, Any]] = []

    def fail(facts: Any) -> str:
        raise CompletionError("the server is down", "wait")

    with pytest.raises(CompletionError):
        LoggedClient(FunctionClient(fail, name="mine"), records.append).complete(REQUEST)
    (record,) = records
    assert record["error"] == "the server is down (wait)"
    assert record["messages"][1]["content"] == "Grüße 日本"
    assert "text" not in record


def test_a_record_is_written_before_the_answer_is_used() -> None:
    def full(record: dict[str, Any]) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        LoggedClient(FunctionClient(lambda facts: "x"), full).complete(REQUEST)


@pytest.mark.parametrize("kind", [LLMError, UnknownModelError, CompletionError])
def test_errors_survive_pickling(kind: type[LLMError]) -> None:
    error = pickle.loads(pickle.dumps(kind("what", "hint")))
    assert type(error) is kind
    assert (error.message, error.hint, str(error)) == ("what", "hint", "what (hint)")
    assert str(kind("what")) == "what"


def test_requests_and_completions_are_frozen() -> None:
    with pytest.raises(AttributeError):
        REQUEST.purpose = "other"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        Completion("a", "b").text = "c"  # type: ignore[misc]


def test_the_package_knows_nothing_of_automl() -> None:
    code = (
        "import sys, llm_clients.call_log, llm_clients.function_client\n"
        "print([m for m in sys.modules if m.startswith(('automl_agent', 'numpy', 'pydantic'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
