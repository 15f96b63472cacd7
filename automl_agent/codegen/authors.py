"""Who writes the code: a language model by name, the built-in recipes, or the user's own files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from automl_agent.codegen.components import Component
from automl_agent.codegen.recipes import answer, find_recipe
from automl_agent.exceptions import InputError
from automl_agent.settings import TuneSettings
from llm_clients.base import LLMClient
from llm_clients.function_client import FunctionClient

OFFLINE = "offline"


def find_author(settings: TuneSettings) -> LLMClient:
    """The client that the settings ask for.

    Raises:
        InputError: there is no such backend, it cannot write that model, or the user's folder lacks
            a module.
    """
    if settings.code is not None:
        return files_author(settings.code)
    if settings.llm == OFFLINE:
        recipe = find_recipe(settings.model_name)
        return FunctionClient(lambda facts: answer({**facts, "model": recipe.name}), name=OFFLINE)
    raise InputError(f"unknown language model {settings.llm!r}", f"known: {OFFLINE}")


def files_author(folder: Path) -> LLMClient:
    """An author that answers with the files of a folder, so that they are proved like any reply.

    Raises:
        InputError: a file is missing or cannot be read.
    """
    sources = {}
    for component in Component:
        path = folder / component.filename
        try:
            sources[component.value] = path.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise InputError(
                f"there is no {component.filename} in {folder}",
                "automl-agent generate writes all three modules",
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path} cannot be read: {error}") from error

    def reply(facts: Mapping[str, Any]) -> str:
        source = sources[facts["component"]]
        longest = max(map(len, re.findall("`+", source)), default=0)
        fence = "`" * max(3, longest + 1)
        return f"{fence}python\n{source}\n{fence}"

    return FunctionClient(reply, name="files")
