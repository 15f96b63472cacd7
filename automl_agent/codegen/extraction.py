"""Finding the module in a reply, whatever stands around it."""

from __future__ import annotations

import ast
import builtins
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from automl_agent.codegen.components import Component
from automl_agent.codegen.feedback import Failure, Stage
from automl_agent.codegen.static_checks import UNPARSABLE, parse

_FENCE = re.compile(r"(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>[^`]*)")
_THINKING = re.compile(r"<(think|thinking)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_THOUGHT = re.compile(r"\A.*</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_CUT_THOUGHT = re.compile(r"^\s*<think(?:ing)?>.*\Z", re.DOTALL | re.IGNORECASE)
_CODE = re.compile(r"^(import |from \w|def \w|class \w|@\w|#|\"\"\"|''')")
_FUNCTION = re.compile(r"^def \w+\(", re.MULTILINE)
_PYTHON = {"", "python", "py", "python3", "py3"}
_MOST_ENDS = 20  # a reply full of fences must not be parsed over and over

EXPECTED = "one fenced block that starts with ```python and holds the whole module."


@dataclass(frozen=True)
class _Block:
    """A fenced block; `language` is the first word behind the fence."""

    language: str
    body: str


def extract_code(reply: str, component: Component) -> str | Failure:
    """The source of a component's module in a model's reply.

    Tried in this order: the last block that defines the component's functions (models correct
    themselves), with those earlier blocks that define names it lacks; all Python blocks joined,
    when only together they define the functions; a string in a JSON object that defines them; the
    longest Python block (later checks say what it lacks); the whole reply when it reads as Python
    without a fence. What a model thinks aloud is never taken.

    Returns:
        The source, ending in a newline, or why there is none.
    """
    text = _spoken(reply)
    names = {s.name for s in component.contract.required}
    blocks = list(_blocks(text))
    for number, block in reversed(list(enumerate(blocks))):
        if names <= _functions(block.body):
            earlier = [b.body for b in blocks[:number] if b.language in _PYTHON]
            return _tidy(_with_helpers(block.body, earlier, names))
    python = [block.body for block in blocks if block.language in _PYTHON]
    joined = "".join(python)
    if names <= _functions(joined):
        return _tidy(joined)
    for wrapped in _json_strings([text, *(block.body for block in blocks)]):
        if names <= _functions(wrapped):
            return _tidy(wrapped)
    if any(body.strip() for body in python):
        return _tidy(max(python, key=len))
    if names & _functions(text) or _looks_like_module(text):
        return _tidy(text)
    return Failure(Stage.EXTRACTION, _what_is_missing(reply, text), EXPECTED)


def _spoken(reply: str) -> str:
    """The reply without what the model thought aloud, with plain line ends."""
    text = reply.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    text = _THINKING.sub("", text)
    text = _THOUGHT.sub("", text)  # some servers send the closing tag alone
    return _CUT_THOUGHT.sub("", text)


def _what_is_missing(reply: str, text: str) -> str:
    if text.strip():
        return "There is no Python code block in the reply."
    if reply.strip():
        return "The reply holds nothing but thoughts: it ended before the answer began."
    return "The reply is empty."


def _blocks(text: str) -> Iterator[_Block]:
    """The fenced blocks, in order; one that is never closed reaches to the end.

    A fence may stand inside the code as well, in a docstring say. So a Python block ends at the
    first closing fence before which the code parses, and at the first of all if it never does.
    """
    lines = text.split("\n")
    position = 0
    while position < len(lines):
        opening = _FENCE.fullmatch(lines[position])
        position += 1
        if opening is None:
            continue
        first = re.match(r"\W*(\w*)", opening["info"])
        language = first[1].lower() if first else ""
        ends = _closing_lines(lines, position, opening["fence"])
        bodies = [_dedented(lines[position:end], opening["indent"]) for end in ends]
        which = 0
        if language in _PYTHON and len(ends) > 1:
            which = next((i for i, body in enumerate(bodies) if _tree(body) is not None), 0)
        yield _Block(language, bodies[which])
        position = ends[which] + 1


def _closing_lines(lines: list[str], start: int, fence: str) -> list[int]:
    """Where a block may end: at the first closing fences of its kind, or with the text."""
    ends: list[int] = []
    for number in range(start, len(lines)):
        line = lines[number].strip()
        if len(line) >= len(fence) and line == fence[0] * len(line):
            ends.append(number)
            if len(ends) == _MOST_ENDS:
                break
    return ends or [len(lines)]


def _dedented(lines: list[str], indent: str) -> str:
    return "\n".join(line.removeprefix(indent) for line in lines) + "\n"


def _tree(source: str) -> ast.Module | None:
    try:
        return parse(source)
    except UNPARSABLE:
        return None


def _functions(source: str) -> set[str]:
    """Names of the functions defined at the top level; empty when it does not parse."""
    tree = _tree(source)
    if tree is None:
        return set()
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def _with_helpers(block: str, earlier: list[str], names: set[str]) -> str:
    """A complete block, behind the earlier blocks that define names which it uses and lacks.

    Blocks that define the component's functions themselves are drafts and stay out.
    """
    lacking, source = _lacking(block), block
    for other in reversed(earlier):
        tree = _tree(other)
        if tree is None or names & _functions(other) or not lacking & _bound(tree):
            continue
        lacking = (lacking - _bound(tree)) | _lacking(other)
        source = f"{other}\n{source}"
    return source


def _lacking(source: str) -> set[str]:
    """Names that the code reads and nowhere binds."""
    tree = _tree(source)
    if tree is None:
        return set()
    read = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    return read - _bound(tree) - set(dir(builtins))


def _bound(tree: ast.Module) -> set[str]:
    """Names that the code binds, in whatever scope."""
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.ClassDef(name=name) | ast.ExceptHandler(name=str(name)):
                found.add(name)
            case ast.alias():
                found.add(node.asname or node.name.partition(".")[0])
    return found


def _json_strings(texts: list[str]) -> Iterator[str]:
    """Strings in texts that are JSON objects, the way tool-calling models wrap code."""
    for text in texts:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            for item in value.values():
                if isinstance(item, str):
                    yield item
                    yield from (block.body for block in _blocks(item))


def _looks_like_module(text: str) -> bool:
    """Whether an unfenced reply is meant as code, even if it has a syntax error."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return bool(_CODE.match(first) and _FUNCTION.search(text))


def _tidy(source: str) -> str:
    return source.strip("\n") + "\n"
