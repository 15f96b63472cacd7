"""result.json: what a run found, as plain data that tables, JSON output and reports are made of."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

from automl_agent.codegen.coder import Generation
from automl_agent.data.problem import Problem
from automl_agent.ensemble.final_model import FinalModels
from automl_agent.optimization.optimizer import SearchResult
from automl_agent.reporting.scores import TestScores
from automl_agent.settings import Budget


@dataclass(frozen=True)
class Seconds:
    """Wall time of a run's parts."""

    data: float
    generation: float
    search: float
    refit_and_report: float
    total: float

    @classmethod
    def between(cls, *moments: float) -> Seconds:
        """From the moments at which the parts began, and the end."""
        parts = [later - earlier for earlier, later in pairwise(moments)]
        parts.append(moments[-1] - moments[0])
        return cls(*(round(part, 3) for part in parts))


def describe_outcome(
    problem: Problem,
    generation: Generation,
    budget: Budget,
    found: SearchResult,
    final: FinalModels,
    scores: TestScores,
    seconds: Seconds,
) -> dict[str, Any]:
    """All that a reader of the run wants to know, JSON-ready.

    `test.default` is the score of the library's default configuration, trained in the same way,
    and `test.gain` an interval for the difference; when the default configuration won, it is the
    final model itself.
    """
    winner = found.incumbent
    if final.default is not None and final.default.kind != final.winner.kind:
        scores = replace(scores, gain=None)  # a bag and a refit are not compared fairly
    default = found.results.get(1)
    if winner.trial == 1:
        scores = replace(scores, default=scores.final)
    return {
        "dataset": problem.dataset.name,
        "task": problem.task.name,
        "metric": problem.metric.name,
        "direction": problem.metric.direction,
        "incumbent": winner.to_dict(),
        "default": None if default is None else default.to_dict(),
        "test": {
            "rows": len(problem.y_test),
            **scores.to_dict(),
        },
        "final_model": final.winner.to_dict(),
        "default_model": None if final.default is None else final.default.to_dict(),
        "trials": {
            "asked": len(found.trials),
            "finished": len(found.results),
            "by_origin": found.count_by_origin(),
            "by_status": found.count_by_status(),
        },
        "stopped": found.stopped,
        "budget": budget.to_dict(),
        "attempts": {c.value: n for c, n in generation.attempts.items()},
        "seconds": asdict(seconds),
    }
