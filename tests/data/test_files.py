"""Parquet, ARFF, Excel, JSON lines, folders of parts, gzip and zip: read alike, refused clearly."""

from __future__ import annotations

import datetime
import decimal
import gzip
import io
import json
import os
import threading
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from automl_agent.data.columns import as_text
from automl_agent.data.dataset import load_dataset
from automl_agent.data.sources import excel, packed
from automl_agent.data.sources.resolve import read_source
from automl_agent.exceptions import InputError

FRAME = pd.DataFrame({"a": [1.5, None, 3.0], "b": ["x", "y", None], "y": ["u", "v", "u"]})


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def as_bytes(kind: str, frame: pd.DataFrame = FRAME) -> bytes:
    out = io.BytesIO()
    if kind == "csv":
        return frame.to_csv(index=False).encode()
    if kind == "jsonl":
        return frame.to_json(orient="records", lines=True).encode()
    if kind == "json":
        return frame.to_json(orient="records").encode()
    if kind == "parquet":
        frame.to_parquet(out)
    if kind == "xlsx":
        frame.to_excel(out, index=False)
    if kind == "arff":
        rows = "\n".join(
            ",".join("?" if pd.isna(v) else str(v) for v in row) for row in frame.to_numpy()
        )
        header = "@relation r\n@attribute a real\n@attribute b {x,y}\n@attribute y {u,v}\n@data\n"
        return (header + rows).encode()
    return out.getvalue()


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json", "parquet", "xlsx", "arff"])
@pytest.mark.parametrize("pack", ["", ".gz", ".zip"])
def test_every_format_packed_or_not(tmp_path: Path, kind: str, pack: str) -> None:
    data = as_bytes(kind)
    if pack == ".gz":
        data = gzip.compress(data)
    elif pack == ".zip":
        data = zipped({"__MACOSX/._t": b"x", f"inner/t.{kind}": data})
    path = tmp_path / f"Table.{kind}{pack}"
    path.write_bytes(data)
    table = read_source(path)
    assert (table.name, table.source, table.warnings) == ("Table", str(path), ())
    assert list(table.frame.columns) == ["a", "b", "y"]
    assert table.frame["a"].isna().tolist() == [False, True, False]
    assert as_text(table.frame["a"]).tolist()[2] == "3"
    assert as_text(table.frame["b"]).tolist()[:2] == ["x", "y"]
    assert table.frame["b"].isna().tolist() == [False, False, True]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "arff"])
def test_a_format_is_known_without_its_ending(tmp_path: Path, kind: str) -> None:
    (tmp_path / "table").write_bytes(as_bytes(kind))
    assert read_source(tmp_path / "table").frame.shape == (3, 3)


@pytest.mark.parametrize(
    "name", ["anneal", "credit-g", "diabetes", "jm1", "kr-vs-kp", "mfeat-factors"]
)
def test_arff_agrees_with_its_csv_twin(real_data: Path, name: str) -> None:
    folder = real_data / "openml_datasets" / name
    arff = read_source(folder / f"{name}.arff")
    csv = read_source(folder / f"{name}.csv")
    assert arff.warnings == ()
    assert list(arff.frame.columns) == list(csv.frame.columns)
    for column in arff.frame:
        # the CSV files keep ARFF's quotes, and read true and false as truth values
        twin = as_text(csv.frame[column]).str.strip("'").str.lower()
        assert as_text(arff.frame[column]).str.lower().equals(twin), column
    with (folder / f"{name}.arff").open() as lines:
        n_nominal = sum(line.startswith("@attribute") and "{" in line for line in lines)
    categories = [d for d in arff.frame.dtypes if isinstance(d, pd.CategoricalDtype)]
    assert len(categories) == n_nominal or name == "jm1"


def test_sparse_arff(real_data: Path, tmp_path: Path) -> None:
    path = real_data / "openml_fixtures/org/openml/test/datasets/-1/dataset.arff"
    frame = read_source(path).frame
    assert frame.shape == (2, 20_001)
    last = [line for line in path.read_text().splitlines() if line.startswith("{")][-1]
    pairs = dict(pair.split() for pair in last.strip("{}").split(",")[:-1])
    assert frame.iloc[1, :-1].sum() == sum(map(float, pairs.values()))
    assert frame.iloc[1, 9999] == float(pairs["9999"])
    assert frame.iloc[1, -1] == "-1"
    small = tmp_path / "s.arff"
    small.write_text(
        "@relation s\n@attribute n numeric\n@attribute c {no, 'a b'}\n@attribute s string\n@data\n"
        "{}\n{0 2.5, 1 'a b'}\n{ 2 'x, y' }\n{0 ?,1 ?}\n"
    )
    frame = read_source(small).frame
    assert frame["n"].tolist()[:3] == [0.0, 2.5, 0.0]
    assert np.isnan(frame["n"][3])
    assert frame["c"].tolist()[:3] == ["no", "a b", "no"]
    assert frame["s"].tolist() == ["", "", "x, y", ""]
    assert pd.isna(frame["c"][3])


ODD_ARFF = r"""% a comment
@RELATION 'odd one'
@Attribute 'two words' { 'Jan ', "it's", 'it\'s so', "?", plain , 'a,b', '100%' }
@attribute when DATE "yyyy-MM-dd HH:mm"
@attribute iso date
@attribute	text	string
@attribute {brace} integer

@DATA
% rows
'Jan ', "2020-01-02 03:04", 2020-01-02T03:04:05, 'a \'quoted\' \t text', 1
it's, ?, ?, ?, ?
"it's", '2021-12-31 23:59', ?, '', 2
'it\'s so',?,?,"a, b",-3e2
'?',?,?,'?',4
?,?,?,plain text,5
'a,b',?,?,'x%y',NaN
plain  ,?,?,ü,7
"""


def test_odd_arff(tmp_path: Path) -> None:
    path = tmp_path / "odd.arff"
    path.write_text(ODD_ARFF.replace("@attribute {brace}", "@attribute '{brace}'"))
    table = read_source(path)
    first = table.frame["two words"]
    assert first.cat.categories.tolist() == ["Jan ", "it's", "it's so", "?", "plain", "a,b", "100%"]
    values = ["Jan ", "it's", "it's", "it's so", "?", None, "a,b", "plain"]
    assert [None if pd.isna(v) else v for v in first] == values
    assert table.frame["when"].iloc[[0, 2]].tolist() == [
        pd.Timestamp("2020-01-02 03:04"),
        pd.Timestamp("2021-12-31 23:59"),
    ]
    assert table.frame["iso"][0] == pd.Timestamp("2020-01-02 03:04:05")
    assert table.frame["text"].tolist()[0] == "a 'quoted' \t text"
    assert table.frame["text"].tolist()[2:] == ["", "a, b", "?", "plain text", "x%y", "ü"]
    assert table.frame["{brace}"].tolist()[2:6] == [2.0, -300.0, 4.0, 5.0]
    assert np.isnan(table.frame["{brace}"][6])


def test_arff_values_beside_the_declaration(tmp_path: Path) -> None:
    path = tmp_path / "t.arff"
    path.write_text("@relation t\n@attribute c {a,'b '}\n@data\na\nb\n'a '\nz\n?\n")
    table = read_source(path)
    assert table.frame["c"].tolist()[:4] == ["a", "b ", "a", "z"]
    assert table.warnings == ("values of 'c' that its declaration lacks: 'z'",)


HEAD = "@relation r\n@attribute a real\n@attribute c {x,y}\n@attribute d date yyyy\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD, "has no @data"),
        (HEAD + "@data\n", "no rows below @data"),
        ("@relation r\n@data\n1\n", "declares no @attribute"),
        (HEAD + "@data\n1,x,2020\n1,x\n", r"line 7 of .* has 2 values, 3 attributes are declared"),
        (HEAD + "@data\n1,x,2020\nfoo,x,2020\n", "line 7 of .*'foo' in 'a' is no number"),
        (HEAD + "@data\n1,x,20-2\n", "line 6 of .*'20-2' in 'd' is no date"),
        (HEAD + "@data\n1,'x,2020\n", "line 6 of .*a quote that is not closed"),
        (HEAD + "@data\n{0 1, 7 x}\n", "line 6 of .* gives attribute 7 of 3"),
        (HEAD + "@data\n{0 1, 1 x\n", "line 6 of .* is no sparse row"),
        (HEAD + "@attribute a real\n@data\n1\n", "several columns named 'a'"),
        (HEAD + "@attribute e relational\n@data\n1\n", "has the type 'relational'"),
        (HEAD + "@attribute e {a,b\n@data\n1\n", "are not closed by a brace"),
        (HEAD + "@attribute e date QQ\n@data\n1\n", "unknown letter Q"),
        (HEAD + "nonsense\n@data\n1\n", "line 5 of .* is neither"),
    ],
)
def test_wrong_arff(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "t.arff"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_source(path)


def test_nominal_numbers_are_classes(tmp_path: Path) -> None:
    path = tmp_path / "t.arff"
    labels = [str(i) for i in range(30)]
    rows = "\n".join(f"{i},{i % 30}" for i in range(120))
    path.write_text(
        f"@relation t\n@attribute a real\n@attribute y {{{','.join(labels)}}}\n@data\n{rows}\n"
    )
    assert load_dataset(path, target="y", task=None).task == "classification"


def test_parquet_types(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    day = datetime.date(2020, 1, 2)
    table = pa.table(
        {
            "whole": pa.array([1, None, 2**40], pa.int64()),
            "flag": pa.array([True, None, False]),
            "money": pa.array([decimal.Decimal("1.50"), None, decimal.Decimal("2")]),
            "day": pa.array([day, None, day]),
            "far": pa.array([datetime.datetime(9999, 1, 1), None, None], pa.timestamp("us")),
            "zone": pa.array([datetime.datetime(2020, 1, 1)] * 3, pa.timestamp("ms", "UTC")),
            "code": pa.array(["a", "b", "a"]).dictionary_encode(),
            "word": pa.array(["x", None, "y"], pa.large_string()),
            "none": pa.nulls(3),
            "list": pa.array([[1], [2], None]),
            "raw": pa.array([b"1", b"2", None]),
            "__index_level_0__": pa.array([7, 8, 9]),
        }
    )
    pq.write_table(table, path)
    read = read_source(path)
    assert list(read.frame.columns) == table.column_names[:9]
    assert read.warnings == ("columns of lists, objects or bytes, left out: 'list', 'raw'",)
    assert read.frame["money"].tolist()[::2] == [1.5, 2.0]
    assert read.frame["day"][0] == pd.Timestamp("2020-01-02")
    assert isinstance(read.frame["code"].dtype, pd.CategoricalDtype)
    assert as_text(read.frame["whole"]).tolist()[::2] == ["1", str(2**40)]
    frame = read.frame.loc[[0, 1, 2] * 8].reset_index(drop=True).assign(y=["u", "v"] * 12)
    typed = load_dataset(frame, target="y", task=None)
    kinds = {c.name: c.kind.value for c in typed.schema.columns}
    assert kinds["flag"] == kinds["whole"] == kinds["money"] == "numeric"
    assert kinds["day"] == kinds["far"] == kinds["zone"] == "datetime"


def test_real_parquet(real_data: Path) -> None:
    frame = read_source(
        real_data / "openml_fixtures/org/openml/test/datasets/30/dataset_30.pq"
    ).frame
    assert frame.shape == (4177, 9)
    assert (
        frame["Sex"].cat.categories.tolist() == ["M", "F", "I"] or len(frame["Sex"].unique()) == 3
    )


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    rows = [{"a": 1, "b": "x", "c": [1]}, {"b": "y\u2028z", "d": True}, {"a": None, "c": {"k": 1}}]
    path.write_text("\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n")
    table = read_source(path)
    assert list(table.frame.columns) == ["a", "b", "d"]
    assert table.frame["a"].isna().tolist() == [False, True, True]
    assert table.frame["b"][1] == "y\u2028z"
    assert table.warnings == ("columns of lists, objects or bytes, left out: 'c'",)
    for text, message in (
        ('{"a": 1}\n{"a": \n', "line 2 of .* is no JSON"),
        ('{"a": 1}\n3\n', "row 2 of .* is no JSON object"),
        ("[1, 2]", "row 1 of .* is no JSON object"),
        ("[]", "holds no table"),
        ("{}\n{}", "holds no table"),
        ('{"a": [1]}', "lists and objects only"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            read_source(path)


def test_excel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.xlsx"
    day = pd.Timestamp("2020-01-02")
    frame = pd.DataFrame({"n": [1, 2], "d": [day, day], "w": ["a", None], 5: [True, False]})
    with pd.ExcelWriter(path) as book:
        pd.DataFrame().to_excel(book, sheet_name="blank", index=False)
        frame.to_excel(book, sheet_name="data", index=False)
        frame.to_excel(book, sheet_name="notes", index=False)
    table = read_source(path)
    assert list(table.frame.columns) == ["n", "d", "w", "5"]
    assert table.frame["d"].tolist() == [day, day]
    assert table.frame["n"].dtype == np.int64
    assert table.warnings == ("t.xlsx: sheet 'data' was read; left out: 'notes'",)
    for wrong, message in (
        (pd.DataFrame({"a": [1], "": [2]}), "column 2 of sheet 'Sheet1' .* has no name"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "several columns named 'a'"),
        (pd.DataFrame({"a": []}), "no data below it"),
        (pd.DataFrame(), "is empty"),
    ):
        wrong.to_excel(path, index=False)
        with pytest.raises(InputError, match=message):
            read_source(path)
    path.write_bytes(zipped({"xl/workbook.xml": b"nonsense"}))
    with pytest.raises(InputError, match="cannot be read as Excel"):
        read_source(path)
    path.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(600))
    with pytest.raises(InputError, match="old Excel file"):
        read_source(path)
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    FRAME.to_csv(tmp_path / "unused.csv")
    path.write_bytes(zipped({"xl/workbook.xml": b""}))
    with pytest.raises(InputError, match=r"takes openpyxl \(pip install 'automl-agent\[excel\]'"):
        excel.read_excel(excel.Content(path))


def test_a_folder_of_parts(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "_SUCCESS").write_text("")
    (folder / ".hidden").write_text("x")
    (folder / "b.csv.gz").write_bytes(gzip.compress(b"b,a\nz,3\nx,four\n"))
    (folder / "a.csv").write_text("a,b\n1,x\n2,y\n")
    table = read_source(folder)
    assert as_text(table.frame["a"]).tolist() == ["1", "2", "3", "four"]
    assert table.frame["b"].tolist() == ["x", "y", "z", "x"]
    assert table.frame.index.tolist() == [0, 1, 2, 3]
    assert (table.name, table.source) == ("parts", str(folder))
    (folder / "c.csv").write_text("a,c\n1,x\n")
    with pytest.raises(InputError, match=r"c\.csv has other columns than a\.csv: it lacks 'b'"):
        read_source(folder)
    (folder / "c.csv").write_text('{"a": 1, "b": "x"}\n')
    (folder / "c.csv").rename(folder / "c.jsonl")
    with pytest.raises(InputError, match=r"several formats.*c\.jsonl \(JSON lines\)"):
        read_source(folder)
    (folder / "c.jsonl").unlink()
    (folder / "inner").mkdir()
    with pytest.raises(InputError, match="folders inside: 'inner'"):
        read_source(folder)
    (tmp_path / "void").mkdir()
    with pytest.raises(InputError, match="is a folder without files"):
        read_source(tmp_path / "void")


def test_parts_without_header_and_of_categories(tmp_path: Path) -> None:
    whole = pd.DataFrame({"n": range(9), "c": list("aabaabaab"), "y": list("uuvuuvuuv")})
    for name, write in (("plain", "csv"), ("cats", "parquet")):
        folder = tmp_path / name
        folder.mkdir()
        for part in range(3):
            rows = whole.iloc[part * 3 : part * 3 + 3 if part < 2 else None]
            if write == "csv":
                rows.to_csv(folder / f"{part}.csv", index=False, header=False)
            else:
                rows = rows.iloc[part:].astype({"c": "category"})
                rows.to_parquet(folder / f"{part}.parquet")
    plain = read_source(tmp_path / "plain").frame
    assert plain.shape == (9, 3)
    assert plain["column_2"].tolist() == list("aabaabaab")
    cats = read_source(tmp_path / "cats").frame
    assert isinstance(cats["c"].dtype, pd.CategoricalDtype)
    assert cats["c"].tolist() == list("aababb")


def test_a_zip_of_parts(tmp_path: Path) -> None:
    path = tmp_path / "t.zip"
    path.write_bytes(zipped({"b.csv": b"a,b\n3,z\n4,y\n", "a.csv": b"a,b\n1,x\n2,y\n"}))
    assert read_source(path).frame["a"].tolist() == [1, 2, 3, 4]
    path.write_bytes(zipped({}))
    with pytest.raises(InputError, match="zip file without files"):
        read_source(path)
    path.write_bytes(zipped({"a.csv": b"a,b\n" + b"1,x\n" * 99})[:-30])
    with pytest.raises(InputError, match="damaged zip"):
        read_source(path)
    path.write_bytes(zipped({"a.csv": b"a,b\n1,2,3\n", "b.csv": b""}))
    with pytest.raises(InputError, match=r"line 2 of .*t\.zip/a\.csv"):
        read_source(path)


def test_what_would_unpack_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "MAX_UNPACKED_BYTES", 1000)
    bomb = b"a,b\n" + b"1,2\n" * 1000
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(bomb))
    (tmp_path / "t.zip").write_bytes(zipped({"t.csv": bomb}))
    for name in ("t.csv.gz", "t.zip"):
        with pytest.raises(InputError, match="unpacks to more than"):
            read_source(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("t.parquet", b"PAR1" + bytes(50), "cannot be read as Parquet"),
        ("t.parquet", as_bytes("parquet")[:-40], "cannot be read as Parquet"),
        ("t.parquet", b"a,b\n1,2\n", "is damaged: it is named .parquet"),
        ("t.parquet", as_bytes("parquet", FRAME.head(0)), "holds no table"),
        ("t.parquet", b"", "is empty"),
        ("t.xlsx", b"a,b\n1,2\n", "is damaged: it is named .xlsx"),
        ("t.csv", b"<!DOCTYPE html><html>", "is a web page"),
        ("t.arff", b"", "is empty"),
        ("t.jsonl", b"\xff\xfe\x00", "is damaged"),
    ],
)
def test_wrong_files(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=message):
        read_source(tmp_path / name)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_pipe(tmp_path: Path, kind: str) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(as_bytes(kind),))
    writer.start()
    assert read_source(pipe).frame.shape == (3, 3)
    writer.join()
