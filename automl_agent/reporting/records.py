"""What a run writes down about itself outside the search."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from automl_agent.codegen.coder import Attempt, Generation
from automl_agent.codegen.components import Component
from automl_agent.codegen.static_checks import imported_modules
from automl_agent.data.problem import Problem
from automl_agent.environment import library_versions
from automl_agent.exceptions import InputError
from automl_agent.json_lines import JsonLines, write_bytes
from automl_agent.run_directory import RunDirectory
from automl_agent.sandbox.base import Tier
from automl_agent.settings import Resources, TuneSettings
from automl_agent.version import __version__
from llm_clients.base import LLMClient
from llm_clients.call_log import LoggedClient

LONGEST_NAME = 60


class GenerationListener(Protocol):
    """Is told of every attempt at a component."""

    def attempted(self, attempt: Attempt) -> None:
        """An attempt ended."""
        ...


class GenerationRecords:
    """Every call and every attempt of a generation, on disk as it happens.

    Args:
        run: where they lie.
        listener: is told of every attempt after it is written down.
    """

    def __init__(self, run: RunDirectory, listener: GenerationListener) -> None:
        self._run = run
        self._listener = listener
        self._calls = JsonLines(run / "llm_calls.jsonl")
        self._attempts = JsonLines(run / "attempts.jsonl")

    def logged(self, client: LLMClient) -> LLMClient:
        """The same client, with every call written to llm_calls.jsonl."""
        return LoggedClient(client, self._calls.write)

    def __call__(self, attempt: Attempt) -> None:
        """Keep an attempt: the reply, the code found in it, and what was wrong."""
        stem = f"attempts/{attempt.component.value}-{attempt.number:02d}"
        self._run.write_text(f"{stem}.reply.md", attempt.reply)
        if attempt.source:
            self._run.write_text(f"{stem}.py", attempt.source)
        failure = attempt.failure
        if failure is not None:
            self._run.write_text(f"{stem}.error.txt", failure.text() + "\n")
        self._attempts.write(
            {
                "component": attempt.component.value,
                "number": attempt.number,
                "fresh": attempt.fresh,
                "seconds": round(attempt.seconds, 3),
                "stage": None if failure is None else failure.stage.name.lower(),
                "error": None if failure is None else failure.headline,
            }
        )
        self._listener.attempted(attempt)

    def keep(self, generation: Generation) -> None:
        """Write the code that is used, and what its scenario suggests."""
        save_code(generation, self._run / "code")
        self._run.write("scenario.json", dict(generation.scenario.fields))

    def close(self) -> None:
        """Close the files."""
        self._calls.close()
        self._attempts.close()


def check_free(folder: Path) -> None:
    """See that modules can be saved in a folder without overwriting any.

    Raises:
        InputError: one is there already, or the folder is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is not a folder")
    for component in Component:
        if (folder / component.filename).exists():
            raise InputError(f"{folder / component.filename} exists", "choose another folder")


def save_code(generation: Generation, folder: Path) -> None:
    """Write the three modules.

    Raises:
        RunDirectoryError: they cannot be written.
    """
    for component in Component:
        write_bytes(folder / component.filename, generation.code[component].encode())


def run_name(problem: Problem, settings: TuneSettings) -> str:
    """Dataset, model and the local time."""
    words = f"{problem.dataset.name}-{settings.model_name}"
    safe = "".join(c if c.isalnum() or c in "_-" else "-" for c in words)[:LONGEST_NAME]
    return f"{safe.strip('-_') or 'run'}-{datetime.now():%Y%m%d-%H%M%S-%f}"[:-3]


def describe_run(
    run: RunDirectory,
    settings: TuneSettings,
    problem: Problem,
    resources: Resources,
    author: str,
    tier: Tier,
) -> None:
    """Write down what was asked and decided before anything is generated."""
    dataset = problem.dataset
    run.write(
        "run.json",
        {
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "version": __version__,
            "asked": settings.asked(),
            "dataset": dataset.name,
            "source": dataset.source,
            "warnings": list(dataset.warnings),
            "task": dataset.task,
            "target": dataset.target,
            "metric": problem.metric.name,
            "direction": problem.metric.direction,
            "model": settings.model_name,
            "author": author,
            "rows": {
                "train": len(problem.y),
                "test": len(problem.y_test),
                "test_origin": problem.test_origin,
            },
            "folds": problem.n_folds.to_dict(),
            "workers": resources.workers.to_dict(),
            "seed": resources.seed.to_dict(),
            "threads_per_fit": resources.threads,
            "memory_bytes_per_fit": resources.memory_bytes,
            "sandbox": {"tier": tier.name, "warning": tier.warning},
            "libraries": library_versions(),
        },
    )
    run.write("metadata.json", problem.metadata.model_dump())


def write_schema(run: RunDirectory, problem: Problem, generation: Generation) -> None:
    """Write what predicting new rows takes besides the model."""
    dataset = problem.dataset
    run.write(
        "schema.json",
        {
            "task": dataset.task,
            "target": dataset.target,
            "classes": list(dataset.classes),
            "modules": list(imported_modules(generation.code.train)),
            "schema": dataset.schema.to_dict(),
        },
    )
