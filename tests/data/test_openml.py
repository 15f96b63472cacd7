"""OpenML through its real client, against a server on the loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from openml_server import LoopbackServer, Table

from automl_agent.data.dataset import load_dataset
from automl_agent.data.sources import openml_client, openml_fetch
from automl_agent.data.sources.cache import Cache
from automl_agent.data.sources.catalogue import forget_dataset, known_datasets
from automl_agent.data.sources.resolve import read_source
from automl_agent.exceptions import InputError

pytest.importorskip("openml")
# each answer takes a process that loads the client: some three seconds
pytestmark = pytest.mark.slow

FRUIT = b"""@relation fruit
@attribute id integer
@attribute colour {red, 'pale green'}
@attribute mass real
@attribute class {apple, pear}
@data
""" + b"".join(
    b"%d,%s,%d.5,%s\n" % (i, (b"red", b"'pale green'")[i % 2], i, (b"apple", b"pear")[i % 2])
    for i in range(24)
)  # fmt: skip
OLD = FRUIT.replace(b"mass", b"weight")


@pytest.fixture
def fruit(loopback: LoopbackServer) -> LoopbackServer:
    loopback.tables = [
        Table(40, "fruit", 1, OLD),
        Table(41, "fruit", 2, FRUIT, ignore="id"),
        Table(42, "fruit", 3, OLD, status="deactivated"),
    ]
    return loopback


def offline(monkeypatch: pytest.MonkeyPatch, server: LoopbackServer) -> None:
    """The same server's address, but nothing listens there as far as we can tell."""

    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(openml_fetch, "_check_reachable", refuse)


def test_a_name_is_its_newest_active_version_and_is_remembered(
    fruit: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = read_source("fruit")
    assert (table.name, table.target) == ("fruit", "class")
    assert table.source == table.note == "OpenML 41, version 2"
    assert list(table.frame.columns) == ["colour", "mass", "class"]
    assert table.frame["colour"].cat.categories.tolist() == ["red", "pale green"]
    assert table.warnings == ("columns that OpenML says to ignore, left out: 'id'",)
    offline(monkeypatch, fruit)
    asked = len(fruit.asked)
    for reference in ("fruit", "openml:fruit", "OpenML: fruit", "openml:41"):
        again = read_source(reference)
        assert again.frame.equals(table.frame)
        assert (again.target, again.source) == (table.target, table.source)
    assert len(fruit.asked) == asked
    (known,) = (k for k in known_datasets(Cache.here()) if k.origin == "openml")
    assert (known.dataset, known.name, known.id, known.version) == ("openml:41", "fruit", 41, 2)
    assert (known.rows, known.columns, known.target) == (24, 3, "class")
    assert known.size == len(FRUIT)


def test_a_number(fruit: LoopbackServer) -> None:
    assert "weight" in read_source("openml:40").frame
    assert "weight" in read_source("openml:42").frame


def test_a_real_dataset_by_name(loopback: LoopbackServer, real_data: Path) -> None:
    arff = (real_data / "openml_datasets/credit-g/credit-g.arff").read_bytes()
    loopback.tables = [Table(31, "credit-g", 1, arff)]
    dataset = load_dataset("credit-g", target=None, task=None)
    assert dataset.X.shape == (1000, 20)
    assert dataset.classes == ("bad", "good")
    assert np.bincount(dataset.y).tolist() == [300, 700]
    kinds = [column.kind.value for column in dataset.schema.columns]
    assert kinds.count("categorical") == 13
    # a nominal column keeps the values that it was declared to have, seen or not
    (purpose,) = (c for c in dataset.schema.columns if c.name == "purpose")
    assert "vacation" in purpose.categories
    assert "vacation" not in set(dataset.X["purpose"])


def test_what_is_forgotten_is_fetched_anew(fruit: LoopbackServer) -> None:
    read_source("fruit")
    assert forget_dataset(Cache.here(), "fruit") == 2
    assert forget_dataset(Cache.here(), "fruit") == 0
    asked = len(fruit.asked)
    read_source("fruit")
    assert len(fruit.asked) > asked


def test_absent(fruit: LoopbackServer) -> None:
    with pytest.raises(
        InputError, match=r"no dataset or file named 'fruits'.*no active dataset is"
    ):
        read_source("fruits")
    with pytest.raises(InputError, match=r"openml:99 is not cached.*Unknown dataset"):
        read_source("openml:99")
    with pytest.raises(InputError, match=r"Unknown task"):
        read_source("openml-task:99")
    # a definite answer is not asked for again
    assert sum("data/99" in path for path in fruit.asked) == 1
    for wrong in ("openml:", "openml:a b", "openml-task:x"):
        with pytest.raises(InputError):
            read_source(wrong)


def test_no_network_and_not_cached(loopback: LoopbackServer) -> None:
    address = loopback.api
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOML_AGENT_OPENML_SERVER", address.replace(str(loopback.port), "9"))
        with pytest.raises(InputError) as caught:
            read_source("adult")
    said = str(caught.value)
    assert "no dataset or file named 'adult'" in said
    assert str(Cache.here().root) in said
    assert "127.0.0.1:9 cannot be reached: Connection refused" in said
    assert "--dataset file.csv --target income" in said
    assert "once online" in said
    assert "bundled datasets: breast_cancer" in said
    with pytest.raises(InputError, match="did you mean 'iris'"):
        read_source("irsi")


def test_bundled_names_and_files_win(
    loopback: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loopback.tables = [Table(61, "iris", 1, FRUIT), Table(62, "mine", 1, FRUIT)]
    assert read_source("iris").source == "scikit-learn's iris"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").write_text("a,b\n1,x\n2,y\n")
    assert list(read_source("mine").frame.columns) == ["a", "b"]
    assert read_source("openml:mine").source == "OpenML 62, version 1"
    for unlike in ("two words", "gone.csv", "a/b", "-x", "12"):
        with pytest.raises(InputError, match=r"no such file|no dataset or file"):
            read_source(unlike)
    assert not any("gone" in path or "two" in path for path in loopback.asked)


def test_a_busy_server_is_asked_again(fruit: LoopbackServer) -> None:
    fruit.failures = {"data/list": [503], "data/download": [503]}
    assert read_source("fruit").frame.shape == (24, 3)
    fruit.failures = {"data/40": [503] * 10}
    with pytest.raises(InputError, match=r"answered with an error.*try again later"):
        read_source("openml:40")
    assert len(fruit.failures["data/40"]) == 10 - openml_client.TRIES


@pytest.mark.parametrize("failure", ["cut", "wrong"])
def test_what_arrives_damaged_is_not_used(fruit: LoopbackServer, failure: str) -> None:
    fruit.failures = {"data/download": [failure] * openml_client.TRIES}
    with pytest.raises(InputError, match=r"what 127.0.0.1:.* sent is damaged"):
        read_source("openml:41")
    assert Cache.here().entries() == []
    fruit.failures = {"data/download": [failure]}
    assert read_source("openml:41").frame.shape == (24, 3)


def test_a_file_that_is_gone_or_no_table(fruit: LoopbackServer) -> None:
    fruit.failures = {"data/download": [404]}
    with pytest.raises(InputError, match=r"does not have it: .*fruit\.arff: status 404 \(give"):
        read_source("openml:40")
    fruit.tables = [Table(50, "odd", 1, FRUIT[:-20])]
    with pytest.raises(InputError, match=r"line \d+ of OpenML 50"):
        read_source("openml:50")
    assert Cache.here().entries() == []


def test_a_damaged_cache(fruit: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read_source("fruit").frame
    (entry,) = (e for e in Cache.here().entries() if e.file is not None)
    assert entry.file is not None
    entry.file.write_bytes(FRUIT.replace(b"apple", b"pear "))
    table = read_source("fruit")
    assert table.frame.equals(whole)
    assert table.warnings[0] == "the cached copy of OpenML 41 was damaged and has been discarded"
    entry.file.write_bytes(b"")
    monkeypatch.setenv("AUTOML_AGENT_OPENML_SERVER", fruit.api)

    def gone() -> None:
        raise openml_fetch.OpenMLError("it cannot be reached: gone", kind="unreachable")

    monkeypatch.setattr(openml_fetch, "_check_reachable", gone)
    with pytest.raises(InputError, match=r"cannot be reached.*was damaged and has been discarded"):
        read_source("fruit")


def test_a_cache_that_cannot_be_written(
    fruit: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AUTOML_AGENT_CACHE", str(tmp_path / "file/cache"))
    table = read_source("fruit")
    assert table.frame.shape == (24, 3)
    assert [w for w in table.warnings if "not cached" in w] == [
        f"OpenML 41 was not cached: {tmp_path}/file/cache: Not a directory",
        f"OpenML's answer to the name fruit was not cached: {tmp_path}/file/cache: Not a directory",
    ]


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_a_read_only_home(fruit: LoopbackServer, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    root = Path(__file__).parents[2]
    code = "from automl_agent.data.sources.resolve import read_source as r; t = r('fruit')\n"
    code += "print(t.frame.shape, *t.warnings, sep='\\n')"
    environment = {k: v for k, v in os.environ.items() if k != "AUTOML_AGENT_CACHE"}
    environment |= {"HOME": str(home), "PYTHONPATH": str(root)}
    environment.pop("XDG_CACHE_HOME", None)
    mounts = ["--dev-bind", "/", "/", "--ro-bind", str(home), str(home)]
    done = subprocess.run(
        ["bwrap", *mounts, sys.executable, "-c", code],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "(24, 3)" in done.stdout
    assert "OpenML 41 was not cached" in done.stdout
    assert "Read-only file system" in done.stdout
    assert list(home.iterdir()) == []


def test_the_client_leaves_the_home_alone(
    fruit: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("AUTOML_AGENT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "xdg"))
    monkeypatch.delenv("OPENML_CACHE_DIR", raising=False)
    read_source("fruit")
    assert [path.name for path in home.iterdir()] == ["xdg"]
    assert [path.name for path in (home / "xdg").iterdir()] == ["automl-agent"]


def test_without_the_client(monkeypatch: pytest.MonkeyPatch, loopback: LoopbackServer) -> None:
    monkeypatch.setattr(openml_fetch.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"not installed.*pip install 'automl-agent\[openml\]'"):
        read_source("adult")
    with pytest.raises(InputError, match=r"did you mean 'wine'"):
        read_source("wien")


def test_targets_that_are_none_or_several(loopback: LoopbackServer) -> None:
    loopback.tables = [
        Table(70, "none", 1, FRUIT, target=None),
        Table(71, "two", 1, FRUIT, target="class,mass"),
    ]
    assert read_source("openml:70").target is None
    table = read_source("openml:71")
    assert table.target is None
    assert "'class,mass', which is no single column" in table.warnings[0]
    with pytest.raises(InputError, match="no target column was named"):
        load_dataset("openml:71", target=None, task=None)


def test_a_task_brings_its_target_and_its_test_rows(
    loopback: LoopbackServer, real_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixtures = real_data / "openml_fixtures/org/openml/test"
    loopback.tables = [Table(2, "anneal", 1, (fixtures / "datasets/2/dataset.arff").read_bytes())]
    folder = fixtures / "tasks/1882"
    task = ((folder / "task.xml").read_text(), (folder / "datasplits.arff").read_bytes())
    loopback.tasks = {1882: task}
    for _ in range(2):
        dataset = load_dataset("openml-task:1882", target=None, task=None)
        assert dataset.target == "class"
        assert dataset.given_test is not None
        assert (len(dataset.y), len(dataset.given_test[1])) == (808, 90)
        assert dataset.test_origin == "fold 0 of 10, repeat 0 of 10, of OpenML task 1882"
        offline(monkeypatch, loopback)
    splits = np.array(
        [line.split(",") for line in task[1].decode().splitlines() if line[:4] in ("TEST", "TRAI")]
    )
    first = splits[(splits[:, 2] == "0") & (splits[:, 3] == "0")]
    rows = sorted(first[first[:, 0] == "TEST"][:, 1].astype(int))
    whole = read_source("openml:2").frame
    expected = whole["thick"].iloc[rows].tolist()
    assert dataset.given_test[0]["thick"].tolist() == expected
    with pytest.raises(InputError, match="brings its own test rows"):
        load_dataset("openml-task:1882", target=None, task=None, test_data="iris")


def test_a_task_that_cannot_be_used(fruit: LoopbackServer) -> None:
    xml = (
        '<oml:task xmlns:oml="http://openml.org/openml"><oml:task_id>7</oml:task_id>'
        "<oml:task_type_id>5</oml:task_type_id><oml:task_type>Clustering</oml:task_type>"
        '<oml:input name="source_data"><oml:data_set><oml:data_set_id>41</oml:data_set_id>'
        "</oml:data_set></oml:input>"
        '<oml:input name="estimation_procedure"><oml:estimation_procedure><oml:id>17</oml:id>'
        "<oml:type>testontrainingdata</oml:type>"
        "</oml:estimation_procedure></oml:input></oml:task>"
    )
    fruit.tasks = {7: (xml, b"")}
    with pytest.raises(InputError, match=r"task 7 is of the type.*openml:41 is its dataset"):
        read_source("openml-task:7")
