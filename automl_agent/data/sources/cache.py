"""Our own cache of what came over the network: checked by SHA-256 whenever it is used.

One folder per entry: `entry.json`, and below a folder named by the checksum the file as it came.

    openml/<server>/data-1590/entry.json, <sha>/dataset.arff
    openml/<server>/name-adult/entry.json                      the answer to a name
    links/<sha of the address>/entry.json, <sha>/houses.csv
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_ENTRY = "entry.json"
_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Entry:
    """Something cached.

    Attributes:
        key: its place below the cache's root, with slashes.
        about: what is known of it; as JSON holds it.
        file: the file, None for an entry that is an answer only.
    """

    key: str
    about: Mapping[str, Any]
    file: Path | None


@dataclass(frozen=True)
class Found:
    """What a look-up found.

    Attributes:
        entry: the entry, None where there is none that can be used.
        warnings: that one was damaged and has been discarded, or nothing.
    """

    entry: Entry | None
    warnings: tuple[str, ...] = ()


def cache_folder() -> Path | None:
    """`$AUTOML_AGENT_CACHE`, else below `$XDG_CACHE_HOME`, else below `~/.cache`.

    None where there is no home either.
    """
    own = os.environ.get("AUTOML_AGENT_CACHE")
    if own:
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(shared) if shared else Path.home() / ".cache") / "automl-agent"
    except RuntimeError:
        return None


class Cache:
    """Entries by key. One that cannot be written costs a warning, never the run.

    Args:
        root: the folder; None keeps and finds nothing.
    """

    def __init__(self, root: Path | None) -> None:
        self.root = root

    @classmethod
    def here(cls) -> Cache:
        """The cache that the environment names."""
        return cls(cache_folder())

    def find(self, key: str) -> Found:
        """Look an entry up; its file's checksum is verified, a damaged entry discarded."""
        if self.root is None:
            return Found(None)
        folder = self.root / key
        if not os.path.lexists(folder / _ENTRY):
            return Found(None)
        entry = _read(folder, key)
        if entry is None or (entry.file and _sha256(entry.file) != entry.about.get("sha256")):
            title = entry.about.get("title", key) if entry else key
            with contextlib.suppress(OSError):
                shutil.rmtree(folder)
            return Found(None, (f"the cached copy of {title} was damaged and has been discarded",))
        return Found(entry)

    def keep(self, key: str, about: Mapping[str, Any], file: Path | None = None) -> tuple[str, ...]:
        """Put an entry in, in place of an older one; readers see the old or the new one whole.

        Args:
            key: its place.
            about: what is known of it: JSON values, with a "title" for people.
            file: is copied into the cache.

        Returns:
            A warning where it could not be written.
        """
        title = about.get("title", key)
        if self.root is None:
            return (f"{title} was not cached: there is no home folder (set AUTOML_AGENT_CACHE)",)
        folder = self.root / key
        known: dict[str, Any] = {
            **about,
            "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if file is not None:
                digest = _sha256(file)
                known |= {"file": file.name, "bytes": file.stat().st_size, "sha256": digest}
                (folder / digest[:16]).mkdir(exist_ok=True)
                _place(file, folder / digest[:16] / file.name)
            known["description_sha256"] = _digest(known)
            _write(json.dumps(known, ensure_ascii=False, indent=1), folder / _ENTRY)
            for old in folder.iterdir():
                if old.is_dir() and old.name != known.get("sha256", "")[:16]:
                    shutil.rmtree(old, ignore_errors=True)
        except OSError as error:
            return (f"{title} was not cached: {self.root}: {error.strerror or error}",)
        return ()

    def entries(self) -> list[Entry]:
        """All entries that can be read, by key; checksums are not verified here."""
        if self.root is None:
            return []
        folders = sorted(file.parent for file in self.root.glob(f"*/**/{_ENTRY}"))
        read = (_read(folder, folder.relative_to(self.root).as_posix()) for folder in folders)
        return [entry for entry in read if entry is not None]

    def forget(self, key: str) -> None:
        """Remove an entry.

        Raises:
            OSError: it cannot be removed.
        """
        if self.root is not None:
            shutil.rmtree(self.root / key)


def address_key(address: str) -> str:
    """The key of what a link leads to."""
    return f"links/{hashlib.sha256(address.encode()).hexdigest()[:32]}"


def _read(folder: Path, key: str) -> Entry | None:
    try:
        about = json.loads((folder / _ENTRY).read_text(encoding="utf-8"))
        if not isinstance(about, dict) or about.pop("description_sha256", "") != _digest(about):
            return None
        name, digest = about.get("file"), about.get("sha256")
        if name is None:
            return Entry(key, about, None)
        file = folder / str(digest)[:16] / Path(str(name)).name
        return Entry(key, about, file) if file.is_file() else None
    except (OSError, ValueError):
        return None


def _digest(about: Mapping[str, Any]) -> str:
    """The checksum of the description itself."""
    text = json.dumps(about, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    try:
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return ""
    return digest.hexdigest()


def _place(file: Path, target: Path) -> None:
    """Copy a file such that `target` is never half-written."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".part-")
    os.close(handle)
    try:
        shutil.copyfile(file, name)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _write(text: str, target: Path) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".part-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
