"""Every built-in recipe, both tasks, all kinds of tables: what is rendered holds the contract."""

from __future__ import annotations

import os
import subprocess
import sys
import types
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from ConfigSpace import Configuration, ConfigurationSpace
from threadpoolctl import threadpool_limits

from automl_agent.codegen.recipes import answer, find_recipe, recipe_names
from automl_agent.data.columns import Kind
from automl_agent.data.dataset import Dataset
from automl_agent.data.metadata import describe
from automl_agent.data.schema import ColumnSchema, TableSchema
from automl_agent.exceptions import AutoMLAgentError, InputError
from automl_agent.prompts.templates import render, template_root

TASKS = ("classification", "regression")
COMPONENTS = ("config_space", "train", "scenario")
SEED = 3
WORDS = ("alpha", "beta", "gamma", "delta", "omega", "naïve", "日本語", "zeta")


# --- tables -----------------------------------------------------------------------------------


def _numbers(rng: np.random.Generator, n: int, width: int) -> dict[str, Any]:
    return {f"number {i}": rng.normal(size=n) for i in range(width)}


def _numeric(rng: np.random.Generator, n: int) -> dict[str, Any]:
    return _numbers(rng, n, 4)


def _mixed(rng: np.random.Generator, n: int) -> dict[str, Any]:
    holes = rng.normal(size=n)
    holes[rng.random(n) < 0.2] = np.nan
    colours = rng.choice(["red", "green", "blue", None], size=n)
    return {
        **_numbers(rng, n, 2),
        "holes": holes,
        "constant": np.ones(n),
        "empty": np.full(n, np.nan),
        "colour": pd.Categorical(colours, categories=["blue", "green", "red", "never"]),
        "one colour": pd.Categorical(["red"] * n),
        "no colour": pd.Categorical([None] * n, categories=[]),
    }


def _text(rng: np.random.Generator, n: int) -> dict[str, Any]:
    texts = pd.Series([" ".join(rng.choice(WORDS, size=6)) for _ in range(n)], dtype="str")
    texts[rng.random(n) < 0.1] = None
    return {"text": texts, "no text": pd.Series([None] * n, dtype="str")}


def _datetime(rng: np.random.Generator, n: int) -> dict[str, Any]:
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 90_000, n), unit="min")
    moments = pd.Series(days).astype("datetime64[ns]")
    moments[rng.random(n) < 0.1] = pd.NaT
    return {"moment": moments, "never": pd.Series([pd.NaT] * n, dtype="datetime64[ns]")}


def _everything(rng: np.random.Generator, n: int) -> dict[str, Any]:
    return {**_mixed(rng, n), **_text(rng, n), **_datetime(rng, n), **_high_cardinality(rng, n)}


def _high_cardinality(rng: np.random.Generator, n: int) -> dict[str, Any]:
    names = [f"customer {i}" for i in range(2000)]
    picked = rng.choice(names, size=n)
    return {"customer": pd.Categorical(picked, categories=names), "x": rng.normal(size=n)}


def _odd_names(rng: np.random.Generator, n: int) -> dict[str, Any]:
    names = ['{"a": [1, 2]}', "日本 語", "", " ", "a,b:c", "line\nbreak", "'quoted'", "text_0"]
    table: dict[str, Any] = {name: rng.normal(size=n) for name in names}
    table["{category}"] = pd.Categorical(rng.choice(["a", 'b"]', "ü"], size=n))
    return table


@dataclass(frozen=True)
class Case:
    """A table and what its target is like."""

    columns: Any
    rows: int
    classes: int = 3
    rarest: int | None = None


CASES = {
    "numeric": Case(_numeric, 90),
    "mixed": Case(_mixed, 100, classes=2),
    "text": Case(_text, 60),
    "datetime": Case(_datetime, 60),
    "wide": Case(lambda rng, n: _numbers(rng, n, 300), 60, classes=2),
    "tiny": Case(_mixed, 10, classes=2),
    "imbalanced": Case(_numeric, 100, classes=2, rarest=2),
    "many_classes": Case(_mixed, 120, classes=30),
    "high_cardinality": Case(_high_cardinality, 250, classes=2),
    "high_cardinality_many_classes": Case(_high_cardinality, 250, classes=12),
    "odd_names": Case(_odd_names, 60),
    "everything": Case(_everything, 210),
}


@cache
def make_dataset(case_name: str, task: str) -> Dataset:
    case = CASES[case_name]
    rng = np.random.default_rng(0)
    X = pd.DataFrame(case.columns(rng, case.rows))
    signal = next((X[name].to_numpy() for name in X if X[name].dtype == float), np.zeros(len(X)))
    if task == "regression":
        y = np.exp(signal + rng.normal(scale=0.2, size=len(X)))
        classes: tuple[int, ...] = ()
    else:
        y = np.arange(len(X)) % case.classes
        if case.rarest is not None:
            y = (np.arange(len(X)) < case.rarest).astype(int)
        y, classes = y.astype(np.int64), tuple(range(case.classes))
    columns = tuple(ColumnSchema(name, _kind(X[name]), _categories(X[name])) for name in X)
    schema = TableSchema(columns)
    return Dataset(
        name='a """ name \\ with `traps`',
        task=task,
        target="target",
        X=schema.apply(X),
        y=y,
        classes=classes,
        schema=schema,
        source="made here",
        warnings=(),
    )


def _kind(column: pd.Series) -> Kind:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return Kind.CATEGORICAL
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return Kind.DATETIME
    return Kind.NUMERIC if pd.api.types.is_numeric_dtype(column.dtype) else Kind.TEXT


def _categories(column: pd.Series) -> tuple[str, ...]:
    is_category = isinstance(column.dtype, pd.CategoricalDtype)
    return tuple(column.cat.categories) if is_category else ()


def make_facts(dataset: Dataset, model: str, **changes: Any) -> dict[str, Any]:
    """`changes` replace facts, or statistics of the dataset where they have that name."""
    metadata = describe(dataset, np.arange(len(dataset.y))).model_dump()
    facts = {
        "model": model,
        "n_folds": 5,
        "metric": "log_loss" if dataset.task == "classification" else "rmse",
        "trials": None,
        "time": None,
        "attempt": 0,
        "failure": None,
    }
    for name, value in changes.items():
        (metadata if name in metadata else facts)[name] = value
    return facts | {"metadata": metadata}


#: A table for which every optional part is rendered: many rows, weights, log target, MAE.
def large_facts(dataset: Dataset, model: str, rows: int = 40_000) -> dict[str, Any]:
    if dataset.task == "regression":
        return make_facts(dataset, model, n_rows=rows, metric="mae")
    return make_facts(dataset, model, n_rows=rows, metric="f1", imbalance=9.0)


# --- running what was rendered ----------------------------------------------------------------


def code_of(facts: dict[str, Any], component: str) -> str:
    reply = answer(facts | {"component": component})
    assert reply.count("```") == 2
    return reply.split("```python\n")[1].split("```")[0]


def load(facts: dict[str, Any], component: str) -> types.ModuleType:
    module = types.ModuleType(component)
    exec(compile(code_of(facts, component), component, "exec"), module.__dict__)
    return module


class Recording(dict[str, Any]):
    """A configuration that remembers what was read."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(values)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)


def plain(configuration: Any) -> dict[str, Any]:
    return {k: v.item() if hasattr(v, "item") else v for k, v in dict(configuration).items()}


def sample(space: ConfigurationSpace, size: int) -> list[dict[str, Any]]:
    space.seed(SEED)
    return [plain(configuration) for configuration in space.sample_configuration(size)]


def fit(module: types.ModuleType, config: dict[str, Any], dataset: Dataset) -> Any:
    recording = Recording(config)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # empty texts have no variance to explain
        warnings.filterwarnings("ignore", "invalid value encountered in divide")
        # a column without any value has neither mean nor quantiles
        warnings.filterwarnings("ignore", "All-NaN slice encountered")
        estimator = module.train(recording, dataset.X, dataset.y, seed=SEED, budget=None)
    assert set(config) <= recording.read
    return estimator


def predict(estimator: Any, dataset: Dataset, X: pd.DataFrame) -> np.ndarray:
    """Predict and check the form of the prediction."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prediction = np.asarray(estimator.predict(X))
        assert prediction.shape == (len(X),)
        if dataset.task == "regression":
            assert np.isfinite(prediction).all()
            return prediction
        probabilities = np.asarray(estimator.predict_proba(X))
    assert probabilities.shape == (len(X), len(dataset.classes))
    assert np.isfinite(probabilities).all()
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert set(prediction) <= set(range(len(dataset.classes)))
    return probabilities


def new_rows(dataset: Dataset) -> pd.DataFrame:
    """Known rows, then one with categories never seen and one with nothing at all."""
    rows = dataset.X.iloc[:3].copy()
    for name in rows:
        if isinstance(rows[name].dtype, pd.CategoricalDtype):
            unseen = [*rows[name].cat.categories, "unseen"]
            rows[name] = pd.Categorical([*rows[name].iloc[:2], "unseen"], categories=unseen)
    return rows.reindex([*rows.index, -1]).reset_index(drop=True)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in the sandbox: thread pools cost more than they gain on tables this small."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with threadpool_limits(limits=1):
        yield


every_recipe = pytest.mark.parametrize("model", recipe_names())
every_task = pytest.mark.parametrize("task", TASKS)


# --- the contract -----------------------------------------------------------------------------


@every_recipe
@every_task
@pytest.mark.parametrize("case", CASES)
def test_space_is_sane_and_starts_from_its_default(case: str, task: str, model: str) -> None:
    dataset = make_dataset(case, task)
    large = [large_facts(dataset, model)] if case == "everything" else []
    for facts in (make_facts(dataset, model), *large):
        module = load(facts, "config_space")
        space = module.get_configspace()
        initial = module.get_initial_configurations()
        assert initial[0] == plain(space.get_default_configuration())
        for values in [*initial, *sample(space, 30)]:
            Configuration(space, values=values).check_valid_configuration()
        rebuilt = ConfigurationSpace.from_serialized_dict(space.to_serialized_dict())
        assert rebuilt == space
        assert 2 <= len(space) <= 12


@every_recipe
@every_task
@pytest.mark.parametrize(
    "case",
    [pytest.param(c, marks=pytest.mark.slow) if c == "everything" else c for c in CASES],
)
def test_fits_and_predicts_every_table(case: str, task: str, model: str) -> None:
    dataset = make_dataset(case, task)
    facts = make_facts(dataset, model)
    space, train = load(facts, "config_space").get_configspace(), load(facts, "train")
    samples = sample(space, 2) if case in ("mixed", "tiny", "everything") else sample(space, 2)[:1]
    for config in [plain(space.get_default_configuration()), *samples]:
        estimator = fit(train, config, dataset)
        predict(estimator, dataset, dataset.X)
        predict(estimator, dataset, new_rows(dataset))


@every_recipe
@every_task
@pytest.mark.parametrize("rows", [pytest.param(1_000, marks=pytest.mark.slow), 40_000])
def test_every_hyperparameter_is_read(rows: int, task: str, model: str) -> None:
    """Rendered for a large table, where most is optional, and run on a small one."""
    dataset = make_dataset("everything", task)
    facts = large_facts(dataset, model, rows)
    space, train = load(facts, "config_space").get_configspace(), load(facts, "train")
    unseen = set(space)
    for config in sample(space, 60):
        if unseen & set(config):
            unseen -= set(config)
            predict(fit(train, config, dataset), dataset, new_rows(dataset))
    assert not unseen


@every_recipe
@every_task
def test_same_seed_gives_the_same_prediction(task: str, model: str) -> None:
    dataset = make_dataset("everything", task)
    facts = make_facts(dataset, model)
    space, train = load(facts, "config_space").get_configspace(), load(facts, "train")
    config = sample(space, 2)[0]
    first, second = (predict(fit(train, config, dataset), dataset, dataset.X) for _ in range(2))
    np.testing.assert_allclose(first, second, atol=1e-6)


def _library_default(model: str, task: str, n_categorical: int) -> tuple[Any, dict[str, Any]]:
    from lightgbm import LGBMClassifier, LGBMRegressor
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.preprocessing import StandardScaler

    if model == "lgbm":
        library = LGBMClassifier if task == "classification" else LGBMRegressor
        categorical = {"categorical_feature": list(range(n_categorical))}
        return library(random_state=SEED, verbose=-1, n_jobs=1), categorical
    classifier, regressor = {
        "random_forest": (RandomForestClassifier, RandomForestRegressor),
        "linear": (LogisticRegression, Ridge),
        "mlp": (MLPClassifier, MLPRegressor),
    }[model]
    if task == "classification":
        return classifier(random_state=SEED), {}
    if model == "mlp":
        return TransformedTargetRegressor(
            MLPRegressor(random_state=SEED), transformer=StandardScaler()
        ), {}
    return regressor(random_state=SEED), {}


@every_recipe
@every_task
@pytest.mark.parametrize("case", ["numeric", "mixed"])
@pytest.mark.filterwarnings("ignore")
def test_default_is_the_library_default(case: str, task: str, model: str) -> None:
    dataset = make_dataset(case, task)
    for facts in (make_facts(dataset, model), make_facts(dataset, model, n_rows=40_000)):
        default = load(facts, "config_space").get_initial_configurations()[0]
        ours = fit(load(facts, "train"), default, dataset)
        features = ours[:-1].transform(dataset.X)
        n_categorical = sum(_kind(dataset.X[name]) == Kind.CATEGORICAL for name in dataset.X)
        library, options = _library_default(model, task, n_categorical)
        library.fit(features, dataset.y, **options)
        name = "predict_proba" if task == "classification" else "predict"
        np.testing.assert_allclose(
            getattr(ours, name)(dataset.X), getattr(library, name)(features), rtol=1e-6, atol=1e-6
        )


def test_pickled_estimators_predict_the_same_in_a_fresh_process(tmp_path: Path) -> None:
    jobs = []
    for model in recipe_names():
        for task in TASKS:
            dataset = make_dataset("everything", task)
            facts = make_facts(dataset, model)
            space, train = load(facts, "config_space").get_configspace(), load(facts, "train")
            estimator = fit(train, sample(space, 2)[0], dataset)
            jobs.append(
                (estimator, new_rows(dataset), predict(estimator, dataset, new_rows(dataset)))
            )
    (tmp_path / "jobs.pickle").write_bytes(cloudpickle.dumps(jobs))
    script = """
import pickle, sys
import numpy as np
for estimator, X, expected in pickle.load(open("jobs.pickle", "rb")):
    proba = expected.ndim == 2
    got = estimator.predict_proba(X) if proba else estimator.predict(X)
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)
assert "automl_agent" not in sys.modules and "train" not in sys.modules
print("same")
"""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "same\n", done.stderr


@every_recipe
@every_task
@pytest.mark.parametrize("case", ["mixed", "everything"])
def test_rendered_code_is_formatted_and_has_no_idle_line(
    case: str, task: str, model: str, tmp_path: Path
) -> None:
    dataset = make_dataset(case, task)
    for label, facts in {
        "as_is": make_facts(dataset, model),
        "large": large_facts(dataset, model),
    }.items():
        for component in COMPONENTS:
            (tmp_path / f"{component}_{label}.py").write_text(code_of(facts, component), "utf-8")
    for command in (["check", "--select", "E,F,W,I,B"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--line-length=100", "."]
        done = subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


@every_task
def test_code_holds_only_what_the_columns_need(task: str) -> None:
    code = code_of(make_facts(make_dataset("numeric", task), "lgbm"), "train")
    for absent in ("category", "text", "datetime", "Tfidf"):
        assert absent not in code
    assert "Tfidf" in code_of(make_facts(make_dataset("text", task), "lgbm"), "train")


@every_recipe
def test_scenario_constructs_and_writes_nothing(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = make_dataset("mixed", "classification")
    space = load(make_facts(dataset, model), "config_space").get_configspace()
    scenario = load(make_facts(dataset, model), "scenario").get_scenario(space)
    assert scenario.deterministic
    assert np.isfinite(scenario.crash_cost)
    assert 20 <= scenario.n_trials <= 200
    wished = load(make_facts(dataset, model, trials=7, time=30.0), "scenario").get_scenario(space)
    assert (wished.n_trials, wished.walltime_limit, wished.trial_walltime_limit) == (7, 30, 30)
    large = load(large_facts(dataset, model, 1_000_000), "scenario").get_scenario(space)
    assert large.n_trials < scenario.n_trials
    assert list(tmp_path.iterdir()) == []


# --- finding recipes and templates ------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("lgbm", "lgbm"),
        ("LightGBM", "lgbm"),
        ("RF", "random_forest"),
        ("Random Forest", "random_forest"),
        ("logistic-regression", "linear"),
        ("ridge", "linear"),
        ("Neural Network", "mlp"),
    ],
)
def test_recipes_are_found_by_alias(name: str, found: str) -> None:
    assert find_recipe(name).name == found


def test_unknown_recipe_names_the_nearest_and_all() -> None:
    with pytest.raises(InputError) as caught:
        find_recipe("lgmb")
    message = str(caught.value)
    assert "did you mean lgbm" in message
    assert all(name in message for name in recipe_names())
    with pytest.raises(InputError, match="recipes: lgbm"):
        find_recipe("transformer")


def test_a_task_the_recipe_does_not_solve_is_refused() -> None:
    facts = make_facts(make_dataset("numeric", "regression"), "lgbm", task="clustering")
    with pytest.raises(InputError, match="does not solve clustering"):
        answer(facts | {"component": "train"})


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    facts = make_facts(make_dataset("numeric", "regression"), "lgbm")
    with pytest.raises(InputError, match="not installed: lightgbm"):
        answer(facts | {"component": "train"})


def test_templates_with_holes_and_missing_templates_are_errors() -> None:
    assert (template_root() / "offline" / "scenario.py.j2").is_file()
    with pytest.raises(
        AutoMLAgentError, match=r"scenario\.py\.j2 could not be filled: 'fold_rows'"
    ):
        render("offline/scenario.py.j2")
    with pytest.raises(AutoMLAgentError, match="nowhere"):
        render("offline/nowhere.py.j2")
