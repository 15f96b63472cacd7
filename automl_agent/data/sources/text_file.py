"""A file's text: unpacked, decoded, and refused where it is no text."""

from __future__ import annotations

import codecs
import gzip
import zlib
from pathlib import Path

from automl_agent.exceptions import InputError

_GZIP = b"\x1f\x8b"
# Control characters that text files do contain: tab, line feed, form feed, carriage return.
_CONTROL = frozenset(range(32)) - {9, 10, 12, 13}
_SAMPLE_BYTES = 65_536


def read_text(path: Path) -> tuple[str, tuple[str, ...]]:
    """Read a text file, gzipped or not, in UTF-8, UTF-16 (with its mark) or else Latin-1.

    Returns:
        The text, and warnings for the user.

    Raises:
        InputError: the file is missing, a folder, unreadable, empty, damaged or binary.
    """
    data = _read_bytes(path)
    if not data.strip():
        raise InputError(f"{path} is empty")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _decode(data, "utf-16", path), ()
    if b"\0" in data:
        raise InputError(f"{path} is a binary file", "delimited text is expected, such as CSV")
    try:
        return data.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        sample = data[:_SAMPLE_BYTES]
        if sum(byte in _CONTROL for byte in sample) > 0.01 * len(sample):
            raise InputError(
                f"{path} is a binary file", "delimited text is expected, such as CSV"
            ) from None
        return data.decode("latin-1"), (f"{path.name} is not UTF-8: it was read as Latin-1",)


def _read_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise InputError(f"{path} is a folder", "a file is expected")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"no such file: {path}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    if not data.startswith(_GZIP):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} is a damaged gzip file: {error}") from error


def _decode(data: bytes, encoding: str, path: Path) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise InputError(f"{path} is damaged: it is marked as {encoding} but is not") from None
