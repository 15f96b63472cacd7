"""Reading delimited text: dialects, headers, encodings, and every way it can be wrong."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl_agent.data.sources.resolve import read_source
from automl_agent.exceptions import InputError


def write(folder: Path, text: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", ", "])
def test_separators(tmp_path: Path, separator: str) -> None:
    lines = ["a b,c,d", "1,x,2.5", "2,y,3.5", "3,?,-1"]
    text = "\n".join(lines).replace(",", separator)
    frame = read_source(write(tmp_path, text)).frame
    assert list(frame.columns) == ["a b", "c", "d"]
    assert frame["d"].tolist() == [2.5, 3.5, -1.0]
    assert frame["c"].isna().tolist() == [False, False, True]


def test_decimal_comma(tmp_path: Path) -> None:
    frame = read_source(write(tmp_path, "a;b\n1,5;2,25\n3,5;4,75\n")).frame
    assert frame["b"].tolist() == [2.25, 4.75]


@pytest.mark.parametrize("missing", ["?", "NA", "N/A", "NaN", "null", "", " "])
def test_missing_values(tmp_path: Path, missing: str) -> None:
    frame = read_source(write(tmp_path, f"a,b\n{missing},1\nx,{missing}\nNone,3\n")).frame
    assert frame["a"].isna().tolist() == [True, False, False]
    assert frame["a"].tolist()[2] == "None"
    assert frame["b"].isna().tolist() == [False, True, False]


def test_quotes_newlines_and_unicode(tmp_path: Path) -> None:
    text = 'Ünï,"b, ""q"""\n"one, two","line 1\nline 2"\n"say ""hi""",日本語\n'
    table = read_source(write(tmp_path, text))
    assert list(table.frame.columns) == ["Ünï", 'b, "q"']
    assert table.frame.to_numpy().tolist() == [
        ["one, two", "line 1\nline 2"],
        ['say "hi"', "日本語"],
    ]


def test_tab_separated_without_quoting(tmp_path: Path) -> None:
    frame = read_source(write(tmp_path, 'a\tb\n"open\t1\nx\t2\n', "t.tsv")).frame
    assert frame["a"].tolist() == ['"open', "x"]


def test_long_values_are_read(tmp_path: Path) -> None:
    frame = read_source(write(tmp_path, f"a,b\n{'x' * 300_000},1\ny,2\n")).frame
    assert len(frame["a"][0]) == 300_000


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_endings_and_blank_lines(tmp_path: Path, ending: str) -> None:
    text = ending.join(["", "a,b", "1,2", "", "  ", "3,4", ""])
    assert read_source(write(tmp_path, text)).frame["b"].tolist() == [2, 4]


@pytest.mark.parametrize(
    ("encoding", "warned"), [("utf-8", 0), ("utf-8-sig", 0), ("utf-16", 0), ("latin-1", 1)]
)
def test_encodings(tmp_path: Path, encoding: str, warned: int) -> None:
    table = read_source(write(tmp_path, "größe,b\nä,1\nö,2\n".encode(encoding)))
    assert list(table.frame.columns) == ["größe", "b"]
    assert table.frame["größe"].tolist() == ["ä", "ö"]
    assert len(table.warnings) == warned
    assert all("Latin-1" in warning for warning in table.warnings)


def test_gzip_and_names(tmp_path: Path) -> None:
    path = write(tmp_path, gzip.compress(b"a,b\n1,2\n"), "my.data.csv.gz")
    table = read_source(str(path))
    assert table.name == "my"
    assert table.frame.shape == (1, 2)


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("5.1,3.5,a\n4.9,3.0,a\n", False),
        ("7,8,x\n9,9,y\n1,2,x\n", False),
        ("?,3,x\n2,3,x\n", False),
        ("width,kind\n1,a\n2,b\n", True),
        ("country,1990,2000\nA,1,2\nB,3,4\n", True),
        ("0,1,2\n5.5,6.5,7.5\n1.5,2.5,3.5\n", True),
        ("0,1\n5.5,6.5\n", True),
        ("1999,2000,2001\n5,6,7\n", True),
        ("a,b\n", True),
        ("0.7,0.4,2021-01-01T00:00,p\n0.1,0.2,2021-01-02T00:00,q\n", False),
        ("2021-01-01,5.5\n2021-01-02,6.5\n", False),
        ("2021-01-01,p\n2021-01-02,q\n2021-01-03,r\n", False),
        ("Ann,57,162\nBob,61,170\n", False),
        ("Ann,-1\nBob,3\n", False),
        ("Ann,1990,1990\nBob,1991,1995\n", False),
        ("country,2021-01-01,2021-01-02\nA,1,2\nB,3,4\n", True),
        ("country,size,1990\nA,1,2\nB,3,4\n", True),
        ("name,0,1\nA,1.5,2\nB,3.5,4\n", True),
        ("name,400.5,402.5,404.5\nA,.1,.2,.3\nB,.4,.5,.6\n", True),
        ("name,2.5\nA,x\nB,y\n", True),
    ],
)
def test_header_detection(tmp_path: Path, text: str, header: bool) -> None:
    path = write(tmp_path, text)
    if text.count("\n") == 1:
        with pytest.raises(InputError, match="no data below"):
            read_source(path)
        return
    table = read_source(path)
    rows, width = text.count("\n"), text.split("\n")[0].count(",") + 1
    assert len(table.frame) == rows - header
    generated = [f"column_{i + 1}" for i in range(width)]
    assert (list(table.frame.columns) == generated) is not header
    assert any("has no header row" in warning for warning in table.warnings) is not header
    numbers = [name for name in text.split("\n")[0].split(",") if name.replace(".", "").isdigit()]
    doubted = [warning for warning in table.warnings if "was taken for the header" in warning]
    assert len(doubted) == (header and bool(numbers))
    assert all(f"'{number}'" in warning for warning in doubted for number in numbers)


def test_test_file_takes_the_training_names(tmp_path: Path) -> None:
    path = write(tmp_path, "8,u\n9,v\n")
    generated = read_source(path, names=["column_1", "column_2"])
    assert len(generated.frame) == 2
    # One row of values never seen looks like a header, but the training file had none either.
    assert len(read_source(write(tmp_path, "8,u\n"), names=["column_1", "column_2"]).frame) == 1
    named = read_source(write(tmp_path, "8,u\n9,u\n"), names=["size", "kind"])
    assert list(named.frame.columns) == ["size", "kind"]
    assert "training data's names" in named.warnings[0]
    with pytest.raises(InputError, match=r"2 columns.*training data has 3"):
        read_source(write(tmp_path, "8,u\n9,u\n"), names=["size", "kind", "x"])


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_leading_zeros_stay(tmp_path: Path, separator: str) -> None:
    lines = ["zip,n,f,z", "01234,1,0.5,0", "98765,0,-0.25, 00 ", "?,10,7,5"]
    frame = read_source(write(tmp_path, "\n".join(lines).replace(",", separator))).frame
    assert frame["zip"].tolist()[:2] == ["01234", "98765"]
    assert frame["zip"].isna().tolist() == [False, False, True]
    assert frame["z"].tolist() == ["0", "00", "5"]
    assert frame["n"].dtype == np.int64
    assert frame["f"].tolist() == [0.5, -0.25, 7.0]


def test_leading_zeros_beyond_the_sniffed_rows(tmp_path: Path) -> None:
    text = "a,code\n" + "\n".join(f"{i},{i + 1000}" for i in range(3000)) + "\n1,0042\n"
    frame = read_source(write(tmp_path, text)).frame
    assert frame["code"].tolist()[-2:] == ["3999", "0042"]
    assert frame["a"].dtype == np.int64


def test_large_integers_with_a_gap_keep_their_digits(tmp_path: Path) -> None:
    frame = read_source(write(tmp_path, f"a,b,c\n{2**60 + 1},1e30,x\n,2,y\n")).frame
    assert frame["a"].tolist()[0] == str(2**60 + 1)
    assert frame["b"].tolist() == [1e30, 2.0]


def test_unnamed_columns(tmp_path: Path) -> None:
    table = read_source(write(tmp_path, ",a,\n10,x,\n11,y,\n"))
    assert list(table.frame.columns) == ["column_1", "a"]
    assert "'column_1'" in table.warnings[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"a,b\n", "no data below"),
        (b"a,b,a\n1,2,3\n", "several columns named 'a'"),
        (b"a,b\n1,2\n3,4,5\n", "line 3 of .* has 3 values, the first row has 2"),
        (b'a,b\n"x\ny",2\n3\n', "line 4 of .* has 1 value, the first row has 2"),
        (b'a,b\n1,"open\n3,4\n', "cannot be read as delimited text"),
        (b"\x89PNG\x00\x01\x02" * 50, "is a binary file"),
        (bytes(range(1, 256)) * 20, "is a binary file"),
        (b"\x1f\x8b\x08broken", "damaged gzip"),
        (gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-9], "damaged gzip"),
        (b"\xff\xfea", "marked as utf-16"),
        (b",column_1\n1,2\n", "unnamed columns beside 'column_1'"),
    ],
)
def test_unreadable_content(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_source(write(tmp_path, content))
    assert "\n" not in str(caught.value)


def test_wrong_places(tmp_path: Path) -> None:
    write(tmp_path, "a,b\n1,2\n", "titanic.csv")
    with pytest.raises(InputError, match=r"no such file.*did you mean 'titanic.csv'"):
        read_source(str(tmp_path / "titanc.csv"))
    with pytest.raises(InputError, match=r"no such file: nowhere/at/all.csv \(the folder"):
        read_source("nowhere/at/all.csv")
    (tmp_path / "void").mkdir()
    with pytest.raises(InputError, match="is a folder without files"):
        read_source(tmp_path / "void")
    with pytest.raises(InputError, match=r"named 'irsi'.*\(did you mean 'iris'"):
        read_source("irsi")
    with pytest.raises(InputError, match="bundled datasets: breast_cancer"):
        read_source("zzzz")
    for nothing in ("", "  "):
        with pytest.raises(InputError, match="no dataset was named"):
            read_source(nothing)
    with pytest.raises(InputError, match="cannot be read from list"):
        read_source([1, 2])  # type: ignore[arg-type]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_file_without_permission(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b\n1,2\n")
    path.chmod(0)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        read_source(path)


def test_read_error_is_worded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        read_source(write(tmp_path, "a,b\n1,2\n"))


@pytest.mark.parametrize(
    ("name", "shape", "label"),
    [
        ("iris", (150, 5), "setosa"),
        ("wine", (178, 14), "class_0"),
        ("breast_cancer", (569, 31), "malignant"),
        ("diabetes", (442, 11), 151.0),
        ("digits", (1797, 65), 0),
    ],
)
def test_bundled(name: str, shape: tuple[int, int], label: object) -> None:
    table = read_source(name)
    assert (table.name, table.target, table.frame.shape) == (name, "target", shape)
    assert table.frame["target"].iloc[0] == label


def test_frames() -> None:
    frame = pd.DataFrame({1: [1.0, 2.0], "b": ["x", "y"]}, index=[7, 9])
    table = read_source(frame)
    assert list(table.frame.columns) == ["1", "b"]
    assert table.frame.index.tolist() == [0, 1]
    assert list(frame.columns) == [1, "b"]
    with pytest.raises(InputError, match="several columns named '1'"):
        read_source(pd.DataFrame(np.zeros((2, 2)), columns=[1, "1"]))
    for empty in (pd.DataFrame(), pd.DataFrame({"a": []}), pd.DataFrame(index=[1, 2])):
        with pytest.raises(InputError, match="DataFrame is empty"):
            read_source(empty)


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8),
            st.integers(-999, 999),
        ),
        min_size=2,
        max_size=8,
    )
)
def test_written_tables_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int]]
) -> None:
    frame = pd.DataFrame([("x" + text, number) for text, number in rows], columns=["häder", "b"])
    path = tmp_path_factory.mktemp("written") / "t.csv"
    frame.to_csv(path, index=False)
    pd.testing.assert_frame_equal(read_source(path).frame, frame)
