"""The values on a line of an ARFF file: quotes, escapes, missing values."""

from __future__ import annotations

import re
from typing import TypeAlias

from automl_agent.exceptions import InputError

#: A value as written, without its quotes; None is missing.
Token: TypeAlias = "str | None"

_QUOTED = r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\""
_VALUE = re.compile(rf"\s*(?:{_QUOTED}|([^,]*?))\s*(?:(,)|$)")
_SPACED = re.compile(rf"\s*(?:{_QUOTED}|([^\s'\"]\S*))(?:\s+|$)")
_PAIR = re.compile(rf"\s*(\d+)\s+(?:{_QUOTED}|([^,]*?))\s*(?:(,)|$)")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}


def values_of(line: str, where: str) -> list[Token]:
    """Split a line at its commas, or at white space where it has none.

    Args:
        line: the line.
        where: names it in messages.

    Raises:
        InputError: a quote is not closed.
    """
    if "'" not in line and '"' not in line:
        text = line.strip()
        parts = text.split(",") if "," in text else text.split()
        return [None if part == "?" else part for part in (part.strip() for part in parts)]
    pattern = _VALUE if "," in line else _SPACED
    text = line.strip()
    values: list[Token] = []
    position, more = 0, True
    while more:
        found = pattern.match(text, position)
        if found is None or (found[3] or "").startswith(("'", '"')):
            raise InputError(f"{where} has a quote that is not closed: {text[position:][:60]}")
        values.append(_token(found[1], found[2], found[3]))
        position = found.end()
        more = found[4] is not None if pattern is _VALUE else position < len(text)
    return values


def pairs_of(line: str, where: str) -> list[tuple[int, Token]]:
    """Read the pairs of a sparse line, such as ``{1 0.5, 4 'a b'}``.

    Args:
        line: the line, with its braces.
        where: names it in messages.

    Raises:
        InputError: a brace or a quote is not closed, or it holds something else.
    """
    text = line.strip()
    if not (text.startswith("{") and text.endswith("}")):
        raise InputError(f"{where} is no sparse row: {text[:60]}", "braces enclose each")
    text = text[1:-1].strip()
    pairs: list[tuple[int, Token]] = []
    position, more = 0, bool(text)
    while more:
        found = _PAIR.match(text, position)
        if found is None or (found[4] or "").startswith(("'", '"')):
            raise InputError(f"{where} is no sparse row: {text[position:][:60]}")
        pairs.append((int(found[1]), _token(found[2], found[3], found[4])))
        position, more = found.end(), found[5] is not None
    return pairs


def unquoted(text: str) -> str:
    """Undo the escapes of a quoted value."""
    return _ESCAPE.sub(_unescape, text) if "\\" in text else text


def _token(single: str | None, double: str | None, bare: str | None) -> Token:
    quoted = single if single is not None else double
    if quoted is not None:
        return unquoted(quoted)
    return None if bare == "?" else bare


def _unescape(found: re.Match[str]) -> str:
    code = found[1]
    return chr(int(code[1:], 16)) if len(code) == 5 else _ESCAPED.get(code, code)
