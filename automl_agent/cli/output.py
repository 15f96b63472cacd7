"""Writing to standard output and error, whose reader may have gone (as in `... | head -1`)."""

from __future__ import annotations

import os
import sys
from typing import Any, TextIO

from automl_agent.json_lines import to_json


def say(text: str, *, err: bool = False, end: str = "\n") -> None:
    """Write text; nothing happens if nobody reads it any more."""
    stream = sys.stderr if err else sys.stdout
    try:
        stream.write(text + end)
        stream.flush()
    except BrokenPipeError:
        silence(stream)


def say_json(value: Any) -> None:
    """Write one line of JSON on standard output."""
    say(to_json(value))


def silence(stream: TextIO) -> None:
    """Send all that is still to be written to a stream nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
