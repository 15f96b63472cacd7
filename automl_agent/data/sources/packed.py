"""Folders of parts, gzip and zip files: which contents a path stands for."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from pathlib import Path

from automl_agent.data.sources.content import Content, read_bytes, unreadable
from automl_agent.data.wording import count_of, quote_names
from automl_agent.exceptions import InputError

#: More than this is not unpacked: a small file may unpack to more than the memory holds.
MAX_UNPACKED_BYTES = 8 * 1024**3

_GZIP = b"\x1f\x8b"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")


def contents_of(path: Path) -> list[Content]:
    """Find what a path stands for: one file, a zip's members, or a folder's files by name.

    Files whose names begin with a dot or an underscore are no parts.

    Raises:
        InputError: it does not exist, cannot be read, is damaged, encrypted or too large
            unpacked, or a folder or zip holds no part.
    """
    if path.is_dir():
        return [part for file in _files_in(path) for part in _unpacked(file)]
    return _unpacked(path)


def _files_in(folder: Path) -> list[Path]:
    try:
        entries = sorted(entry for entry in folder.iterdir() if _is_part(entry.name))
    except OSError as error:
        raise unreadable(folder, error) from error
    folders = [entry.name for entry in entries if entry.is_dir()]
    if folders:
        raise InputError(
            f"{folder} is a folder with folders inside: {quote_names(folders)}",
            "a file is expected, or a folder of parts with the same columns",
        )
    if not entries:
        raise InputError(
            f"{folder} is a folder without files",
            "a file is expected, or a folder of parts with the same columns",
        )
    return entries


def _is_part(name: str) -> bool:
    return not name.startswith((".", "_"))


def _unpacked(path: Path) -> list[Content]:
    # A pipe can be read once only; it has no beginning to look at first.
    regular = path.is_file()
    content = Content(path) if regular else Content(path, read_bytes(path))
    head = content.head()
    if head.startswith(_GZIP):
        return [Content(path, _gunzip(content.read(), path))]
    if head.startswith(_ZIP):
        return _unzipped(content)
    return [content]


def _gunzip(data: bytes, path: Path) -> bytes:
    try:
        with gzip.open(io.BytesIO(data)) as stream:
            unpacked = stream.read(MAX_UNPACKED_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} is a damaged gzip file: {error}") from error
    _refuse_huge(len(unpacked), path)
    return unpacked


def _unzipped(content: Content) -> list[Content]:
    path = content.path
    try:
        with zipfile.ZipFile(io.BytesIO(content.read())) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
            if any(info.filename == "xl/workbook.xml" for info in members):
                return [content]
            parts = [
                info
                for info in sorted(members, key=lambda info: info.filename)
                if all(_is_part(name) for name in info.filename.split("/"))
            ]
            if not parts:
                raise InputError(f"{path} is a zip file without files")
            _refuse_huge(sum(info.file_size for info in parts), path)
            if any(info.flag_bits & 1 for info in parts):
                raise InputError(f"{path} is encrypted", "unpack it first")
            return [Content(path / info.filename, archive.read(info)) for info in parts]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(f"{path} is a damaged zip file: {error}") from error


def _refuse_huge(size: int, path: Path) -> None:
    if size > MAX_UNPACKED_BYTES:
        limit = count_of(MAX_UNPACKED_BYTES // 1024**3, "GiB", "GiB")
        raise InputError(f"{path} unpacks to more than {limit}", "give Parquet, or fewer rows")
