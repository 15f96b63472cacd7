"""What can be said about generated code without running it."""

from __future__ import annotations

import ast
import importlib.util
import sys
import warnings

from automl_agent.codegen.components import Component, Signature
from automl_agent.codegen.feedback import Failure, Stage
from automl_agent.sandbox.base import CodeError, CodeFrame

UNPARSABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
_CATCHES_IMPORT = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def parse(source: str) -> ast.Module:
    """Parse generated code, without showing the user warnings about it.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it does not parse (`UNPARSABLE`).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def check_statically(source: str, component: Component) -> Failure | None:
    """Parse, look at the signatures, and see that every import can be found here."""
    try:
        tree = parse(source)
    except SyntaxError as error:
        line, kind = error.lineno or 0, type(error).__name__
        frame = CodeFrame(component.filename, line, "", (error.text or "").strip())
        return Failure(
            Stage.SYNTAX,
            f"{kind}: {error.msg} (line {line}).",
            f"a complete Python {_VERSION} module.",
            CodeError(kind, str(error.msg), (frame,)),
        )
    except UNPARSABLE as error:
        return Failure(Stage.SYNTAX, f"The code cannot be parsed: {error}.", "a Python module.")
    for signature in component.contract.signatures:
        failure = _check_signature(tree, signature)
        if failure is not None:
            return failure
    return _check_imports(tree)


def imported_modules(source: str) -> tuple[str, ...]:
    """Modules that the code imports anywhere, in order, without duplicates."""
    names = (name for node in ast.walk(parse(source)) for name in _modules(node))
    return tuple(dict.fromkeys(name for name in names if not name.startswith(".")))


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
            f"The module does not define a function {signature.name}() at its top level.",
            f"{signature}",
        )
    node = found[-1]
    if isinstance(node, ast.AsyncFunctionDef):
        return Failure(Stage.SIGNATURE, f"{signature.name}() is an async function.", f"{signature}")
    if not _callable_with(node.args, signature):
        got = f"def {node.name}({ast.unparse(node.args)})"
        return Failure(
            Stage.SIGNATURE,
            f"{signature.name}() has the wrong parameters: {got}.",
            f"{signature}",
        )
    return None


def _callable_with(arguments: ast.arguments, signature: Signature) -> bool:
    """Whether the function can be called as the contract calls it."""
    positional = [*arguments.posonlyargs, *arguments.args]
    required = positional[: len(positional) - len(arguments.defaults)]
    given = [a.arg for a in positional[: len(signature.positional)]]
    if set(given) == set(signature.positional) and tuple(given) != signature.positional:
        return False  # the right names in another order
    enough = len(positional) >= len(signature.positional) or arguments.vararg is not None
    later = positional[max(len(signature.positional), len(arguments.posonlyargs)) :]
    by_name = {a.arg for a in [*later, *arguments.kwonlyargs]}
    named = set(signature.keyword) <= by_name or arguments.kwarg is not None
    unfilled = {a.arg for a in required[len(signature.positional) :]} | {
        a.arg
        for a, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is None
    }
    return enough and named and unfilled <= set(signature.keyword)


def _check_imports(tree: ast.Module) -> Failure | None:
    for name, line in _needed(tree):
        top = name.partition(".")[0]
        if _is_installed(top):
            continue
        if name.startswith(".") or f"{top}.py" in {c.filename for c in Component}:
            return Failure(
                Stage.IMPORTS,
                f"Line {line} imports another generated module ({name}).",
                "a module that stands alone: the generated modules cannot import one another.",
            )
        return Failure(
            Stage.IMPORTS,
            f"ModuleNotFoundError: No module named {top!r} (imported in line {line}).",
            "imports from the standard library and the libraries that are installed, and from "
            "nothing else.",
        )
    return None


def _is_installed(top: str) -> bool:
    if top in sys.stdlib_module_names:
        return True
    if not top or f"{top}.py" in {c.filename for c in Component}:
        return False  # a file of that name may lie about where we run, but not in the sandbox
    try:
        return importlib.util.find_spec(top) is not None
    except (ValueError, ImportError):
        return False


def _needed(tree: ast.Module) -> list[tuple[str, int]]:
    """Modules and lines of the imports that nothing catches when they fail."""
    found: list[tuple[str, int]] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        found += [(name, getattr(node, "lineno", 0)) for name in _modules(node)]
        children = ast.iter_child_nodes(node)
        if isinstance(node, ast.Try) and any(map(_catches_import_errors, node.handlers)):
            children = iter([*node.handlers, *node.orelse, *node.finalbody])
        waiting += children
    return sorted(found, key=lambda item: item[1])


def _catches_import_errors(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(
        isinstance(node, ast.Name) and node.id in _CATCHES_IMPORT for node in ast.walk(handler.type)
    )


def _modules(node: ast.AST) -> list[str]:
    """Modules that this very statement imports; relative ones keep their dots."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return ["." * node.level + (node.module or "")]
    return []
