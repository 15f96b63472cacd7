"""One tuning run, top to bottom: data, code, search, final model, test.

The test rows are opened once, in `examine`, after the last decision.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from automl_agent.codegen.authors import find_author
from automl_agent.codegen.coder import Coder, Generation
from automl_agent.codegen.static_checks import imported_modules
from automl_agent.codegen.validation import Validator
from automl_agent.data.problem import Problem, pose_problem
from automl_agent.deployment.predictor import Predictor
from automl_agent.ensemble.final_model import FinalModels, Refit
from automl_agent.exceptions import RunFailedError
from automl_agent.optimization.evaluation import Evaluation
from automl_agent.optimization.executors import LocalExecutor
from automl_agent.optimization.facades import SmacSearch, initial_design_size
from automl_agent.optimization.optimizer import (
    REPORT_SECONDS,
    Optimizer,
    SearchLimits,
    SearchResult,
)
from automl_agent.optimization.records import SearchRecords
from automl_agent.progress import Progress
from automl_agent.reporting.outcome import Seconds, describe_outcome
from automl_agent.reporting.records import (
    GenerationRecords,
    check_free,
    describe_run,
    run_name,
    save_code,
    write_schema,
)
from automl_agent.reporting.scores import TestScores, score_models
from automl_agent.run_directory import RunDirectory
from automl_agent.sandbox.base import Limits
from automl_agent.sandbox.calls import write_table
from automl_agent.sandbox.pool import WorkerPool
from automl_agent.sandbox.selection import select_tier
from automl_agent.settings import (
    Budget,
    Resources,
    TuneSettings,
    decide_budget,
    decide_resources,
    decide_seed,
)
from llm_clients.base import LLMClient


def run_tuning(
    settings: TuneSettings, progress: Progress, client: LLMClient | None = None
) -> RunDirectory:
    """Tune a model on a dataset and leave everything in a run directory.

    Args:
        settings: what the user asks for.
        progress: is told how it goes.
        client: writes the code, in place of the author that the settings ask for.

    Raises:
        InputError: the data or a setting cannot be used; no run directory was made.
        AutoMLAgentError: the run failed; its directory tells how far it came.
    """
    began = time.monotonic()
    with prepared(settings, progress, client) as tuning:
        code_began = time.monotonic()
        generation = tuning.write_code()
        budget = decide_budget(settings, generation.scenario.fields, len(tuning.problem.folds))
        tuning.run.write("budget.json", budget.to_dict())

        search_began = time.monotonic()
        deadline = search_began + (budget.time.value or float("inf"))
        found = tuning.search(generation, budget, deadline)

        refit_began = time.monotonic()
        final = tuning.fit_final_models(generation, found, budget, deadline)
        scores = tuning.examine(generation, final)
        seconds = Seconds.between(began, code_began, search_began, refit_began, time.monotonic())

        problem = tuning.problem
        outcome = describe_outcome(problem, generation, budget, found, final, scores, seconds)
        tuning.run.write("result.json", outcome)
    progress.finished(tuning.run, outcome)
    return tuning.run


def run_generation(
    settings: TuneSettings, progress: Progress, output: Path, client: LLMClient | None = None
) -> RunDirectory:
    """Have the three modules written and proved, and leave them in a folder.

    Args:
        settings: what the user asks for.
        progress: is told how it goes.
        output: the folder; none of the modules may be in it yet.
        client: writes the code, in place of the author that the settings ask for.

    Raises:
        InputError: the data, a setting or the folder cannot be used.
        AutoMLAgentError: no working code came of it; the run directory tells why.
    """
    check_free(output)
    with prepared(settings, progress, client) as tuning:
        generation = tuning.write_code()
        save_code(generation, output)
    return tuning.run


@contextlib.contextmanager
def prepared(
    settings: TuneSettings, progress: Progress, client: LLMClient | None
) -> Iterator[Tuning]:
    """Data loaded and divided, a run directory opened, workers started."""
    author = client or find_author(settings)
    tier = select_tier(settings.sandbox)
    problem = pose_problem(settings, decide_seed(settings).value)
    resources = decide_resources(settings, problem.X.size)
    run = RunDirectory.create(settings.logs, settings.name or run_name(problem, settings))
    with run.recorded():
        describe_run(run, settings, problem, resources, author.name, tier)
        progress.posed(problem, run, tier)
        write_table(problem.X, run / "work/data")
        with WorkerPool(tier, resources.workers.value, run / "work") as pool:
            yield Tuning(run, settings, problem, resources, author, pool, progress)


@dataclass(frozen=True)
class Tuning:
    """What all steps of a run share."""

    run: RunDirectory
    settings: TuneSettings
    problem: Problem
    resources: Resources
    author: LLMClient
    pool: WorkerPool
    progress: Progress

    def write_code(self) -> Generation:
        """Have the three modules written and proved; every attempt is kept."""
        problem, settings, resources = self.problem, self.settings, self.resources
        validator = Validator(
            sandbox=self.pool.workers[0],
            task=problem.task,
            y=problem.y,
            n_classes=problem.n_classes,
            fold=problem.folds[0],
            n_folds=len(problem.folds),
            limits=self.limits,
            trial_seconds=settings.time and settings.time / 3,
            workers=resources.workers.value,
            seed=resources.seed.value,
        )
        with contextlib.closing(GenerationRecords(self.run, self.progress)) as records:
            coder = Coder(
                client=records.logged(self.author),
                validator=validator,
                facts=problem.facts(settings),
                retries=0 if settings.code else settings.retries,
                starts=1 if settings.code else 2,
                deadline=time.monotonic() + settings.generation_time,
                listener=records,
            )
            generation = coder.generate()
            records.keep(generation)
        self.pool.preload(imported_modules(generation.code.train))
        self.progress.generated(generation, self.author.name)
        return generation

    def search(self, generation: Generation, budget: Budget, deadline: float) -> SearchResult:
        """Let SMAC search with parallel workers; every step is journalled."""
        self.progress.searching(self.problem, budget, self.resources)
        problem, seed, space = self.problem, self.resources.seed.value, generation.space
        evaluation = Evaluation(
            source=generation.code.train,
            task=problem.task,
            metric=problem.metric,
            y=problem.y,
            n_classes=problem.n_classes,
            folds=problem.folds,
            seed=seed,
            limits=replace(self.limits, wall_seconds=budget.fit_seconds.value),
        )
        limits = SearchLimits(budget.trials.value, deadline, report_seconds(budget))
        trial_seconds = generation.train.fit_seconds * len(problem.folds) / len(self.pool.workers)
        smac = SmacSearch(
            space.space,
            space.initial,
            n_sobol=initial_design_size(len(space.space), limits.expected_trials(trial_seconds)),
            seed=seed,
            crash_cost=problem.task.crash_cost(problem.metric, problem.y),
            folder=self.run / "smac",
        )
        with (
            contextlib.closing(SearchRecords(self.run, self.progress)) as records,
            contextlib.closing(smac),
            contextlib.closing(LocalExecutor(self.pool.workers, evaluation)) as executor,
        ):
            return Optimizer(smac, executor, evaluation, records, limits).run()

    def fit_final_models(
        self, generation: Generation, found: SearchResult, budget: Budget, deadline: float
    ) -> FinalModels:
        """The winner's model, and the default configuration's in the same way to compare with."""
        self.progress.refitting()
        refit = Refit(
            source=generation.code.train,
            task=self.problem.task,
            y=self.problem.y,
            n_classes=self.problem.n_classes,
            seed=self.resources.seed.value,
            limits=replace(self.limits, wall_seconds=budget.fit_seconds.value),
            deadline=deadline - report_seconds(budget),
        )
        final = refit.final_models(found, self.pool.workers)
        final.winner.save(self.run / "model")
        write_schema(self.run, self.problem, generation)
        return final

    def examine(self, generation: Generation, final: FinalModels) -> TestScores:
        """Open the test rows, once, and score the final model beside the default's."""
        problem = self.problem
        with Predictor(
            problem.X_test,
            task=problem.task,
            n_classes=problem.n_classes,
            tier=self.pool.tier,
            preload=imported_modules(generation.code.train),
        ) as predictor:
            prediction = predictor.predict(final.winner.models, self.limits)
            default = None
            if final.default is not None:
                with contextlib.suppress(RunFailedError):  # the run has its model all the same
                    default = predictor.predict(final.default.models, self.limits)
            return score_models(problem, prediction, default)

    @property
    def limits(self) -> Limits:
        """What a call may use; fits have a wall time of their own."""
        return Limits(memory_bytes=self.resources.memory_bytes, threads=self.resources.threads)


def report_seconds(budget: Budget) -> float:
    """What is kept of the time for the test and the report."""
    return min(REPORT_SECONDS, (budget.time.value or float("inf")) / 3)
