"""Append-only files with one JSON object a line, and JSON files that are never half-written."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from automl_agent.exceptions import RunDirectoryError


class JsonLines:
    """An append-only file, flushed line by line, so that `kill -9` loses no finished line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream: BinaryIO | None = None

    def write(self, record: Mapping[str, Any]) -> None:
        """Append one record.

        Raises:
            RunDirectoryError: it cannot be written (a full disk, say).
        """
        line = _encode(to_json(record) + "\n")
        try:
            if self._stream is None:
                self._stream = self._path.open("ab")
                if _is_torn(self._path):
                    line = b"\n" + line
            self._stream.write(line)
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
    """The records of such a file, none if it does not exist; a torn line is skipped."""
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


def to_json(value: Any, *, indent: int | None = None) -> str:
    """JSON text that every parser reads: NaN and infinities, which JSON lacks, become null."""
    try:
        return json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False, indent=indent, allow_nan=False)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file in one step: readers see the old one or the new one.

    Raises:
        RunDirectoryError: it cannot be written.
    """
    write_bytes(path, _encode(to_json(value, indent=2) + "\n"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file in one step; see `write_json`."""
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> RunDirectoryError:
    """The error for a file that could not be written, with the system's reason."""
    return RunDirectoryError(f"cannot write {path}: {error.strerror or error}")


def _encode(text: str) -> bytes:
    # a file name that is not UTF-8 holds lone surrogates: JSON can escape them, UTF-8 cannot
    return text.encode(errors="backslashreplace")


def _is_torn(path: Path) -> bool:
    """Whether a process died within the last line."""
    with path.open("rb") as stream:
        if stream.seek(0, 2) == 0:
            return False
        stream.seek(-1, 2)
        return stream.read(1) != b"\n"


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
