"""ARFF files, dense and sparse, as OpenML and Weka write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from automl_agent.data.sources.arff_tokens import Token, pairs_of, unquoted, values_of
from automl_agent.data.sources.content import Content, short_name
from automl_agent.data.sources.java_dates import strptime_format
from automl_agent.data.sources.raw_table import RawTable
from automl_agent.data.wording import count_of, quote_names
from automl_agent.exceptions import InputError

#: Sparse tables are made dense; more cells than this would not fit into memory.
MAX_CELLS = 250_000_000

_ATTRIBUTE = re.compile(
    r"@attribute\s+(?:'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"|([^\s{]+))\s*(.+)",
    re.IGNORECASE | re.DOTALL,
)
_NUMERIC = ("numeric", "real", "integer")
_DATE = re.compile(r"date\b\s*(.*)", re.IGNORECASE)
_ISO = "yyyy-MM-dd'T'HH:mm:ss"

Column: TypeAlias = "pd.Series[Any]"


@dataclass(frozen=True)
class _Attribute:
    """One declared column.

    Attributes:
        name: its name.
        kind: "numeric", "nominal", "string" or "date".
        values: a nominal column's, in their order.
        date_format: a date's, as `strptime` knows it.
    """

    name: str
    kind: str
    values: tuple[str, ...] = ()
    date_format: str = ""


def looks_like_arff(head: bytes) -> bool:
    """Tell whether a file begins as ARFF does: with @relation, after comments."""
    for line in head.lstrip(b"\xef\xbb\xbf").splitlines():
        text = line.strip()
        if text and not text.startswith(b"%"):
            return text[:9].lower() == b"@relation"
    return False


def read_arff(content: Content) -> RawTable:
    """Read an ARFF file. Nominal attributes become categories, all declared values among them.

    `?` is missing unless quoted. In sparse rows what is not written is 0, for a nominal
    attribute its first value, for a string the empty one. A nominal value that is not declared is
    taken without its outer spaces, and else added with a warning.

    Raises:
        InputError: no or unknown attributes, several of one name, no rows, rows of a wrong length,
            open quotes or unreadable numbers and dates (with the line), or a sparse table that
            would be too large.
    """
    path = content.path
    text, warnings = content.text()
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    attributes, start = _read_header(lines, path)
    rows = [
        (number, line)
        for number, line in enumerate(lines[start:], start=start + 1)
        if line.strip() and not line.lstrip().startswith("%")
    ]
    if not rows:
        raise InputError(f"{path} holds no rows below @data")
    numbers = [number for number, _ in rows]
    found: list[str] = []
    if rows[0][1].lstrip().startswith("{"):
        columns = _read_sparse(rows, attributes, path, found)
    else:
        cells = zip(*_read_dense(rows, attributes, path), strict=True)
        columns = {
            attribute.name: _column(list(values), attribute, numbers, path, found)
            for attribute, values in zip(attributes, cells, strict=True)
        }
    return RawTable(pd.DataFrame(columns), None, short_name(path), str(path), (*warnings, *found))


def _read_header(lines: list[str], path: Path) -> tuple[list[_Attribute], int]:
    """The attributes, and the position of the first line of data."""
    attributes: dict[str, _Attribute] = {}
    for position, line in enumerate(lines):
        text = line.strip()
        lowered = text[:11].lower()
        if lowered.startswith("@data"):
            if not attributes:
                raise InputError(f"{path} declares no @attribute before its @data")
            return list(attributes.values()), position + 1
        if lowered.startswith("@attribute"):
            attribute = _read_attribute(text, f"line {position + 1} of {path}")
            if attribute.name in attributes:
                raise InputError(
                    f"{path} has several columns named {quote_names([attribute.name])}",
                    "rename them",
                )
            attributes[attribute.name] = attribute
        elif text and not text.startswith("%") and not lowered.startswith("@relation"):
            raise InputError(f"line {position + 1} of {path} is neither @attribute nor @data")
    raise InputError(f"{path} has no @data: it is no ARFF file, or it was cut")


def _read_attribute(line: str, where: str) -> _Attribute:
    found = _ATTRIBUTE.fullmatch(line)
    if found is None:
        raise InputError(f"{where} is no attribute: {line[:80]}")
    quoted = found[1] if found[1] is not None else found[2]
    name = found[3] if quoted is None else unquoted(quoted)
    kind = found[4].strip()
    if kind.startswith("{"):
        if not kind.endswith("}"):
            raise InputError(f"{where}: the values of '{name}' are not closed by a brace")
        values = [value for value in values_of(kind[1:-1], where) if value not in (None, "")]
        declared = tuple(dict.fromkeys("?" if v is None else v for v in values))
        return _Attribute(name, "nominal", declared)
    lowered = kind.lower()
    if lowered.split()[0] in _NUMERIC:
        return _Attribute(name, "numeric")
    if lowered == "string":
        return _Attribute(name, "string")
    date = _DATE.fullmatch(kind)
    if date is None:
        raise InputError(
            f"{where}: the attribute '{name}' has the type '{kind[:40]}'",
            "numeric, real, integer, string, date and nominal values are known",
        )
    pattern = date[1].strip()
    if pattern[:1] in ("'", '"') and pattern[-1:] == pattern[:1]:
        pattern = pattern[1:-1]
    return _Attribute(name, "date", date_format=strptime_format(pattern or _ISO, where))


def _read_dense(
    rows: list[tuple[int, str]], attributes: list[_Attribute], path: Path
) -> list[list[Token]]:
    width = len(attributes)
    table = []
    for number, line in rows:
        values = values_of(line, f"line {number} of {path}")
        if len(values) != width:
            raise InputError(
                f"line {number} of {path} has {count_of(len(values), 'value')}, "
                f"{count_of(width, 'attribute is', 'attributes are')} declared"
            )
        table.append(values)
    return table


def _read_sparse(
    rows: list[tuple[int, str]], attributes: list[_Attribute], path: Path, warnings: list[str]
) -> dict[str, Column]:
    if len(rows) * len(attributes) > MAX_CELLS:
        raise InputError(
            f"{path} is sparse, {len(rows)} × {len(attributes)}: it would not fit into memory",
            "leave out rows or columns",
        )
    entries: list[dict[int, Token]] = [{} for _ in attributes]
    for position, (number, line) in enumerate(rows):
        where = f"line {number} of {path}"
        for index, token in pairs_of(line, where):
            if index >= len(attributes):
                raise InputError(f"{where} gives attribute {index} of {len(attributes)}")
            entries[index][position] = token
    numbers = [number for number, _ in rows]
    columns = {}
    for attribute, given in zip(attributes, entries, strict=True):
        fill = {"numeric": "0", "nominal": (attribute.values or ("",))[0]}.get(attribute.kind, "")
        if attribute.kind == "numeric" and not given:
            columns[attribute.name] = pd.Series(np.zeros(len(rows)), name=attribute.name)
            continue
        values = [given.get(position, fill) for position in range(len(rows))]
        columns[attribute.name] = _column(values, attribute, numbers, path, warnings)
    return columns


def _column(
    values: list[Token],
    attribute: _Attribute,
    numbers: list[int],
    path: Path,
    warnings: list[str],
) -> Column:
    """Convert one column's tokens; `numbers` are the lines on which they stand."""
    if attribute.kind == "nominal":
        return _categories(values, attribute, warnings)
    if attribute.kind == "string":
        return pd.Series(values, dtype="str", name=attribute.name)
    raw = pd.Series([None if value == "" else value for value in values], dtype=object)
    read: Column
    if attribute.kind == "numeric":
        read = pd.to_numeric(raw, errors="coerce").astype("float64")
        spelled = raw.str.lower().isin(["nan", "-nan", "+nan"])
        unread = raw.notna() & read.isna() & ~spelled
        what = "number"
    else:
        read = pd.to_datetime(raw, errors="coerce", format=attribute.date_format, utc=True)
        read = read.dt.tz_localize(None)
        unread = raw.notna() & read.isna()
        what = "date of the declared format"
    if unread.any():
        first = int(unread.to_numpy().argmax())
        raise InputError(
            f"line {numbers[first]} of {path}: {quote_names([values[first]])} in "
            f"'{attribute.name}' is no {what}"
        )
    return read.rename(attribute.name)


def _categories(values: list[Token], attribute: _Attribute, warnings: list[str]) -> Column:
    codes: dict[Token, int] = {value: code for code, value in enumerate(attribute.values)}
    codes[None] = -1
    loose = {value.strip(): value for value in reversed(attribute.values)}
    categories = list(attribute.values)
    added = []
    for value in dict.fromkeys(values):
        if value in codes or value is None:
            continue
        if value.strip() in loose:
            codes[value] = codes[loose[value.strip()]]
        elif value == "":
            codes[value] = -1
        else:
            codes[value] = len(categories)
            categories.append(value)
            added.append(value)
    if added:
        warnings.append(
            f"values of '{attribute.name}' that its declaration lacks: {quote_names(added, 4)}"
        )
    dtype = pd.CategoricalDtype(pd.Index(categories, dtype="str"))
    coded = pd.Categorical.from_codes([codes[value] for value in values], dtype=dtype)
    return pd.Series(coded, name=attribute.name)
