"""What went wrong with a reply, and the words in which the model is told.

Failures come from stages, cheapest first; each says what happened, where, and what was expected.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from automl_agent.sandbox.base import CodeError, Outcome

MAX_MESSAGE = 1500


class Stage(StrEnum):
    """The checks, in the order in which they are made."""

    EXTRACTION = "finding the code block"
    SYNTAX = "parsing the code"
    SIGNATURE = "checking the signatures"
    IMPORTS = "checking the imports"
    EXECUTION = "running the code"
    SPACE = "checking the space"
    FIT = "fitting a small sample"
    CONFIG = "checking which hyperparameters train() reads"
    PREDICTION = "checking the predictions"
    PICKLE = "loading the pickled estimator in a fresh process"
    REPEAT = "fitting again with the same seed"
    TIME = "estimating the time of a full trial"
    SCENARIO = "checking the scenario"


@dataclass(frozen=True)
class Failure:
    """Why a reply cannot be used.

    Attributes:
        stage: the check that failed.
        problem: what happened, in a sentence.
        expected: what would have been right, in a sentence.
        error: the exception that generated code raised, if one.
        context: under what circumstances, for example the configuration that was tried.
    """

    stage: Stage
    problem: str
    expected: str = ""
    error: CodeError | None = None
    context: str = ""

    @property
    def headline(self) -> str:
        """One line for people."""
        first = self.problem.strip().splitlines()[0] if self.problem.strip() else "failed"
        return f"{self.stage.value}: {first}"

    def text(self) -> str:
        """The paragraph that the model reads."""
        parts = [f"It failed at this step: {self.stage.value}.", self.problem[:MAX_MESSAGE]]
        if self.error is not None:
            parts.append(_traceback(self.error))
        if self.context:
            parts.append(self.context)
        if self.expected:
            parts.append(f"Expected: {self.expected}")
        return "\n".join(parts)


def _traceback(error: CodeError) -> str:
    lines = [f"  {f.file}, line {f.line}: {f.text.strip()}" for f in error.frames]
    return "\n".join(["Where:", *lines]) if lines else ""


def failure_from(outcome: Outcome, stage: Stage, *, expected: str = "", context: str = "") -> Failure:
    """The failure that an unsuccessful sandbox call amounts to."""
    if outcome.error is not None:
        message = outcome.error.message.strip()
        problem = f"{outcome.error.type}: {message}" if message else outcome.error.type
    else:
        problem = f"The process {_ACTION.get(outcome.status, 'failed')}: {outcome.reason}."
    if outcome.stage and outcome.status != "error":
        context = f"{context}\nIt was in the phase: {outcome.stage}.".strip()
    if outcome.log.strip():
        context = f"{context}\nIt had printed:\n{outcome.log.strip()[-500:]}".strip()
    return Failure(stage, problem, expected, outcome.error, context)


_ACTION = {
    "timeout": "was stopped",
    "memory": "was stopped",
    "died": "died",
    "invalid": "gave no usable answer",
}
