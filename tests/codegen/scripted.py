"""Modules that work, modules that fail in every known way, and an author that sends both."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automl_agent.codegen.coder import Attempt
from automl_agent.codegen.components import Component
from automl_agent.codegen.feedback import Stage
from automl_agent.codegen.validation import Validator
from automl_agent.data.problem import Problem
from automl_agent.sandbox.base import Limits
from automl_agent.sandbox.process import WorkerProcess
from llm_clients.function_client import FunctionClient

SPACE = """\
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer


def get_configspace():
    space = ConfigurationSpace()
    kind = Categorical("kind", ["tree", "prior"], default="tree")
    depth = Integer("max_depth", (1, 10), default=4)
    leaf = Float("min_share", (1e-3, 0.3), default=0.01, log=True)
    space.add(kind, depth, leaf)
    space.add(EqualsCondition(depth, kind, "tree"))
    return space


def get_initial_configurations():
    return [{"kind": "prior", "min_share": 0.1}, {"kind": "tree", "max_depth": 2, "min_share": 0.1}]
"""
TRAIN = """\
from sklearn.dummy import DummyClassifier
from sklearn.tree import DecisionTreeClassifier


def train(config, X, y, *, seed, budget):
    share = config["min_share"]
    if config["kind"] == "prior":
        return DummyClassifier(strategy="prior").fit(X, y)
    depth = config["max_depth"]
    tree = DecisionTreeClassifier(max_depth=depth, min_samples_leaf=share, random_state=seed)
    return tree.fit(X, y)
"""
SCENARIO = """\
from smac import Scenario


def get_scenario(configspace):
    return Scenario(configspace, deterministic=True, crash_cost=10.0, n_trials=7, walltime_limit=90)
"""
LIMITS = Limits(wall_seconds=5.0, memory_bytes=2**30)
GOOD = {Component.CONFIG_SPACE: SPACE, Component.TRAIN: TRAIN, Component.SCENARIO: SCENARIO}


def fenced(source: str) -> str:
    """A reply that holds this module and nothing else."""
    return f"```python\n{source}```"


def scripted(replies: Mapping[Component, Sequence[str]]) -> FunctionClient:
    """An author that sends these replies, then working modules."""
    left = {component: iter(texts) for component, texts in replies.items()}

    def answer(facts: Mapping[str, Any]) -> str:
        component = Component(facts["component"])
        return next(left.get(component, iter(())), fenced(GOOD[component]))

    return FunctionClient(answer, name="scripted")


def make_validator(
    worker: WorkerProcess,
    problem: Problem,
    *,
    trial_seconds: float | None = None,
    limits: Limits = LIMITS,
) -> Validator:
    """What a run would make of this problem."""
    return Validator(
        sandbox=worker,
        task=problem.task,
        y=problem.y,
        n_classes=problem.n_classes,
        fold=problem.folds[0],
        n_folds=len(problem.folds),
        limits=limits,
        trial_seconds=trial_seconds,
        workers=1,
        seed=0,
    )


class Attempts(list[Attempt]):
    """Keeps every attempt of a generation."""

    def __call__(self, attempt: Attempt) -> None:
        self.append(attempt)


@dataclass(frozen=True)
class Way:
    """A way to fail.

    Attributes:
        reply: what the author sends.
        stage: the check that must stop it.
        phrases: what the feedback must say.
    """

    name: str
    component: Component
    reply: str
    stage: Stage
    phrases: tuple[str, ...]


def _ways(component: Component, wrap: Callable[[str], str]) -> Callable[..., Way]:
    def way(name: str, source: str, stage: Stage, *phrases: str) -> Way:
        return Way(name, component, fenced(wrap(textwrap.dedent(source))), stage, phrases)

    return way


def _space_of(body: str) -> str:
    head = "import ConfigSpace as CS\nfrom ConfigSpace import *\n\n\ndef get_configspace():\n"
    return head + textwrap.indent(body, "    ")


def _train_of(body: str) -> str:
    """A train() with this body; it reads all of its configuration first."""
    head = TRAIN.replace("def train", "def fit_tree") + "\n\n"
    first = "def train(config, X, y, *, seed, budget):\n    fitted = fit_tree(config, X, y, "
    return f"{head}{first}seed=seed, budget=budget)\n" + textwrap.indent(body, "    ")


_plain = {c: _ways(c, lambda source: source.lstrip("\n")) for c in Component}
_space = _ways(Component.CONFIG_SPACE, _space_of)
_whole_space = _plain[Component.CONFIG_SPACE]
_train = _ways(Component.TRAIN, _train_of)
_whole_train = _plain[Component.TRAIN]
_scenario = _plain[Component.SCENARIO]

SPACE_WAYS = (
    Way(
        "no code block",
        Component.CONFIG_SPACE,
        "I would tune the depth of the tree.",
        Stage.EXTRACTION,
        ("no Python code block", "```python"),
    ),
    _whole_space(
        "syntax error",
        "def get_configspace():\n    space = (1,\n    return space\n",
        Stage.SYNTAX,
        "'(' was never closed",
        "line 2",
    ),
    _whole_space(
        "wrong signature",
        "def get_configspace(seed):\n    return None\n",
        Stage.SIGNATURE,
        "get_configspace(seed)",
        "def get_configspace()",
    ),
    _whole_space(
        "missing import",
        "import hyperopt\ndef get_configspace():\n    return None\n",
        Stage.IMPORTS,
        "'hyperopt'",
        "line 1",
    ),
    _whole_space(
        "exception at import",
        "LIMIT = 1 / 0\ndef get_configspace():\n    return None\n",
        Stage.EXECUTION,
        "ZeroDivisionError: division by zero",
        "config_space.py, line 1: LIMIT = 1 / 0",
    ),
    _space(
        "endless loop",
        "while True:\n    pass\n",
        Stage.EXECUTION,
        "took longer than",
    ),
    _space(
        "log scale from 0",
        "return ConfigurationSpace(space=[Float('rate', (0, 1), log=True)])\n",
        Stage.EXECUTION,
        "log",
        "caused by ValueError",
        "config_space.py, line 6",
    ),
    _space(
        "default out of range",
        "space = ConfigurationSpace()\n"
        "space.add(Integer('depth', (1, 5), default=9))\n"
        "return space\n",
        Stage.EXECUTION,
        "default value 9",
        "'depth'",
        "config_space.py, line 7",
    ),
    _space(
        "classes as choices",
        "space = ConfigurationSpace()\n"
        "space.add(Categorical('kind', [int, float]))\n"
        "return space\n",
        Stage.SPACE,
        "<class 'int'>",
        "strings",
    ),
    _space(
        "tuples as choices",
        "space = ConfigurationSpace()\n"
        "space.add(Categorical('layers', [(64,), (64, 32)]))\n"
        "return space\n",
        Stage.SPACE,
        "layers",
        "[64]",
    ),
    _whole_space(
        "initial configuration out of range",
        SPACE.replace('"max_depth": 2', '"max_depth": 20'),
        Stage.SPACE,
        "get_initial_configurations()",
        "20",
        "max_depth",
    ),
    _whole_space(
        "initial configuration incomplete",
        SPACE.replace('"max_depth": 2, ', ""),
        Stage.SPACE,
        "get_initial_configurations()",
        "max_depth",
    ),
    _whole_space(
        "initial configuration with an inactive hyperparameter",
        SPACE.replace('"prior", "min', '"prior", "max_depth": 2, "min'),
        Stage.SPACE,
        "inactive",
        "max_depth",
    ),
    _space(
        "forbids nearly everything",
        "space = ConfigurationSpace()\n"
        "space.add(Float('low', (0, 1), default=0.5), Float('high', (0, 1), default=0.5))\n"
        "space.add(ForbiddenGreaterThanRelation(space['low'], space['high']))\n"
        "space.add(ForbiddenLessThanRelation(space['low'], space['high']))\n"
        "return space\n",
        Stage.SPACE,
        "took longer than",
        "forbidden clauses",
    ),
    _space("empty space", "return ConfigurationSpace()\n", Stage.SPACE, "no hyperparameters"),
    _space(
        "a dict in place of a space",
        "return {'depth': (1, 5)}\n",
        Stage.EXECUTION,
        "must return a ConfigurationSpace, not dict",
    ),
    _space(
        "q= of older versions",
        "return ConfigurationSpace(space=[Float('rate', (0, 1), q=0.1)])\n",
        Stage.EXECUTION,
        "unexpected keyword argument 'q'",
    ),
)

TRAIN_WAYS = (
    _train("raises", "raise ValueError('no luck')\n", Stage.FIT, "ValueError: no luck", "line 16"),
    _whole_train(
        "reads a name that the space lacks",
        TRAIN.replace('config["max_depth"]', 'config["depth"]'),
        Stage.FIT,
        "KeyError: 'depth'",
        "max_depth",
    ),
    _whole_train(
        "ignores a hyperparameter",
        TRAIN.replace('config["min_share"]', 'config.get("share", 0.1)'),
        Stage.CONFIG,
        "never reads min_share",
        "reads share",
    ),
    _train("returns None", "return None\n", Stage.PREDICTION, "NoneType", "return"),
    _train(
        "no predict_proba",
        "from sklearn.svm import LinearSVC\nreturn LinearSVC(random_state=seed).fit(X, y)\n",
        Stage.PREDICTION,
        "predict_proba",
        "LinearSVC",
    ),
    _train(
        "wrong shape",
        "fitted.predict_proba = lambda X: __import__('numpy').full((len(X), 2), 0.5)\n"
        "return fitted\n",
        Stage.PREDICTION,
        "(24, 2) instead of (24, 3)",
    ),
    _train(
        "1-D probabilities",
        "fitted.predict_proba = fitted.predict\nreturn fitted\n",
        Stage.PREDICTION,
        "(24,) instead of (24, 3)",
    ),
    _train(
        "NaN predictions",
        "fitted.predict_proba = lambda X: __import__('numpy').full((len(X), 3), float('nan'))\n"
        "return fitted\n",
        Stage.PREDICTION,
        "72 of 72 predicted values are NaN",
    ),
    _train(
        "rows that do not sum to one",
        "fitted.predict_proba = lambda X: __import__('numpy').full((len(X), 3), 0.5)\n"
        "return fitted\n",
        Stage.PREDICTION,
        "sums to 1.5",
    ),
    _train(
        "a lock in the estimator",
        "import threading\nfitted.lock = threading.Lock()\nreturn fitted\n",
        Stage.PICKLE,
        "cannot pickle '_thread.lock' object",
        "cloudpickle",
    ),
    _train(
        "an open file in the estimator",
        "fitted.log = open('log.txt', 'w')\nreturn fitted\n",
        Stage.PICKLE,
        "Cannot pickle files",
        "no files",
    ),
    _train(
        "a file that is gone when loaded",
        """
        with open('rows.txt', 'w') as stream:
            stream.write('1')

        class Late:
            def predict_proba(self, X):
                with open('rows.txt') as stream:
                    stream.read()
                return fitted.predict_proba(X)

        return Late()
        """,
        Stage.PICKLE,
        "FileNotFoundError",
        "train.py, line 22: with open('rows.txt') as stream:",
    ),
    _train(
        "predicts differently when loaded",
        """
        import numpy as np
        class Fickle:
            loaded = False
            def __setstate__(self, state):
                self.loaded = True
            def __getstate__(self):
                return {"x": 1}
            def predict_proba(self, X):
                column = 1 if self.loaded else 0
                return np.tile(np.eye(3)[column], (len(X), 1))
        return Fickle()
        """,
        Stage.PICKLE,
        "differently",
        "fresh process",
    ),
    _train(
        "random without the seed (generator)",
        """
        import numpy as np
        class Random:
            def __init__(self):
                self.row = np.random.default_rng().dirichlet([1, 1, 1])
            def predict_proba(self, X):
                return np.tile(self.row, (len(X), 1))
        return Random()
        """,
        Stage.REPEAT,
        "same",
        "seed",
    ),
    _train(
        "random without the seed (numpy's global state)",
        """
        from sklearn.ensemble import ExtraTreesClassifier
        return ExtraTreesClassifier(n_estimators=3, max_features=1).fit(X, y)
        """,
        Stage.REPEAT,
        "same",
        "seed",
    ),
    _train(
        "random predictions",
        """
        import numpy as np
        class Random:
            def predict_proba(self, X):
                return np.random.default_rng().dirichlet([1, 1, 1], len(X))
        return Random()
        """,
        Stage.REPEAT,
        "predicting uses none",
    ),
    _train(
        "memory bomb",
        "hoard = []\nwhile True:\n    hoard.append(bytearray(2**32))\n",
        Stage.FIT,
        "ran out of memory",
        "GiB",
    ),
    _train(
        "print flood",
        "for _ in range(100_000):\n    print('flood' * 20)\nraise RuntimeError('at last')\n",
        Stage.FIT,
        "RuntimeError: at last",
        "flood",
    ),
    _train("os._exit", "import os\nos._exit(0)\n", Stage.FIT, "ended without an answer", "exit"),
    _train("sys.exit", "import sys\nsys.exit('done')\n", Stage.FIT, "SystemExit: done"),
    _train("input()", "input('how many? ')\n", Stage.FIT, "EOFError", "line 16: input("),
    _train("endless loop", "while True:\n    pass\n", Stage.FIT, "took longer", "train"),
    _train(
        "endless prediction",
        "def predict_proba(X):\n    while True:\n        pass\n"
        "fitted.predict_proba = predict_proba\nreturn fitted\n",
        Stage.PREDICTION,
        "took longer",
        "predict",
    ),
)

SCENARIO_WAYS = (
    _scenario(
        "not a Scenario",
        "def get_scenario(configspace):\n    return {'n_trials': 10}\n",
        Stage.EXECUTION,
        "must return a Scenario, not dict",
    ),
    _scenario(
        "no trials",
        SCENARIO.replace("n_trials=7", "n_trials=0"),
        Stage.SCENARIO,
        "n_trials is 0",
        "at least 1",
    ),
    _scenario(
        "SMAC 1.x",
        "from smac.scenario.scenario import Scenario\n"
        "def get_scenario(configspace):\n    return Scenario({'run_obj': 'quality'})\n",
        Stage.EXECUTION,
        "No module named 'smac.scenario.scenario'",
        "scenario.py, line 1",
    ),
    _scenario(
        "arguments of SMAC 1.x",
        "from smac import Scenario\n"
        "def get_scenario(configspace):\n    return Scenario({'run_obj': 'quality'}, cs=1)\n",
        Stage.EXECUTION,
        "unexpected keyword argument 'cs'",
        "scenario.py, line 3",
    ),
)
WAYS = (*SPACE_WAYS, *TRAIN_WAYS, *SCENARIO_WAYS)
