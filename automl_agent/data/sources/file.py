"""Tables in files: one reader per format, chosen by how the file begins and what it is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from automl_agent.data.sources.arff import looks_like_arff, read_arff
from automl_agent.data.sources.content import Content, short_name
from automl_agent.data.sources.delimited import read_delimited
from automl_agent.data.sources.excel import read_excel
from automl_agent.data.sources.json_rows import read_json_rows
from automl_agent.data.sources.packed import contents_of
from automl_agent.data.sources.parquet import read_parquet
from automl_agent.data.sources.parts import join_parts
from automl_agent.data.sources.raw_table import RawTable
from automl_agent.data.wording import quote_names
from automl_agent.exceptions import InputError

Reader: TypeAlias = Callable[[Content, Sequence[str] | None], RawTable]

#: One reader per format.
READERS: dict[str, Reader] = {
    "Parquet": lambda content, _: read_parquet(content),
    "Excel": lambda content, _: read_excel(content),
    "ARFF": lambda content, _: read_arff(content),
    "JSON lines": lambda content, _: read_json_rows(content),
    "delimited text": read_delimited,
}
_JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
_TEXT_SUFFIXES = (".csv", ".tsv", ".tab", ".txt", ".data", ".dat")


def read_file(path: Path, names: Sequence[str] | None = None) -> RawTable:
    """Read a file, or a folder or zip of parts: Parquet, ARFF, Excel, JSON lines, delimited text.

    Text formats may be packed by gzip or zip. Parts are read in the order of their names; they
    have one format and the same columns.

    Args:
        path: the file or folder.
        names: column names for delimited text without a header (the training file's).

    Raises:
        InputError: it cannot be read; the message says why and where.
    """
    contents = contents_of(path)
    formats = [format_of(content) for content in contents]
    if len(set(formats)) > 1:
        named = (f"{c.path.name} ({f})" for c, f in zip(contents, formats, strict=True))
        raise InputError(
            f"{path} {'is a folder that ' if path.is_dir() else ''}holds files of several formats: "
            f"{quote_names(named, 4)}",
            "a file is expected, or parts of one format",
        )
    read = READERS[formats[0]]
    single = len(contents) == 1
    table = read(contents[0], names) if single else join_parts(contents, read, names)
    return replace(table, name=short_name(path), source=str(path))


def format_of(content: Content) -> str:
    """Tell a content's format: by its first bytes, then by its name.

    Raises:
        InputError: it cannot be read, or is of a format that is not read here.
    """
    head, path = content.head(), content.path
    if head.startswith(b"PAR1"):
        return "Parquet"
    if head.startswith(b"PK"):
        return "Excel"
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise InputError(f"{path} is an old Excel file", "save it as .xlsx or as CSV")
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:100].lower().startswith((b"<!doctype html", b"<html")):
        raise InputError(f"{path} is a web page, not a table", "link to the raw file")
    if suffix in (".parquet", ".pq", ".xlsx", ".xlsm") and head:
        raise InputError(f"{path} is damaged: it is named {suffix} but is no such file")
    if suffix == ".arff" or (suffix not in _TEXT_SUFFIXES and looks_like_arff(content.head(65536))):
        return "ARFF"
    if suffix in _JSON_SUFFIXES or (suffix not in _TEXT_SUFFIXES and start.startswith(b'{"')):
        return "JSON lines"
    return "delimited text"
