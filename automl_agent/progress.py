"""What a run tells whoever watches it, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from automl_agent.codegen.coder import Attempt, Generation
from automl_agent.data.problem import Problem
from automl_agent.optimization.trial import Incumbent, Trial, TrialResult
from automl_agent.run_directory import RunDirectory
from automl_agent.sandbox.base import Tier
from automl_agent.settings import Budget, Resources


class Progress:
    """Ignores everything; a console or a notebook overrides what it shows.

    Methods are called in the thread that runs the tuning, in the order in which they stand here.
    """

    def posed(self, problem: Problem, run: RunDirectory, tier: Tier) -> None:
        """The data are loaded and divided, the run directory is there."""

    def attempted(self, attempt: Attempt) -> None:
        """A reply of the language model was checked."""

    def generated(self, generation: Generation, author: str) -> None:
        """The code works."""

    def searching(self, problem: Problem, budget: Budget, resources: Resources) -> None:
        """The search begins."""

    def trial_finished(
        self, trial: Trial, result: TrialResult, incumbent: Incumbent | None
    ) -> None:
        """A trial ended; `incumbent` is the best so far, None while there is none."""

    def refitting(self) -> None:
        """The search has ended and the final model is being made."""

    def finished(self, run: RunDirectory, outcome: Mapping[str, Any]) -> None:
        """All is done; `outcome` is what stands in result.json."""
