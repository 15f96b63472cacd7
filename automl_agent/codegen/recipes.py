"""The offline author: built-in recipes that answer in the place of a language model.

A recipe is one row of `_RECIPES` and one folder below `templates/offline`: adding a model takes
those two and no other change. The code it renders is stand-alone and fitted to the dataset: it
holds only the branches that the dataset's column kinds need.
"""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from automl_agent.exceptions import InputError
from automl_agent.prompts.templates import render

_BOTH_TASKS = ("classification", "regression")
_LONGEST_NAME = 60


@dataclass(frozen=True)
class Recipe:
    """One built-in model.

    Attributes:
        name: canonical name, and the name of its folder below `templates/offline`.
        title: the model's name in prose.
        tasks: tasks it can solve.
        aliases: other names it is found by, in lower case.
        needs: packages that must be importable for its code to run.
    """

    name: str
    title: str
    tasks: tuple[str, ...]
    aliases: tuple[str, ...]
    needs: tuple[str, ...]


_RECIPES = (
    Recipe(
        name="lgbm",
        title="LightGBM model",
        tasks=_BOTH_TASKS,
        aliases=("lightgbm", "gbm", "gbdt", "gradient_boosting", "boosting"),
        needs=("lightgbm", "sklearn"),
    ),
    Recipe(
        name="random_forest",
        title="random forest",
        tasks=_BOTH_TASKS,
        aliases=("rf", "forest", "randomforest"),
        needs=("sklearn",),
    ),
    Recipe(
        name="linear",
        title="regularised linear model",
        tasks=_BOTH_TASKS,
        aliases=(
            "logistic_regression",
            "logistic",
            "logreg",
            "linear_regression",
            "ridge",
            "lasso",
            "elastic_net",
            "elasticnet",
        ),
        needs=("sklearn",),
    ),
    Recipe(
        name="mlp",
        title="multi-layer perceptron",
        tasks=_BOTH_TASKS,
        aliases=("neural_network", "neural_net", "nn", "multilayer_perceptron"),
        needs=("sklearn",),
    ),
)
_BY_NAME = {key: recipe for recipe in _RECIPES for key in (recipe.name, *recipe.aliases)}
_PURPOSE = {
    "config_space": "the search space",
    "train": "the training function",
    "scenario": "the scenario",
}


def recipes() -> tuple[Recipe, ...]:
    """Return all recipes."""
    return _RECIPES


def recipe_names() -> tuple[str, ...]:
    """Return the canonical names of all recipes."""
    return tuple(recipe.name for recipe in _RECIPES)


def find_recipe(name: str) -> Recipe:
    """Return the recipe of that name or alias; case, spaces and hyphens do not matter.

    Raises:
        InputError: there is none; names the nearest and lists all.
    """
    key = "_".join(name.lower().replace("-", " ").split())
    if key in _BY_NAME:
        return _BY_NAME[key]
    nearest = dict.fromkeys(_BY_NAME[hit].name for hit in difflib.get_close_matches(key, _BY_NAME))
    guess = f"did you mean {' or '.join(nearest)}? " if nearest else ""
    raise InputError(
        f"there is no built-in recipe for the model {name!r}",
        hint=f"{guess}recipes: {', '.join(recipe_names())}",
    )


def answer(facts: Mapping[str, Any]) -> str:
    """Write one module for a dataset, as a language model would: prose and one code block.

    The reply depends on nothing but the facts, so a second attempt at the same module repeats the
    first.

    Args:
        facts: `component` ("config_space", "train" or "scenario"), `model`, `metadata`
            (`DatasetMetadata.model_dump()`), `n_folds`, `metric`, `trials` and `time` in seconds
            (None where the user is silent).

    Raises:
        InputError: no such recipe, the recipe does not solve the task, or a package is missing.
        KeyError: a fact is missing, or the component is unknown.
    """
    recipe = find_recipe(facts["model"])
    context = _context(recipe, facts)
    _check_usable(recipe, context["task"])
    component = facts["component"]
    purpose = _PURPOSE[component]
    folder = "offline" if component == "scenario" else f"offline/{recipe.name}"
    code = render(f"{folder}/{component}.py.j2", **context)
    return (
        f"Built-in recipe `{recipe.name}` ({recipe.title}), filled in for {context['name']}: "
        f"{purpose}. No language model was asked.\n\n```python\n{code}```\n"
    )


def _check_usable(recipe: Recipe, task: str) -> None:
    if task not in recipe.tasks:
        raise InputError(
            f"the recipe {recipe.name} does not solve {task} tasks",
            hint=f"it solves: {', '.join(recipe.tasks)}",
        )
    missing = [package for package in recipe.needs if importlib.util.find_spec(package) is None]
    if missing:
        raise InputError(
            f"the recipe {recipe.name} needs packages that are not installed: {', '.join(missing)}"
        )


def _context(recipe: Recipe, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the templates know: sizes of one training fold and the kinds of its columns."""
    metadata = facts["metadata"]
    classes = metadata["n_classes"] or 0
    n_rows, n_folds = metadata["n_rows"], facts["n_folds"]
    share = 0.8 if n_folds == 1 else 1 - 1 / n_folds
    target = metadata["target_stats"] or {}
    return {
        "model": recipe.name,
        "title": recipe.title,
        "name": _printable(metadata["name"]),
        "task": metadata["task"],
        "metric": facts["metric"],
        "n_rows": n_rows,
        "fold_rows": max(1, int(n_rows * share)),
        "n_columns": metadata["n_columns"],
        "n_classes": classes,
        "numeric": metadata["n_numeric"],
        "categorical": metadata["n_categorical"],
        "text": metadata["n_text"],
        "datetime": metadata["n_datetime"],
        "max_cardinality": metadata["max_cardinality"],
        "missing": metadata["missing"] > 0,
        # one encoded column per class: with many classes the table would explode
        "target_encoding": classes <= 10 and n_rows >= 200,
        # weights distort probabilities, so they are offered only where labels are scored
        "class_weights": facts["metric"] in ("f1", "balanced_accuracy")
        and (metadata["imbalance"] or 1.0) >= 2,
        "log_target": target.get("min", -1.0) >= 0 and target.get("skew", 0.0) > 1,
        "trials": facts["trials"],
        "time": facts["time"],
    }


def _printable(name: str) -> str:
    """Return the dataset's name such that it can stand in a docstring of generated code."""
    plain = "".join(char if char.isprintable() and char not in "\"'\\`" else " " for char in name)
    return " ".join(plain.split())[:_LONGEST_NAME].strip() or "the dataset"
