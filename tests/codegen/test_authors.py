"""Authors by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from automl_agent.codegen.authors import OFFLINE, find_author
from automl_agent.codegen.components import Component
from automl_agent.codegen.extraction import extract_code
from automl_agent.data.problem import pose_problem
from automl_agent.exceptions import InputError
from automl_agent.settings import TuneSettings
from llm_clients.types import CompletionRequest


@pytest.mark.parametrize("component", Component)
def test_the_offline_author_answers_under_any_name_of_a_recipe(component: Component) -> None:
    settings = TuneSettings(dataset="iris", model="Random Forest")
    facts = {**pose_problem(settings, seed=0).facts(settings), "component": component.value}
    author = find_author(settings)
    assert author.name == OFFLINE
    reply = author.complete(CompletionRequest((), facts=facts)).text
    assert "No language model was asked" in reply
    assert isinstance(extract_code(reply, component), str)


def test_an_unknown_author_is_an_input_error_that_names_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"unknown language model .gpt-99. .*offline"):
        find_author(TuneSettings(dataset="iris", llm="gpt-99"))


def test_a_model_without_a_recipe_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(InputError, match="no built-in recipe"):
        find_author(TuneSettings(dataset="iris", model="quantum forest of doom"))


def test_own_files_are_answered_word_for_word(tmp_path: Path) -> None:
    fenced = (
        'def train(config, X, y, *, seed, budget):\n    """Shows ```python in its docstring."""\n'
    )
    for component in Component:
        (tmp_path / component.filename).write_text(fenced)
    author = find_author(TuneSettings(dataset="iris", code=tmp_path))
    reply = author.complete(CompletionRequest((), facts={"component": "train"})).text
    assert extract_code(reply, Component.TRAIN) == fenced


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "config_space.py").write_text("")
    with pytest.raises(InputError, match=r"no train\.py in"):
        find_author(TuneSettings(dataset="iris", code=tmp_path))
