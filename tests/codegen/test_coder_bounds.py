"""The bounds of the repair loop: retries, the fresh start, the deadline, a client that fails."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest
from scripted import Attempts, fenced, make_validator

from automl_agent.codegen.coder import Coder
from automl_agent.data.problem import Problem
from automl_agent.exceptions import GenerationError
from automl_agent.sandbox.process import WorkerProcess
from automl_agent.settings import TuneSettings
from llm_clients.base import LLMClient
from llm_clients.call_log import LoggedClient
from llm_clients.exceptions import CompletionError, LLMError
from llm_clients.function_client import FunctionClient
from llm_clients.types import Completion, CompletionRequest


class Bench:
    """Makes coders whose replies never reach the sandbox."""

    def __init__(self, worker: WorkerProcess, problem: Problem, settings: TuneSettings) -> None:
        self._validator = make_validator(worker, problem)
        self._facts = problem.facts(settings)
        self.attempts = Attempts()
        self.calls: list[dict[str, Any]] = []

    def coder(self, client: LLMClient, *, retries: int = 1, seconds: float = 600) -> Coder:
        return Coder(
            client=LoggedClient(client, self.calls.append),
            validator=self._validator,
            facts=self._facts,
            retries=retries,
            deadline=time.monotonic() + seconds,
            listener=self.attempts,
        )


@pytest.fixture
def bench(worker: WorkerProcess, problem: Problem, settings: TuneSettings) -> Bench:
    return Bench(worker, problem, settings)


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_retries_then_one_fresh_start_then_the_last_failure(bench: Bench, retries: int) -> None:
    coder = bench.coder(FunctionClient(lambda facts: "no idea"), retries=retries)
    with pytest.raises(GenerationError) as caught:
        coder.generate()
    starts = [True] + [False] * retries
    assert [a.fresh for a in bench.attempts] == starts * 2
    assert [a.number for a in bench.attempts] == list(range(1, 2 * retries + 3))
    assert len(bench.calls) == 2 * (retries + 1)
    assert f"config_space.py in {2 * (retries + 1)} attempts" in str(caught.value)
    assert "There is no Python code block in the reply." in str(caught.value)


def test_a_fresh_start_remembers_nothing(bench: Bench) -> None:
    with pytest.raises(GenerationError):
        bench.coder(FunctionClient(lambda facts: "no idea"), retries=1).generate()
    first, repair, fresh, _ = (call["messages"] for call in bench.calls)
    assert fresh == first
    assert repair[:2] == first
    assert "no Python code block" in repair[3]["content"]


def test_the_facts_tell_the_attempt_and_the_failure(bench: Bench) -> None:
    seen: list[tuple[str, int, str | None]] = []

    def answer(facts: Mapping[str, Any]) -> str:
        seen.append((facts["component"], facts["attempt"], facts["failure"]))
        return fenced(f"def get_configspace(x):\n    return {len(seen)}\n")

    with pytest.raises(GenerationError):
        bench.coder(FunctionClient(answer), retries=1).generate()
    assert [(c, n) for c, n, _ in seen] == [("config_space", n) for n in range(4)]
    assert [text is None for _, _, text in seen] == [True, False, True, False]
    assert "get_configspace(x)" in str(seen[1][2])


def test_an_author_who_repeats_failed_code_gets_one_fresh_start(bench: Bench) -> None:
    reply = fenced("def get_configspace(x):\n    pass\n")
    with pytest.raises(GenerationError, match="in 3 attempts") as caught:
        bench.coder(FunctionClient(lambda facts: reply), retries=5).generate()
    assert [a.fresh for a in bench.attempts] == [True, False, True]
    assert len({a.failure for a in bench.attempts}) == 1
    assert "wrong parameters" in str(caught.value)


def test_no_attempt_begins_after_the_deadline(bench: Bench) -> None:
    def slow(facts: Mapping[str, Any]) -> str:
        time.sleep(0.3)
        return "no idea"

    with pytest.raises(GenerationError, match="within the time for generation") as caught:
        bench.coder(FunctionClient(slow), retries=1000, seconds=0.2).generate()
    assert len(bench.attempts) == 1
    assert "no Python code block" in str(caught.value)


def test_without_any_attempt_the_hint_is_to_give_more_time(bench: Bench) -> None:
    with pytest.raises(GenerationError, match="--generation-time"):
        bench.coder(FunctionClient(lambda facts: ""), seconds=-1).generate()
    assert bench.calls == []


class Failing:
    """A client whose server is down."""

    name = "failing"

    def complete(self, request: CompletionRequest) -> Completion:
        raise CompletionError("the server did not answer", "try later")


def test_a_failing_client_ends_the_generation_with_its_reason(bench: Bench) -> None:
    with pytest.raises(GenerationError) as caught:
        bench.coder(Failing(), retries=5).generate()
    assert str(caught.value) == "no config_space.py: the server did not answer (try later)"
    assert isinstance(caught.value.__cause__, LLMError)
    assert len(bench.calls) == 1
    assert bench.attempts == []


class CutOff:
    """A client whose answers reach their greatest length."""

    name = "cut-off"

    def complete(self, request: CompletionRequest) -> Completion:
        return Completion("```python\ndef get_configspace(", "m", finish_reason="length")


def test_a_reply_that_was_cut_off_is_called_that(bench: Bench) -> None:
    with pytest.raises(GenerationError):
        bench.coder(CutOff(), retries=0).generate()
    failure = bench.attempts[0].failure
    assert failure is not None
    assert "SyntaxError" in failure.text()
    assert "cut off at its greatest length" in failure.text()


@pytest.mark.parametrize("reply", ["", "   \n", "x" * 100_000])
def test_what_is_shown_of_a_reply_without_code_is_never_empty_nor_endless(
    bench: Bench, reply: str
) -> None:
    with pytest.raises(GenerationError):
        bench.coder(FunctionClient(lambda facts: reply), retries=1).generate()
    shown = bench.calls[1]["messages"][2]["content"]
    assert 0 < len(shown.strip()) <= 4000
