"""Finding the module in a reply, whatever stands around it."""

from __future__ import annotations

import ast
import re

from automl_agent.codegen.components import Component
from automl_agent.codegen.feedback import Failure, Stage

_FENCE = re.compile(
    r"^[ \t]*(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>[^\n`]*)\n(?P<body>.*?)(?:^[ \t]*(?P=fence)[ \t]*$|\Z)",
    re.DOTALL | re.MULTILINE,
)
_THINKING = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_PYTHON = {"", "python", "py", "python3"}

EXPECTED = "one fenced block that starts with ```python and holds the whole module."


def extract_code(reply: str, component: Component) -> str | Failure:
    """The source of a component's module in a model's reply.

    Tried in this order: the fenced Python block that defines the component's functions (the last
    of several complete ones, since models correct themselves), all Python blocks joined when only
    together they define them, and the whole reply when it parses as Python without any fence.

    Returns:
        The source, ending in a newline, or why there is none.
    """
    text = _THINKING.sub("", reply.replace("\r\n", "\n"))
    names = {s.name for s in component.contract.required}
    blocks = [
        match["body"]
        for match in _FENCE.finditer(text)
        if match["info"].strip().lower().split(" ")[0] in _PYTHON
    ]
    for block in reversed(blocks):
        if names <= _functions(block):
            return _tidy(block)
    joined = "\n".join(blocks)
    if blocks and names <= _functions(joined):
        return _tidy(joined)
    if blocks:
        # not complete: the longest block is what the later checks will explain best
        return _tidy(max(blocks, key=len))
    if names & _functions(text) or _looks_like_module(text):
        return _tidy(text)
    what = "The reply is empty." if not text.strip() else "There is no Python code block in the reply."
    return Failure(Stage.EXTRACTION, what, EXPECTED)


def _functions(source: str) -> set[str]:
    """Names of the functions defined at the top level; empty when it does not parse."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def _looks_like_module(text: str) -> bool:
    """Whether an unfenced reply is meant as code, even if it has a syntax error."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return bool(re.match(r"(import|from|def|class|@|\"\"\"|#)", first)) and "def " in text


def _tidy(source: str) -> str:
    return source.strip("\n") + "\n"
