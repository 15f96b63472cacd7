"""What went wrong with a reply, and the words in which the model is told.

Failures come from stages, cheapest first; each says what happened, where, and what was expected.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from automl_agent.sandbox.base import CodeError, CodeFrame, Outcome

MAX_MESSAGE = 1500
MAX_LINE = 300
MAX_PRINTED = 500


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
    REPEAT = "fitting again with the same seed"
    PICKLE = "pickling the estimator and loading it in a fresh process"
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
        frames = [] if self.error is None else self.error.frames
        own = [f"{frame.file}, line {frame.line}" for frame in frames if "/" not in frame.file]
        where = f" ({own[-1]})" if own else ""
        return f"{self.stage.value}: {first}{where}"

    def text(self) -> str:
        """The paragraph that the model reads."""
        parts = [f"It failed at this step: {self.stage.value}.", self.problem[:MAX_MESSAGE]]
        if self.error is not None and self.error.frames:
            parts.append(_traceback(self.error.frames))
        if self.context:
            parts.append(self.context)
        if self.expected:
            parts.append(f"Expected: {self.expected}")
        return "\n".join(parts)


def with_lines(outcome: Outcome, filename: str, source: str) -> Outcome:
    """The outcome with the text of those lines that its process did not have at hand."""
    if outcome.error is None:
        return outcome
    lines = source.splitlines()
    frames = tuple(
        replace(frame, text=lines[frame.line - 1])
        if frame.file == filename and not frame.text and 0 < frame.line <= len(lines)
        else frame
        for frame in outcome.error.frames
    )
    return replace(outcome, error=replace(outcome.error, frames=frames))


def _traceback(frames: tuple[CodeFrame, ...]) -> str:
    lines = [f"  {f.file}, line {f.line}: {f.text.strip()[:MAX_LINE]}" for f in frames]
    return "\n".join(["Where:", *lines])


def failure_from(
    outcome: Outcome, stage: Stage, *, expected: str = "", context: str = ""
) -> Failure:
    """The failure that an unsuccessful sandbox call amounts to."""
    contexts = [context]
    if outcome.error is not None:
        message = outcome.error.message.strip()
        problem = f"{outcome.error.type}: {message}" if message else outcome.error.type
        expected = _ERROR_ADVICE.get(outcome.error.type, expected)
    else:
        problem = f"{outcome.reason[:1].upper()}{outcome.reason[1:]}."
        if outcome.status in ("timeout", "memory"):
            problem = f"It {outcome.reason} and was stopped."
        contexts.append(_PHASES.get(outcome.stage, ""))
        if outcome.stage != "sample":
            expected = _ADVICE.get(outcome.status, expected)
    if printed := outcome.log.strip():
        contexts.append(f"It had printed, at the end:\n{printed[-MAX_PRINTED:]}")
    return Failure(stage, problem, expected, outcome.error, "\n".join(filter(None, contexts)))


_PHASES = {
    "import": "This happened while the module was being imported.",
    "call": "This happened inside the function, after the module had been imported.",
    "train": "This happened inside train().",
    "predict": "This happened in the estimator's prediction, after train() had returned.",
    "pickle": "This happened while the estimator was being pickled or loaded.",
    "sample": "This happened while configurations were being sampled: the forbidden clauses leave "
    "too few to find.",
}
_ADVICE = {
    "timeout": "code that comes to an end well within that time: look for endless loops, deadlocks "
    "and far too many iterations.",
    "memory": "code that needs less memory: no large copies, no dense one-hot matrices, nothing "
    "that grows without bound.",
    "died": "code that returns: no exit, no signals, no kill, and nothing that crashes a library "
    "(such as too many threads or processes).",
    "invalid": "a function that returns what was asked for; keep it small.",
}
_OFFLINE = "code that needs no network: there is none."
_ERROR_ADVICE = {
    "EOFError": "code that asks nobody: there is no terminal and no input.",
    "SystemExit": "a function that returns, or raises an exception that says what is wrong.",
    "PermissionError": "code that writes no files outside the current folder.",
    "URLError": _OFFLINE,
    "ConnectionError": _OFFLINE,
    "gaierror": _OFFLINE,
}
