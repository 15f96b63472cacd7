"""Append-only files with one JSON object a line, and JSON files that are never half-written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from automl_agent.exceptions import RunDirectoryError


class JsonLines:
    """An append-only file, flushed line by line, so that `kill -9` loses no finished line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream: TextIO | None = None

    def write(self, record: Mapping[str, Any]) -> None:
        """Append one record.

        Raises:
            RunDirectoryError: it cannot be written (a full disk, say).
        """
        try:
            if self._stream is None:
                self._stream = self._path.open("a", encoding="utf-8")
            self._stream.write(json.dumps(record, ensure_ascii=False) + "\n")
            self._stream.flush()
        except OSError as error:
            raise unwritable(self._path, error) from error

    def close(self) -> None:
        """Close the file, keeping what has been flushed."""
        stream, self._stream = self._stream, None
        if stream is not None:
            try:
                stream.close()
            except OSError as error:
                raise unwritable(self._path, error) from error


def read_json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The records of such a file, none if it does not exist; a torn last line is skipped."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                continue
            if isinstance(record, dict):
                yield record


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file in one step: readers see the old one or the new one.

    Raises:
        RunDirectoryError: it cannot be written.
    """
    text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file in one step; see `write_json`."""
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> RunDirectoryError:
    """The error for a file that could not be written, with the system's reason."""
    return RunDirectoryError(f"cannot write {path}: {error.strerror or error}")
