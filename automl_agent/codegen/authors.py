"""Which language model writes the code, by name."""

from __future__ import annotations

from automl_agent.codegen.recipes import answer, find_recipe
from automl_agent.exceptions import InputError
from llm_clients.base import LLMClient
from llm_clients.function_client import FunctionClient

OFFLINE = "offline"


def find_author(name: str, model: str) -> LLMClient:
    """The client for a backend's name.

    Args:
        name: of the backend.
        model: the model family that it will be asked for; the offline backend knows only some.

    Raises:
        InputError: there is no such backend, or it cannot write that model.
    """
    if name == OFFLINE:
        recipe = find_recipe(model)
        return FunctionClient(lambda facts: answer({**facts, "model": recipe.name}), name=OFFLINE)
    raise InputError(f"unknown language model {name!r}", f"known: {OFFLINE}")
