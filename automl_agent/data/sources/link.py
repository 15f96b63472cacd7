"""Tables behind http(s) links: fetched once, then read from the cache."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from automl_agent.data.sources.cache import Cache, address_key
from automl_agent.data.sources.download import check_address, download
from automl_agent.data.sources.file import read_file
from automl_agent.data.sources.raw_table import RawTable
from automl_agent.exceptions import InputError


def is_link(text: str) -> bool:
    """Tell whether a reference is an http or https address."""
    return text.lower().startswith(("http://", "https://"))


def read_link(address: str, names: Sequence[str] | None = None) -> RawTable:
    """Read the file behind a link, from the cache if it is there; only readable files are cached.

    Args:
        address: an http or https address.
        names: column names for delimited text without a header.

    Raises:
        InputError: it cannot be fetched, or not be read.
    """
    address = address.partition("#")[0]
    check_address(address)
    cache, key = Cache.here(), address_key(address)
    found = cache.find(key)
    if found.entry is not None and found.entry.file is not None:
        table = _read(found.entry.file, address, names)
        day = str(found.entry.about.get("fetched", ""))[:10]
        return replace(table, source=address, note=f"cached on {day}")
    with tempfile.TemporaryDirectory(prefix="automl-agent-") as folder:
        file = download(address, Path(folder))
        table = _read(file, address, names)
        rows, columns = table.frame.shape
        about = {"kind": "link", "title": address, "rows": rows, "columns": columns}
        unkept = cache.keep(key, about, file)
    warnings = (*found.warnings, *unkept, *table.warnings)
    return replace(table, source=address, note="just fetched", warnings=warnings)


def _read(file: Path, address: str, names: Sequence[str] | None) -> RawTable:
    try:
        return read_file(file, names)
    except InputError as error:
        # The user knows the address, not our copy.
        raise InputError(error.message.replace(str(file), address), error.hint) from error
