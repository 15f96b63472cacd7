"""What can be said about generated code without running it."""

from __future__ import annotations

import ast
import importlib.util
import sys

from automl_agent.codegen.components import Component, Signature
from automl_agent.codegen.feedback import Failure, Stage
from automl_agent.sandbox.base import CodeError, CodeFrame


def check_statically(source: str, component: Component) -> Failure | None:
    """Parse, look at the signatures, and see that every import can be found here."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        line = error.lineno or 0
        text = (error.text or "").strip()
        frame = CodeFrame(component.filename, line, "", text)
        return Failure(
            Stage.SYNTAX,
            f"SyntaxError: {error.msg} (line {line})",
            "a complete Python 3.11 module.",
            CodeError("SyntaxError", str(error.msg), (frame,)),
        )
    except (ValueError, RecursionError, MemoryError) as error:
        return Failure(Stage.SYNTAX, f"the code cannot be parsed: {error}", "a Python module.")
    for signature in component.contract.signatures:
        failure = _check_signature(tree, signature)
        if failure is not None:
            return failure
    return _check_imports(tree)


def imported_modules(source: str) -> tuple[str, ...]:
    """Modules that the code imports anywhere, in order, without duplicates."""
    return tuple(dict.fromkeys(name for name, _ in _imports(ast.parse(source))))


def _check_signature(tree: ast.Module, signature: Signature) -> Failure | None:
    found = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == signature.name
    ]
    if not found:
        if signature.optional:
            return None
        return Failure(
            Stage.SIGNATURE,
            f"The module does not define a function {signature.name} at its top level.",
            f"{signature}",
        )
    node = found[-1]
    if isinstance(node, ast.AsyncFunctionDef):
        return Failure(Stage.SIGNATURE, f"{signature.name} is async.", f"{signature}")
    if not _callable_with(node.args, signature):
        got = f"def {node.name}({ast.unparse(node.args)})"
        return Failure(
            Stage.SIGNATURE,
            f"{signature.name} has the wrong parameters: {got}.",
            f"{signature}",
        )
    return None


def _callable_with(arguments: ast.arguments, signature: Signature) -> bool:
    """Whether the function can be called as the contract calls it."""
    positional = [*arguments.posonlyargs, *arguments.args]
    required = positional[: len(positional) - len(arguments.defaults)]
    given_by_position = positional[: len(signature.positional)]
    enough = len(positional) >= len(signature.positional) or arguments.vararg is not None
    by_name = {a.arg for a in [*arguments.args[len(given_by_position) :], *arguments.kwonlyargs]}
    named = set(signature.keyword) <= by_name or arguments.kwarg is not None
    unfilled = {a.arg for a in required[len(signature.positional) :]} | {
        a.arg
        for a, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is None
    }
    return enough and named and unfilled <= set(signature.keyword)


def _check_imports(tree: ast.Module) -> Failure | None:
    for name, line in _imports(tree):
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or importlib.util.find_spec(top) is not None:
            continue
        return Failure(
            Stage.IMPORTS,
            f"ModuleNotFoundError: No module named {top!r} (imported in line {line}).",
            "imports from the libraries that are installed, and from nothing else.",
        )
    return None


def _imports(tree: ast.Module) -> list[tuple[str, int]]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(("." if node.level else node.module or ".", node.lineno))
    return [(name, line) for name, line in found if not name.startswith(".") or name == "."]
