"""Which source reads what the user named: a table of sources, asked in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from automl_agent.data.sources.bundled import read_bundled
from automl_agent.data.sources.cache import cache_folder
from automl_agent.data.sources.catalogue import BUNDLED
from automl_agent.data.sources.file import read_file
from automl_agent.data.sources.frame import read_frame
from automl_agent.data.sources.link import is_link, read_link
from automl_agent.data.sources.openml_fetch import OpenMLError
from automl_agent.data.sources.openml_table import (
    Reference,
    looks_like_name,
    parse_reference,
    read_openml,
)
from automl_agent.data.sources.raw_table import RawTable
from automl_agent.data.wording import did_you_mean, quote_names
from automl_agent.exceptions import InputError

Source: TypeAlias = "str | Path | pd.DataFrame"

_WAYS_ON = "give a file (--dataset file.csv --target income)"


def _frame(source: Source, _: Sequence[str] | None) -> RawTable | None:
    return read_frame(source) if isinstance(source, pd.DataFrame) else None


def _bundled(source: Source, _: Sequence[str] | None) -> RawTable | None:
    if isinstance(source, str) and source.lower() in BUNDLED:
        return read_bundled(source.lower())
    return None


def _file(source: Source, names: Sequence[str] | None) -> RawTable | None:
    if isinstance(source, str | Path) and os.path.lexists(Path(source).expanduser()):
        return read_file(Path(source).expanduser(), names)
    return None


def _link(source: Source, names: Sequence[str] | None) -> RawTable | None:
    return read_link(source, names) if isinstance(source, str) and is_link(source) else None


def _openml(source: Source, _: Sequence[str] | None) -> RawTable | None:
    asked = parse_reference(source) if isinstance(source, str) else None
    if asked is None:
        return None
    try:
        return read_openml(asked)
    except OpenMLError as error:
        raise InputError(f"{source} is not cached, and {error.message}", _hint(error)) from error


def _openml_by_plain_name(source: Source, _: Sequence[str] | None) -> RawTable | None:
    if not isinstance(source, str) or not looks_like_name(source) or _like_a_file(source):
        return None
    try:
        return read_openml(Reference("name", source))
    except OpenMLError as error:
        guess = did_you_mean(source, tuple(BUNDLED))
        cached = f", nor in the cache {cache_folder()}" if error.kind == "unreachable" else ""
        raise InputError(
            f"no dataset or file named '{source}'{cached}; {error.message}",
            " ".join(
                filter(None, (guess, f"bundled datasets: {', '.join(BUNDLED)};", _hint(error)))
            ),
        ) from error


#: Asked in this order; the first that knows the reference reads it.
_READERS: tuple[Callable[[Source, Sequence[str] | None], RawTable | None], ...] = (
    _frame,
    _bundled,
    _file,
    _link,
    _openml,
    _openml_by_plain_name,
)


def read_source(source: Source, names: Sequence[str] | None = None) -> RawTable:
    """Read what the user named.

    Args:
        source: a DataFrame, a file, a folder or zip of parts, an http(s) link, the name of a
            bundled dataset, or OpenML's by name, ``openml:NAME``, ``openml:ID`` or
            ``openml-task:ID``. Bundled names and existing files win over names on OpenML.
        names: column names for a file without a header row (the training file's, for test data).

    Raises:
        InputError: no source knows the reference, or it cannot be read.
    """
    if isinstance(source, str) and not source.strip():
        raise InputError(
            "no dataset was named", f"bundled datasets: {', '.join(BUNDLED)}; or {_WAYS_ON}"
        )
    for reader in _READERS:
        table = reader(source, names)
        if table is not None:
            return table
    raise _unknown(source)


def _hint(error: OpenMLError) -> str:
    if error.kind == "unreachable":
        return f"{_WAYS_ON}, or run it once online: after that the cache has it"
    if error.kind == "missing":
        return f"{_WAYS_ON}, or for OpenML's datasets: {error.hint}"
    return "; ".join(filter(None, (error.hint, _WAYS_ON)))


def _like_a_file(text: str) -> bool:
    return os.sep in text or bool(Path(text).suffix)


def _unknown(source: Source) -> InputError:
    if not isinstance(source, str | Path):
        return InputError(
            f"data cannot be read from {type(source).__name__}",
            "give a name, a path or a DataFrame",
        )
    text = str(source)
    if isinstance(source, Path) or _like_a_file(text):
        return InputError(f"no such file: {text}", _files_beside(Path(text).expanduser()))
    guess = did_you_mean(text, tuple(BUNDLED))
    known = f"bundled datasets: {', '.join(BUNDLED)}; or give a file"
    return InputError(f"no dataset or file named '{text}'", f"{guess} {known}" if guess else known)


def _files_beside(path: Path) -> str:
    try:
        siblings = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file())
    except OSError:
        return f"the folder {path.parent} cannot be read or does not exist"
    return did_you_mean(path.name, siblings) or f"looked in {quote_names([path.parent.resolve()])}"
