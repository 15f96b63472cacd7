"""The repair loop: ask for a component, check it, and ask again with its error, within bounds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from automl_agent.codegen.components import Component, GeneratedCode
from automl_agent.codegen.extraction import extract_code
from automl_agent.codegen.feedback import Failure
from automl_agent.codegen.static_checks import check_statically
from automl_agent.codegen.validation import Validator, ValidScenario, ValidSpace, ValidTrain
from automl_agent.exceptions import GenerationError
from automl_agent.prompts.templates import render
from llm_clients.base import LLMClient
from llm_clients.exceptions import LLMError
from llm_clients.types import CompletionRequest, Message

Valid = TypeVar("Valid")

MAX_REPLY = 4000
CUT_OFF = "The reply was cut off at its greatest length: write a shorter module."


@dataclass(frozen=True)
class Attempt:
    """One reply and what became of it.

    Attributes:
        component: what was asked for.
        number: of the attempt at this component, from 1.
        fresh: whether it began without memory of earlier attempts.
        reply: the model's text.
        source: the code found in it, "" if none.
        failure: why it cannot be used, None if it can.
        seconds: for the reply and its checks together.
    """

    component: Component
    number: int
    fresh: bool
    reply: str
    source: str
    failure: Failure | None
    seconds: float


@dataclass(frozen=True)
class Generation:
    """Working code, with what proving it taught."""

    code: GeneratedCode
    space: ValidSpace
    train: ValidTrain
    scenario: ValidScenario
    attempts: Mapping[Component, int]


class AttemptListener(Protocol):
    """Is told of every attempt as it ends."""

    def __call__(self, attempt: Attempt) -> None:
        """Record or show an attempt."""
        ...


@dataclass(frozen=True)
class Coder:
    """Has a language model write the three components.

    Args:
        client: the author.
        validator: proves what it writes.
        facts: what prompts and offline recipes are made from: `model`, `metadata` (JSON form),
            `metadata_text`, `environment`, `metric`, `n_folds`, `trials`, `time`.
        retries: repairs allowed per component; when they are used up, or the author repeats code
            that has failed, a fresh start is made.
        starts: how often an author may start, the first time included.
        deadline: on the clock of `time.monotonic`; no attempt begins after it.
        listener: is told of every attempt.
    """

    client: LLMClient
    validator: Validator
    facts: Mapping[str, Any]
    retries: int
    deadline: float
    listener: AttemptListener
    starts: int = 2

    def generate(self) -> Generation:
        """Write and prove all components.

        Raises:
            GenerationError: a component could not be had within the bounds.
        """
        validator = self.validator
        space_source, space, n_space = self._write(
            Component.CONFIG_SPACE, {}, validator.check_space
        )
        known = {"config_space_source": space_source}
        train_source, train, n_train = self._write(
            Component.TRAIN, known, lambda source: validator.check_train(source, space)
        )
        scenario_source, scenario, n_scenario = self._write(
            Component.SCENARIO, known, lambda source: validator.check_scenario(source, space)
        )
        return Generation(
            GeneratedCode(space_source, train_source, scenario_source),
            space,
            train,
            scenario,
            {
                Component.CONFIG_SPACE: n_space,
                Component.TRAIN: n_train,
                Component.SCENARIO: n_scenario,
            },
        )

    def _write(
        self,
        component: Component,
        known: Mapping[str, str],
        check: Callable[[str], Valid | Failure],
    ) -> tuple[str, Valid, int]:
        """One component: its source, what checking it gave, and the number of attempts."""
        facts = {"config_space_source": "", **self.facts, **known, "component": component.value}
        failed: dict[str, Failure] = {}
        last: Attempt | None = None
        number = 0
        for _ in range(self.starts):
            previous: Attempt | None = None
            for _ in range(self.retries + 1):
                self._check_time(component, last)
                number += 1
                asked = {**facts, "attempt": number - 1}
                attempt, valid = self._attempt(component, number, asked, previous, check, failed)
                self.listener(attempt)
                if attempt.failure is None:
                    assert valid is not None
                    return attempt.source, valid, number
                last = previous = attempt
                if attempt.source in failed:
                    break  # an author who repeats itself is not asked for yet another repair
                if attempt.source:
                    failed[attempt.source] = attempt.failure
        assert last is not None
        if number == 1:
            raise GenerationError(f"{component.filename} does not work", last_words(last))
        raise GenerationError(
            f"no working {component.filename} in {number} attempts", last_words(last)
        )

    def _check_time(self, component: Component, last: Attempt | None) -> None:
        if time.monotonic() > self.deadline:
            raise GenerationError(
                f"no working {component.filename} within the time for generation",
                "give it more with --generation-time" if last is None else last_words(last),
            )

    def _attempt(
        self,
        component: Component,
        number: int,
        facts: dict[str, Any],
        previous: Attempt | None,
        check: Callable[[str], Valid | Failure],
        failed: Mapping[str, Failure],
    ) -> tuple[Attempt, Valid | None]:
        started = time.monotonic()
        facts["failure"] = None
        if previous is not None and previous.failure is not None:
            facts["failure"] = previous.failure.text()
        try:
            completion = self.client.complete(_request(component, facts, previous))
        except LLMError as error:
            message = f"no {component.filename}: {error.message}"
            raise GenerationError(message, error.hint) from error
        attempt = Attempt(component, number, previous is None, completion.text, "", None, 0.0)
        found = extract_code(completion.text, component)
        outcome: Valid | Failure
        if isinstance(found, Failure):
            outcome = found
        else:
            attempt = replace(attempt, source=found)
            outcome = failed.get(found) or check_statically(found, component) or check(found)
        if isinstance(outcome, Failure) and completion.finish_reason == "length":
            outcome = replace(outcome, context=f"{outcome.context}\n{CUT_OFF}".strip())
        attempt = replace(attempt, seconds=time.monotonic() - started)
        if isinstance(outcome, Failure):
            return replace(attempt, failure=outcome), None
        return attempt, outcome


def last_words(attempt: Attempt) -> str:
    """The last failure, in one line."""
    return f"last failure: {attempt.failure.headline}" if attempt.failure else ""


def _request(
    component: Component, facts: Mapping[str, Any], previous: Attempt | None
) -> CompletionRequest:
    """The prompt; a repair shows the last code and its error, and no more than that."""
    messages = [
        Message("system", render("prompts/system.md.j2", **facts)),
        Message("user", render(f"prompts/{component.value}.md.j2", **facts)),
    ]
    if previous is not None:
        # some servers refuse an empty message
        reply = previous.reply.strip()[:MAX_REPLY] or "(nothing)"
        shown = f"```python\n{previous.source}```" if previous.source else reply
        messages += [
            Message("assistant", shown),
            Message("user", render("prompts/repair.md.j2", **facts)),
        ]
    return CompletionRequest(tuple(messages), purpose=component.value, facts=facts)
