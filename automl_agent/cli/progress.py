"""What a person at a terminal sees while a run goes on: lines on standard error."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.text import Text

from automl_agent.cli.console import WIDTH, console, labelled
from automl_agent.cli.options import DEFAULT_LOGS
from automl_agent.cli.output import say
from automl_agent.cli.results import show_outcome, show_trajectory
from automl_agent.cli.words import DECIDED_BY, config_changes, counts, number, plural
from automl_agent.codegen.authors import OFFLINE
from automl_agent.codegen.coder import Attempt, Generation
from automl_agent.data.problem import Problem
from automl_agent.optimization.events import read_incumbents
from automl_agent.optimization.trial import Incumbent, Status, Trial, TrialResult
from automl_agent.progress import Progress
from automl_agent.run_directory import RunDirectory
from automl_agent.sandbox.base import Tier
from automl_agent.settings import Budget, Resources


class CommandProgress(Progress):
    """Shows nothing, but knows the run: an error or an interruption should name it."""

    def __init__(self) -> None:
        self.run: RunDirectory | None = None

    def posed(
        self,
        problem: Problem,  # noqa: ARG002
        run: RunDirectory,
        tier: Tier,  # noqa: ARG002
    ) -> None:
        """Remember the run."""
        self.run = run

    def stop(self) -> None:
        """Leave the terminal as it was, whatever happened."""


class ConsoleProgress(CommandProgress):
    """Shows a run as it goes: a few lines, each new incumbent, and one live line on a terminal."""

    def __init__(self) -> None:
        super().__init__()
        self._console = console(stderr=True)
        self._bar: Bar | None = None
        self._bar_task: TaskID | None = None
        self._incumbent: Incumbent | None = None
        self._metric = ""
        self._began = time.monotonic()
        self._timed = False

    def _say(self, label: str, text: str, style: str = "") -> None:
        self._console.print(labelled([(label, text)], style))

    def posed(self, problem: Problem, run: RunDirectory, tier: Tier) -> None:
        """Say what the data are and how they are divided."""
        super().posed(problem, run, tier)
        self._console.print(Text.assemble(("automl-agent ", "bold cyan"), run.name))
        shape, dataset = problem.metadata, problem.dataset
        note = f" ({dataset.note})" if dataset.note else ""
        kinds = {
            "numeric": shape.n_numeric,
            "categorical": shape.n_categorical,
            "text": shape.n_text,
            "dates": shape.n_datetime,
        }
        what = (
            f"classification into {problem.n_classes} classes"
            if problem.n_classes
            else problem.task.name
        )
        self._say(
            "data",
            f"{dataset.name}{note}: {plural(len(problem.y), 'row')} × "
            f"{plural(shape.n_columns, 'column')} to learn from "
            f"({counts({k: n for k, n in kinds.items() if n})}), "
            f"{what} of '{dataset.target}'",
        )
        self._say("test", f"{plural(len(problem.y_test), 'row')}: {problem.test_origin}")
        for warning in dataset.warnings:
            self._say("warning", warning, "yellow")
        self._say("sandbox", tier.name)
        if tier.warning:
            self._say("warning", tier.warning, "yellow")

    def attempted(self, attempt: Attempt) -> None:
        """Say which reply failed, and why."""
        if attempt.failure is not None:
            name = f"{attempt.component.filename}, attempt {attempt.number}"
            self._say("repair", f"{name}: {attempt.failure.headline}", "yellow")

    def generated(self, generation: Generation, author: str) -> None:
        """Say who wrote the code."""
        names = ", ".join(c.filename for c in generation.attempts)
        repairs = sum(generation.attempts.values()) - len(generation.attempts)
        who = "built-in recipe (offline, no language model)" if author == OFFLINE else author
        after = f" after {plural(repairs, 'repair')}" if repairs else ""
        self._say("code", f"{names} by {who}, proved in the sandbox{after}")

    def searching(self, problem: Problem, budget: Budget, resources: Resources) -> None:
        """Say what the search may use, and begin the table of incumbents."""
        self._timed, self._metric = budget.time.value is not None, problem.metric.name
        bounds = [
            f"{text} ({DECIDED_BY[decision.origin]})"
            for decision, text in (
                (budget.trials, plural(budget.trials.value or 0, "trial")),
                (budget.time, f"{budget.time.value or 0:g} s"),
            )
            if decision.value is not None
        ]
        n_folds = len(problem.folds)
        split = f"{n_folds}-fold cross-validation" if n_folds > 1 else "20 % holdout"
        if problem.n_folds.origin == "default" and n_folds == 1:
            split += " (many rows)"
        better = "lower" if problem.metric.direction == "minimize" else "higher"
        threads = plural(resources.threads, "thread")
        self._say(
            "search",
            f"{', '.join(bounds)}; {split}; {problem.metric.name} ({better} is better); "
            f"{plural(resources.workers.value, 'worker')} × {threads}; "
            f"seed {resources.seed.value}",
        )
        header = f"\n{'trial':>7} {'time':>8} {self._metric:>17}   new incumbent"
        self._console.print(Text(header, style="dim"))
        self._began = time.monotonic()
        if self._console.is_terminal:
            self._bar = Bar(
                BarColumn(bar_width=20),
                TextColumn("{task.description}"),
                TimeElapsedColumn(),
                console=self._console,
                transient=True,
            )
            total = budget.time.value if self._timed else budget.trials.value
            self._bar_task = self._bar.add_task("searching", total=total)
            self._bar.start()

    def trial_finished(
        self, trial: Trial, result: TrialResult, incumbent: Incumbent | None
    ) -> None:
        """Print a new incumbent or a failure; move the live line."""
        if incumbent is not None and incumbent.trial == trial.number:
            change = config_changes(self._incumbent.config, trial.config) if self._incumbent else ""
            text = f"{trial.origin.value}: {change}" if change else trial.origin.value
            self._trial_line(trial, incumbent.finished_at, number(incumbent.score), text)
            self._incumbent = incumbent
        elif result.status is not Status.SUCCESS:
            reason = result.reason.splitlines()[0] if result.reason else ""
            self._trial_line(trial, result.finished_at, result.status.value, reason, "yellow")
        if self._bar is not None and self._bar_task is not None:
            best = number(incumbent.score) if incumbent else "–"
            done = time.monotonic() - self._began if self._timed else trial.number
            self._bar.update(
                self._bar_task,
                completed=done,
                description=f"{plural(trial.number, 'trial')}, best {self._metric} {best}",
            )

    def _trial_line(
        self, trial: Trial, seconds: float, what: str, text: str, style: str = ""
    ) -> None:
        line = Text(f"{trial.number:>7} {seconds:>6.1f} s {what:>17}   {text}", style=style)
        line.truncate(min(WIDTH, self._console.width), overflow="ellipsis")
        self._console.print(line)

    def refitting(self) -> None:
        """End the live line."""
        self.stop()

    def stop(self) -> None:
        """Take the live line away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def finished(self, run: RunDirectory, outcome: Mapping[str, Any]) -> None:
        """Print the result on standard output."""
        self._console.print()
        trajectory = [i.to_dict() for i in read_incumbents(run / "incumbents.jsonl")]
        show_trajectory(trajectory, outcome["metric"], changes=False)
        show_outcome(outcome)
        name = shlex.quote(spoken_name(run))
        say(f"{'logged':<10}{spoken_path(run)}")
        say(f"{'next':<10}automl-agent runs show {name}")
        say(f"{'':<10}automl-agent predict {name} new.csv -o predictions.csv")


def spoken_path(run: RunDirectory) -> str:
    """The run's folder, seen from here."""
    here = Path.cwd()
    return str(run.path.relative_to(here) if run.path.is_relative_to(here) else run.path)


def spoken_name(run: RunDirectory) -> str:
    """What commands find the run by: its name in the usual folder, else its path."""
    return run.name if run.path.parent == DEFAULT_LOGS.absolute() else spoken_path(run)
