"""A file's bytes, unpacked; text decoded, and refused where it is no text."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

from automl_agent.exceptions import InputError

# Control characters that text files do contain: tab, line feed, form feed, carriage return.
_CONTROL = frozenset(range(32)) - {9, 10, 12, 13}
_SAMPLE_BYTES = 65_536
_SUFFIXES = frozenset(
    (".gz", ".zip", ".csv", ".tsv", ".tab", ".txt", ".data", ".dat", ".arff", ".parquet", ".pq",
     ".jsonl", ".ndjson", ".json", ".xlsx", ".xlsm")
)  # fmt: skip


@dataclass(frozen=True)
class Content:
    """What one table is read from.

    Attributes:
        path: what it is called in messages; a zip's member stands below the zip's own path.
        data: the bytes, unpacked; None where they are those of the file at `path`.
    """

    path: Path
    data: bytes | None = None

    def read(self) -> bytes:
        """All bytes.

        Raises:
            InputError: the file cannot be read.
        """
        return read_bytes(self.path) if self.data is None else self.data

    def head(self, size: int = 4096) -> bytes:
        """The first bytes.

        Raises:
            InputError: the file cannot be read.
        """
        if self.data is not None:
            return self.data[:size]
        try:
            with self.path.open("rb") as stream:
                return stream.read(size)
        except OSError as error:
            raise unreadable(self.path, error) from error

    def text(self) -> tuple[str, tuple[str, ...]]:
        """Decode as UTF-8, UTF-16 (with its mark) or else Latin-1.

        Returns:
            The text, and warnings for the user.

        Raises:
            InputError: the bytes cannot be read, are none, damaged or no text.
        """
        data, path = self.read(), self.path
        if not data.strip():
            raise InputError(f"{path} is empty")
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return _decode(data, "utf-16", path), ()
        if b"\0" in data:
            raise _binary(path)
        try:
            return data.decode("utf-8-sig"), ()
        except UnicodeDecodeError:
            sample = data[:_SAMPLE_BYTES]
            if sum(byte in _CONTROL for byte in sample) > 0.01 * len(sample):
                raise _binary(path) from None
            return data.decode("latin-1"), (f"{path.name} is not UTF-8: it was read as Latin-1",)


def read_bytes(path: Path) -> bytes:
    """All bytes of a file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> InputError:
    """Word why a file or folder cannot be read."""
    if isinstance(error, FileNotFoundError):
        return InputError(f"no such file: {path}")
    return InputError(f"{path} cannot be read: {error.strerror or error}")


def short_name(path: Path) -> str:
    """A dataset's name: its file's without the endings that tell the format."""
    name = path.name
    while Path(name).suffix.lower() in _SUFFIXES and Path(name).stem:
        name = Path(name).stem
    return name


def _binary(path: Path) -> InputError:
    return InputError(
        f"{path} is a binary file", "delimited text is expected, such as CSV; or Parquet or Excel"
    )


def _decode(data: bytes, encoding: str, path: Path) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise InputError(f"{path} is damaged: it is marked as {encoding} but is not") from None
