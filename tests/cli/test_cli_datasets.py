"""`automl-agent datasets`, and tuning on data that came over the network."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_command import automl_agent
from openml_server import LoopbackServer, Table, adult_arff


def test_what_is_bundled() -> None:
    ended = automl_agent("datasets")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0].split() == [
        *("dataset", "name", "id", "version", "rows", "columns", "target", "size"),
    ]
    assert any(line.split() == ["iris", *"–––", "150", "5", "target", "bundled"] for line in lines)
    assert "0 datasets cached in" in lines[-1]
    assert max(map(len, lines[:-1])) <= 100


def test_links_are_listed_and_forgotten(loopback: LoopbackServer) -> None:
    rows = "".join(f"{i},{'uv'[i % 2]}\n" for i in range(30))
    loopback.files = {"/t.csv": f"a,y\n{rows}".encode()}
    address = f"{loopback.root}/t.csv"
    said = automl_agent("tune", "--dataset", address, "--target", "z").error()
    assert "no column 'z'" in said
    (entry,) = (d for d in automl_agent("datasets", "--json").json()["datasets"] if d["size"])
    assert entry["dataset"] == address
    assert (entry["origin"], entry["rows"], entry["columns"]) == ("link", 30, 2)
    assert address in automl_agent("datasets").out.replace("\n", "")
    assert automl_agent("datasets", "--forget", address, "--json").json()["entries"] == 1
    assert "is not cached" in automl_agent("datasets", "--forget", address).error()


@pytest.mark.slow
def test_adult_by_name(
    loopback: LoopbackServer, real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command of the README: a name on OpenML, and its second use without a network."""
    pytest.importorskip("openml")
    monkeypatch.chdir(tmp_path)
    arff = adult_arff(real_data)
    loopback.tables = [
        Table(179, "adult", 1, arff[: arff.rindex(b"\n", 0, 40_000)]),
        Table(1590, "adult", 2, arff),
    ]
    command = ("tune", "--dataset", "adult", "--model", "lgbm", "--trials", 2, "--folds", 1)
    first = automl_agent(*command)
    assert first.code == 0, first.err
    assert "adult (OpenML 1590, version 2): 39,074 rows × 14 columns" in " ".join(first.err.split())
    loopback.tables = []
    asked = len(loopback.asked)
    second = automl_agent(*command, "--json")
    assert second.code == 0, second.err
    assert len(loopback.asked) == asked
    result = second.json()
    assert result["test"]["final"]["score"] < 0.35
    entries = automl_agent("datasets", "--json").json()["datasets"]
    (adult,) = (entry for entry in entries if entry["size"])
    assert (adult["id"], adult["version"], adult["rows"]) == (1590, 2, 48_842)
    assert (adult["columns"], adult["target"]) == (15, "class")
