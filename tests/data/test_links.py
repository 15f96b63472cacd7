"""Tables behind links, from a server on the loopback; and the cache that keeps them."""

from __future__ import annotations

import gzip
import json
import threading
from pathlib import Path

import pytest
from openml_server import LoopbackServer

from automl_agent.data.sources import download as downloads
from automl_agent.data.sources.bundled import read_bundled
from automl_agent.data.sources.cache import Cache, address_key, cache_folder
from automl_agent.data.sources.catalogue import BUNDLED, forget_dataset, known_datasets
from automl_agent.data.sources.resolve import read_source
from automl_agent.exceptions import InputError

TABLE = b"a,y\n1,u\n2,v\n3,u\n"


@pytest.fixture
def web(loopback: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> LoopbackServer:
    monkeypatch.setattr(downloads, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(downloads, "SILENCE_SECONDS", 2.0)
    loopback.files = {"/d/houses.csv": TABLE, "/d/t.csv.gz": gzip.compress(TABLE), "/raw": TABLE}
    return loopback


def test_fetched_once(web: LoopbackServer) -> None:
    address = f"{web.root}/d/houses.csv"
    first = read_source(address)
    assert (first.name, first.source, first.warnings) == ("houses", address, ())
    assert first.frame["a"].tolist() == [1, 2, 3]
    again = read_source(address + "#part")
    assert again.frame.equals(first.frame)
    assert again.name == "houses"
    assert again.note.startswith("cached on 20")
    assert web.asked == ["/d/houses.csv"]
    assert read_source(f"{web.root}/d/t.csv.gz").name == "t"
    assert read_source(f"{web.root}/raw").frame.shape == (3, 2)
    known = [k for k in known_datasets(Cache.here()) if k.origin == "link"]
    assert {(k.rows, k.columns) for k in known} == {(3, 2)}
    (houses,) = (k for k in known if k.dataset == address)
    assert houses.size == len(TABLE)
    assert forget_dataset(Cache.here(), address) == 1
    web.files["/d/houses.csv"] = TABLE + b"4,v\n"
    assert len(read_source(address).frame) == 4


def test_offline_use(web: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"{web.root}/d/houses.csv"
    read_source(address)
    monkeypatch.setattr(downloads.urllib.request, "build_opener", None)
    assert len(read_source(address).frame) == 3


def test_a_damaged_copy_is_fetched_anew(web: LoopbackServer) -> None:
    address = f"{web.root}/d/houses.csv"
    read_source(address)
    entry = Cache.here().find(address_key(address)).entry
    assert entry is not None
    assert entry.file is not None
    entry.file.write_bytes(TABLE.replace(b"1", b"9"))
    table = read_source(address)
    assert table.frame["a"].tolist() == [1, 2, 3]
    assert table.warnings == (f"the cached copy of {address} was damaged and has been discarded",)
    assert read_source(address).warnings == ()
    description = entry.file.parents[1] / "entry.json"
    for text in ("[", "[]", "{}", description.read_text().replace('"rows": 3', '"rows": 4')):
        description.write_text(text)
        assert "was damaged" in read_source(address).warnings[0]


def test_redirects(web: LoopbackServer) -> None:
    web.redirects = {
        "/a": "/b",
        "/b": f"{web.root}/d/houses.csv",
        "/round": "/round?",
        "/file": "file:///etc/passwd",
        "/ftp": "ftp://127.0.0.1/x.csv",
        **{f"/{i}": f"/{i + 1}" for i in range(20)},
    }
    assert read_source(f"{web.root}/a").frame.shape == (3, 2)
    for path in ("/round", "/0"):
        with pytest.raises(InputError, match="leads from page to page"):
            read_source(web.root + path)
    for path in ("/file", "/ftp"):
        with pytest.raises(InputError, match="that is not followed"):
            read_source(web.root + path)
    assert len(web.asked) < 30


def test_every_way_to_fail(web: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    web.files |= {"/page.csv": b"<html><p>Sign in</p></html>", "/void.csv": b"", "/bad.csv": b"a\0"}
    for path, message in (
        ("/gone.csv", r"/gone\.csv cannot be fetched: 404 Not Found"),
        ("/page.csv", r"127.*/page\.csv is a web page"),
        ("/void.csv", r"/void\.csv is empty"),
        ("/bad.csv", rf"^{web.root}/bad\.csv is a binary file"),
    ):
        with pytest.raises(InputError, match=message):
            read_source(web.root + path)
    web.failures = {"houses": [503, 429, "cut"]}
    with pytest.raises(InputError, match="was cut: 8 of 16 bytes came"):
        read_source(f"{web.root}/d/houses.csv")
    web.failures = {"houses": [500, 500, 500]}
    with pytest.raises(InputError, match="500 Internal Server Error"):
        read_source(f"{web.root}/d/houses.csv")
    web.failures = {"houses": [503]}
    with monkeypatch.context() as patch:
        patch.setattr(downloads.download, "__defaults__", (10,))
        with pytest.raises(InputError, match="is larger than 10 bytes"):
            read_source(f"{web.root}/d/houses.csv")
    with pytest.raises(InputError, match=r"cannot be fetched: Connection refused.*online, once"):
        read_source("http://127.0.0.1:9/t.csv")
    assert Cache.here().entries() == []
    assert len(read_source(f"{web.root}/d/houses.csv").frame) == 3


def test_a_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(downloads, "SILENCE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/t.csv"
        with pytest.raises(InputError, match=r"no answer within 0\.2 s"):
            read_source(address)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http://", "is no address of a file"),
        ("https:///x.csv", "is no address of a file"),
        ("http://host:port/x.csv", "is no address of a file"),
        ("http://host/a b.csv", "is no address of a file"),
        ("http://me:secret@host/x.csv", "the link to host holds a name or a password"),
    ],
)
def test_wrong_addresses(address: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_source(address)
    assert "secret" not in str(caught.value)


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("AUTOML_AGENT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg/automl-agent"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache/automl-agent"


def test_entries_are_replaced_whole(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    files = []
    for name in "ab":
        file = tmp_path / name / "t.csv"
        file.parent.mkdir()
        file.write_text(name * 100_000)
        files.append(file)
    wrong: list[str] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            entry = cache.find("links/k").entry
            if entry is not None and entry.file is not None:
                try:
                    text = entry.file.read_text()
                except FileNotFoundError:
                    continue
                if text not in ("a" * 100_000, "b" * 100_000):
                    wrong.append(text[:10])

    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(20):
        for file in files:
            cache.keep("links/k", {"kind": "link", "title": "t"}, file)
    done.set()
    reader.join()
    assert wrong == []
    cache.keep("links/k", {"kind": "link", "title": "t"}, files[0])
    entry = cache.find("links/k").entry
    assert entry is not None
    assert entry.file is not None
    assert len(list((tmp_path / "cache/links/k").iterdir())) == 2
    about = json.loads((tmp_path / "cache/links/k/entry.json").read_text())
    assert about["bytes"] == 100_000
    assert not list((tmp_path / "cache").rglob(".part-*"))


def test_a_cache_nobody_may_write(web: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOML_AGENT_CACHE", "/proc/automl-agent")
    table = read_source(f"{web.root}/d/houses.csv")
    assert len(table.frame) == 3
    assert "was not cached: /proc/automl-agent: " in table.warnings[0]


def test_the_bundled_ones_are_as_listed() -> None:
    for name, about in BUNDLED.items():
        table = read_bundled(name)
        assert table.frame.shape == (about.rows, about.columns)
        assert table.target == "target"
