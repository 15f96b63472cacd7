"""Date formats as ARFF declares them (Java's SimpleDateFormat), for `strptime`."""

from __future__ import annotations

import re

from automl_agent.exceptions import InputError

_PIECE = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+")
_DIRECTIVES = {"M": "%m", "d": "%d", "H": "%H", "h": "%I", "m": "%M", "s": "%S", "S": "%f",
               "a": "%p", "E": "%a", "z": "%Z", "Z": "%z", "X": "%z", "D": "%j"}  # fmt: skip


def strptime_format(pattern: str, where: str) -> str:
    """Translate a format, such as ``yyyy-MM-dd'T'HH:mm:ss`` to ``%Y-%m-%dT%H:%M:%S``.

    Args:
        pattern: the format.
        where: names its place in messages.

    Raises:
        InputError: it has a letter without counterpart.
    """
    translated = []
    for found in _PIECE.finditer(pattern):
        text, letter = found[0], found[2]
        if text.startswith("'"):
            translated.append((found[1].replace("''", "'") or "'").replace("%", "%%"))
        elif letter is None:
            translated.append(text.replace("%", "%%"))
        elif letter in "yu":
            translated.append("%y" if len(text) == 2 else "%Y")
        elif letter == "M" and len(text) > 2:
            translated.append("%b" if len(text) == 3 else "%B")
        elif letter == "E" and len(text) > 3:
            translated.append("%A")
        elif letter in _DIRECTIVES:
            translated.append(_DIRECTIVES[letter])
        else:
            raise InputError(
                f"{where}: the date format '{pattern}' has the unknown letter {letter}"
            )
    return "".join(translated)
