"""Which datasets are known by name, and which are cached; asks no network and loads no library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from automl_agent.data.sources.cache import Cache, Entry


@dataclass(frozen=True)
class Bundled:
    """A dataset that scikit-learn carries.

    Attributes:
        loader: scikit-learn's function.
        rows: rows.
        columns: columns, the target among them.
    """

    loader: str
    rows: int
    columns: int


BUNDLED = {
    "breast_cancer": Bundled("load_breast_cancer", 569, 31),
    "diabetes": Bundled("load_diabetes", 442, 11),
    "digits": Bundled("load_digits", 1797, 65),
    "iris": Bundled("load_iris", 150, 5),
    "wine": Bundled("load_wine", 178, 14),
}


@dataclass(frozen=True)
class Known:
    """A dataset that needs no network.

    Attributes:
        dataset: what to give as `--dataset`.
        origin: "bundled", "openml" or "link".
        name: its name on OpenML.
        id: OpenML's number.
        version: OpenML's version.
        rows: rows.
        columns: columns, the target among them.
        target: the declared target.
        size: bytes in the cache.
        fetched: when it came, ISO 8601.
        key: its place in the cache.
    """

    dataset: str
    origin: str
    name: str | None = None
    rows: int | None = None
    columns: int | None = None
    target: str | None = None
    id: int | None = None
    version: int | None = None
    size: int | None = None
    fetched: str | None = None
    key: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {name: value for name, value in vars(self).items() if name != "key"}


def known_datasets(cache: Cache) -> list[Known]:
    """The bundled datasets, then the cached ones."""
    bundled = [
        Known(name, "bundled", rows=about.rows, columns=about.columns, target="target")
        for name, about in BUNDLED.items()
    ]
    cached = (_cached(entry) for entry in cache.entries())
    return bundled + [known for known in cached if known is not None]


def forget_dataset(cache: Cache, dataset: str) -> int:
    """Remove what is cached of a dataset, so that its next use fetches it anew.

    Args:
        cache: the cache.
        dataset: a link, or an OpenML name or reference, as in `Known.dataset`.

    Returns:
        How many entries were removed.
    """
    wanted = dataset.strip().casefold()
    number = 0
    for entry in cache.entries():
        about = entry.about
        names = (about.get("reference"), about.get("title"), about.get("name"))
        if wanted in [str(name).casefold() for name in names if name]:
            cache.forget(entry.key)
            number += 1
    return number


def _cached(entry: Entry) -> Known | None:
    about = entry.about
    if about.get("kind") not in ("link", "openml"):
        return None
    link = about["kind"] == "link"
    return Known(
        dataset=str(about.get("title" if link else "reference")),
        origin=str(about["kind"]),
        name=about.get("name"),
        rows=about.get("rows"),
        columns=about.get("columns"),
        target=about.get("target"),
        id=about.get("id"),
        version=about.get("version"),
        size=about.get("bytes"),
        fetched=about.get("fetched"),
        key=entry.key,
    )
