"""Where the template folder lies and how its jinja templates are filled.

A name that a template uses and the caller did not give is an error, never an empty string: a prompt
or a recipe with a hole in it must not leave this module.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

from automl_agent.exceptions import AutoMLAgentError

_PACKAGE = Path(__file__).resolve().parent.parent


def template_root() -> Path:
    """Return the folder of the templates.

    An installed wheel carries it inside the package as `_templates`; in a checkout it is
    `templates` beside the package.

    Raises:
        AutoMLAgentError: neither folder exists.
    """
    for folder in (_PACKAGE / "_templates", _PACKAGE.parent / "templates"):
        if folder.is_dir():
            return folder
    raise AutoMLAgentError(
        f"the templates are missing: neither {_PACKAGE / '_templates'} nor "
        f"{_PACKAGE.parent / 'templates'} exists",
        hint="reinstall automl-agent",
    )


def render(name: str, /, **facts: object) -> str:
    """Fill one template.

    Args:
        name: path of the template below `template_root()`, with forward slashes.
        facts: the names the template uses.

    Raises:
        AutoMLAgentError: there is no such template, it is malformed, or a name it uses is missing.
    """
    try:
        return _environment().get_template(name).render(**facts)
    except TemplateError as error:
        reason = error.message or type(error).__name__
        raise AutoMLAgentError(f"template {name} could not be filled: {reason}") from error


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(template_root()),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # the output is Python and prose, never HTML
    )
