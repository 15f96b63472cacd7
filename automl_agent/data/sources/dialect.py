"""How a delimited text is written: separator, quotes, decimal sign, and whether it has a header."""

from __future__ import annotations

import csv
import io
import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Literal

from automl_agent.data.columns import ISO_DATE
from automl_agent.data.wording import count_of
from automl_agent.exceptions import InputError

#: Values that mean "missing". `None` is not among them: in real files it is a category.
MISSING = ("", "?", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NAN", "-nan", "-NaN", "null", "NULL",
           "Null", "<NA>")  # fmt: skip

_SEPARATORS = (",", ";", "\t", "|")
_SNIFFED_ROWS = 200
_SNIFFED_CHARACTERS = 1_000_000
_HEADER_ROWS = 2_000
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_DECIMAL_POINT = re.compile(r"[+-]?\d+\.\d+")
_NUMBER = re.compile(r"[+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?")
_DATE = re.compile(ISO_DATE)
_YEARS = range(1000, 3000)


@dataclass(frozen=True)
class Dialect:
    """How a delimited text is written.

    Attributes:
        separator: one of comma, semicolon, tab and bar.
        quoting: `csv.QUOTE_MINIMAL`, or `csv.QUOTE_NONE` where quotes are ordinary characters.
        decimal: the decimal sign, point or comma.
    """

    separator: str
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL
    decimal: str = "."


def sniff_dialect(text: str, path: Path) -> tuple[Dialect, list[list[str]]]:
    """Find out how the text is written, and prove it on every row.

    Args:
        text: the file's whole text.
        path: the file, for messages.

    Returns:
        The dialect, and the first rows (at most 2,000), blank lines left out.

    Raises:
        InputError: rows differ in length or a quote is never closed; the message names the line.
    """
    separator = _sniff_separator(text)
    dialect = Dialect(separator)
    try:
        rows = _check_rows(text, dialect, path)
    except InputError:
        # Tab-separated texts are often written without any quoting; then quotes mean themselves.
        if separator != "\t":
            raise
        plain = Dialect(separator, csv.QUOTE_NONE)
        try:
            return plain, _check_rows(text, plain, path)
        except InputError:
            pass
        raise
    return Dialect(separator, decimal=_decimal_sign(rows, separator)), rows


def first_row_is_data(rows: list[list[str]]) -> bool:
    """Tell whether the first row looks like data instead of names.

    It does if one of its values is a number above numbers, or a date above dates; or if each is
    missing, such a number, or a word that occurs again below it in its column. Beside words,
    numbers that are years or evenly spaced tell nothing; and a row of numbers that count
    0, 1, 2, … (or years in a row) holds names.
    """
    first, below = rows[0], rows[1:]
    if not below or _counts_up(first) or all(value in MISSING for value in first):
        return False
    cells = list(zip(first, zip(*below, strict=True), strict=True))
    if any(_is_date(value) and _mostly(_is_date, column) for value, column in cells):
        return True
    numbers = [value for value in first if is_plain_number(value)]
    if not _may_be_names(numbers) and any(
        is_plain_number(value) and _mostly(_is_number, column) for value, column in cells
    ):
        return True
    return all(_is_like(value, column) for value, column in cells)


def is_plain_number(text: str) -> bool:
    """Tell whether a text is a finite number in digits."""
    return bool(_NUMBER.fullmatch(text))


def _is_like(value: str, column: tuple[str, ...]) -> bool:
    if value in MISSING:
        return True
    if not _is_number(value):
        return value in column
    return _mostly(_is_number, column) or all(other in MISSING for other in column)


def _mostly(is_so: Callable[[str], bool], column: tuple[str, ...]) -> bool:
    """Tell whether at least half of the values present are so."""
    present = [other for other in column if other not in MISSING]
    return bool(present) and 2 * sum(map(is_so, present)) >= len(present)


def _may_be_names(numbers: list[str]) -> bool:
    """Tell whether numbers beside words could be columns' names: 0, 1; years; even steps."""
    if not numbers:
        return True
    if _counts_up(numbers) or numbers in (["0"], ["1"]):
        return True
    values = [float(number.replace(",", ".", 1)) for number in numbers]
    if all(number.isdecimal() and int(number) in _YEARS for number in numbers):
        return len(set(values)) == len(values)
    steps = [later - earlier for earlier, later in pairwise(values)]
    return len(steps) > 1 and steps[0] > 0 and all(math.isclose(s, steps[0]) for s in steps)


def _counts_up(names: list[str]) -> bool:
    if not all(name.isdecimal() for name in names):
        return False
    numbers = [int(name) for name in names]
    steady = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return steady and (len(numbers) > 2 or numbers[0] in (0, 1))


def _is_date(text: str) -> bool:
    return bool(_DATE.fullmatch(text))


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", ".", 1))
    except ValueError:
        return False
    return True


def _sniff_separator(text: str) -> str:
    """Take the separator under which most rows have the same number (> 1) of fields."""
    sample = text[:_SNIFFED_CHARACTERS]
    best, separator = (0.0, 0), ","
    for candidate in _SEPARATORS:
        with _long_fields():
            records = islice(_records(sample, Dialect(candidate)), _SNIFFED_ROWS)
            rows = [row for _, row in records]
        if not rows:
            continue
        width, often = Counter(len(row) for row in rows).most_common(1)[0]
        # The first row tells most: free text and decimal commas do not stand in it.
        agrees = len(rows[0]) == width
        score = (often / len(rows) * (1.0 if agrees else 0.5), width)
        if width > 1 and score > best:
            best, separator = score, candidate
    return separator


def _records(text: str, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Go through the rows that are not blank, each with the number of its first line."""
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=dialect.separator,
        quoting=dialect.quoting,
        skipinitialspace=True,
    )
    line = 1
    for row in reader:
        if len(row) > 1 or "".join(row).strip():
            yield line, row
        line = reader.line_num + 1


def _check_rows(text: str, dialect: Dialect, path: Path) -> list[list[str]]:
    """Go through all rows, all of which must be as long as the first; give the first ones."""
    rows: list[list[str]] = []
    try:
        with _long_fields():
            for line, row in _records(text, dialect):
                if len(rows) < _HEADER_ROWS:
                    rows.append([value.strip() for value in row])
                if len(row) != len(rows[0]):
                    raise InputError(
                        f"line {line} of {path} has {count_of(len(row), 'value')}, "
                        f"the first row has {len(rows[0])}"
                    )
    except csv.Error as error:
        raise InputError(f"{path} cannot be read as delimited text: {error}") from error
    if not rows:
        raise InputError(f"{path} is empty")
    return rows


@contextmanager
def _long_fields() -> Iterator[None]:
    """Lift the csv module's limit of 128 KiB per value, which documents exceed."""
    limit = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _decimal_sign(rows: list[list[str]], separator: str) -> str:
    if separator == ",":
        return "."
    values = [value for row in rows[1:_SNIFFED_ROWS] for value in row]
    commas = sum(bool(_DECIMAL_COMMA.fullmatch(value)) for value in values)
    points = sum(bool(_DECIMAL_POINT.fullmatch(value)) for value in values)
    return "," if commas > points else "."
