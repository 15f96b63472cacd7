"""The whole loop with a scripted author and the real sandbox: every way to fail, then success."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from scripted import GOOD, WAYS, Attempts, Way, make_validator, scripted

from automl_agent.codegen.coder import Attempt, Coder, Generation
from automl_agent.codegen.components import Component
from automl_agent.data.problem import Problem
from automl_agent.reporting.records import GenerationRecords
from automl_agent.run_directory import RunDirectory
from automl_agent.sandbox.process import WorkerProcess
from automl_agent.settings import TuneSettings

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Story:
    """A generation that met every failure, and what it left on disk."""

    generation: Generation
    attempts: Attempts
    run: Path

    def failed(self, way: Way) -> Attempt:
        """The attempt that failed in this way."""
        number = [w for w in WAYS if w.component is way.component].index(way) + 1
        (attempt,) = self.of(way.component, number)
        return attempt

    def of(self, component: Component, number: int) -> list[Attempt]:
        return [a for a in self.attempts if (a.component, a.number) == (component, number)]

    def lines(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.run / name).read_text().splitlines()]


class Listener:
    """Hands attempts on to a list."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts

    def attempted(self, attempt: Attempt) -> None:
        self._attempts(attempt)


@pytest.fixture(scope="module")
def story(
    worker: WorkerProcess,
    problem: Problem,
    settings: TuneSettings,
    tmp_path_factory: pytest.TempPathFactory,
) -> Story:
    run = RunDirectory.create(tmp_path_factory.mktemp("logs"), "story")
    replies = {c: [way.reply for way in WAYS if way.component is c] for c in Component}
    attempts = Attempts()
    with contextlib.closing(GenerationRecords(run, Listener(attempts))) as records:
        coder = Coder(
            client=records.logged(scripted(replies)),
            validator=make_validator(worker, problem),
            facts=problem.facts(settings),
            retries=len(WAYS),
            deadline=time.monotonic() + 600,
            listener=records,
        )
        generation = coder.generate()
        records.keep(generation)
    return Story(generation, attempts, run.path)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.component}: {way.name}")
def test_a_failure_names_its_stage_and_cause(story: Story, way: Way) -> None:
    failure = story.failed(way).failure
    assert failure is not None
    text = failure.text()
    assert failure.stage is way.stage, text
    for phrase in way.phrases:
        assert phrase in text
    assert len(text) < 4000


def test_the_author_succeeds_after_all_failures(story: Story) -> None:
    for component in Component:
        count = sum(way.component is component for way in WAYS)
        assert story.generation.attempts[component] == count + 1
        assert story.generation.code[component] == GOOD[component]
    assert len(story.attempts) == len(WAYS) + 3
    assert story.generation.scenario.fields["n_trials"] == 7
    assert story.generation.scenario.fields["walltime_limit"] == 90
    assert 0 < story.generation.train.fit_seconds < 60


def test_the_default_is_tried_before_what_the_author_suggests(story: Story) -> None:
    assert story.generation.space.initial == (
        {"kind": "tree", "max_depth": 4, "min_share": 0.01},
        {"kind": "prior", "min_share": 0.1},
        {"kind": "tree", "max_depth": 2, "min_share": 0.1},
    )


def test_each_repair_shows_the_last_code_and_its_failure_only(story: Story) -> None:
    calls = iter(story.lines("llm_calls.jsonl"))
    previous: Attempt | None = None
    for attempt in story.attempts:
        messages = next(calls)["messages"]
        roles = [message["role"] for message in messages]
        if attempt.number == 1:
            assert attempt.fresh
            assert roles == ["system", "user"]
        else:
            assert not attempt.fresh
            assert roles == ["system", "user", "assistant", "user"]
            assert previous is not None
            assert previous.failure is not None
            assert (previous.source or previous.reply) in messages[2]["content"]
            assert previous.failure.text() in messages[3]["content"]
        previous = attempt
    assert next(calls, None) is None


def test_train_and_scenario_are_asked_for_with_the_space_that_passed(story: Story) -> None:
    for call in story.lines("llm_calls.jsonl"):
        shown = call["messages"][1]["content"]
        assert (GOOD[Component.CONFIG_SPACE] in shown) == (call["purpose"] != "config_space")


def test_every_attempt_is_on_disk(story: Story) -> None:
    lines = story.lines("attempts.jsonl")
    assert len(lines) == len(story.attempts)
    for line, attempt in zip(lines, story.attempts, strict=True):
        stem = story.run / "attempts" / f"{attempt.component}-{attempt.number:02d}"
        assert line["component"] == attempt.component
        assert line["number"] == attempt.number
        assert stem.with_suffix(".reply.md").read_text() == attempt.reply
        source, error = stem.with_suffix(".py"), stem.with_suffix(".error.txt")
        assert (source.read_text() if source.exists() else "") == attempt.source
        if attempt.failure is None:
            assert (line["stage"], line["error"]) == (None, None)
            assert not error.exists()
        else:
            assert line["stage"] == attempt.failure.stage.name.lower()
            assert line["error"] == attempt.failure.headline
            assert error.read_text() == attempt.failure.text() + "\n"
    for component in Component:
        code = story.run / "code" / component.filename
        assert code.read_text() == story.generation.code[component]


def test_every_call_is_on_disk(story: Story) -> None:
    calls = story.lines("llm_calls.jsonl")
    assert [c["purpose"] for c in calls] == [a.component.value for a in story.attempts]
    assert [c["text"] for c in calls] == [a.reply for a in story.attempts]
    assert {c["backend"] for c in calls} == {"scripted"}
