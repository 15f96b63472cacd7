"""Column types: what is inferred, and what applying them to other tables does."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automl_agent.data.schema import ColumnSchema, Kind, TableSchema
from automl_agent.exceptions import InputError

SENTENCES = [f"this is sentence number {i} of many" for i in range(10)]


def kind(values: Any) -> Kind:
    return TableSchema.infer(pd.DataFrame({"c": values})).columns[0].kind


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 3],
        [1.5, None, 2],
        [True, False, True],
        pd.array([1, None, 3], dtype="Int64"),
        pd.array([True, None, False], dtype="boolean"),
        pd.array([1.5, None], dtype="Float32"),
        pd.arrays.SparseArray([0, 0, 1]),
        [True, None, False],
        [None, None],
        [np.nan, np.inf],
        ["1", "2.5", "-3e4"],
        ["true", "FALSE", None],
        ["1", "2", "None", "unknown", "3"],
        [decimal.Decimal("1.5"), decimal.Decimal(2)],
        pd.to_timedelta([1, 2], unit="s"),
        [str(i) for i in range(97)] + ["a", "b", "c"],
        np.array([1, 2], dtype="uint64"),
    ],
)
def test_numeric(values: Any) -> None:
    frame = pd.DataFrame({"c": values})
    schema = TableSchema.infer(frame)
    assert schema.columns == (ColumnSchema("c", Kind.NUMERIC),)
    typed = schema.apply(frame)
    assert typed["c"].dtype == np.float64
    assert not np.isinf(typed["c"]).any()


@pytest.mark.parametrize(
    "values",
    [
        pd.to_datetime(["2020-01-01", None]),
        pd.to_datetime(["2020-01-01", "2021-01-01"], utc=True).tz_convert("Asia/Tokyo"),
        pd.period_range("2020-01", periods=2, freq="M"),
        ["2020-01-01", "2020-02-30", *["2020-03-01 12:30:00"] * 30],
        ["2020-01", "2020-02"],
        ["2020-01-01T00:00:00Z", "2020-01-01T00:00:00+09:00"],
        [dt.date(2020, 1, 1), dt.datetime(2020, 1, 2, 3)],
        ["1066-10-14", *["2020-01-01"] * 30],
    ],
)
def test_datetime(values: Any) -> None:
    frame = pd.DataFrame({"c": values})
    schema = TableSchema.infer(frame)
    assert schema.columns == (ColumnSchema("c", Kind.DATETIME),)
    assert schema.apply(frame)["c"].dtype == "datetime64[ns]"


def test_other_kinds() -> None:
    assert kind(SENTENCES) is Kind.TEXT
    assert (
        kind(["とても長い日本語の文章がここに書かれています" + str(i) for i in range(9)])
        is Kind.TEXT
    )
    assert kind(SENTENCES[:1] * 9 + SENTENCES[1:2]) is Kind.CATEGORICAL
    assert kind(["a", "b", None]) is Kind.CATEGORICAL
    assert kind([1, "a", 2.5]) is Kind.CATEGORICAL
    assert kind(["2020", "x2021", "abc"]) is Kind.CATEGORICAL
    assert kind(pd.Categorical([1, 2, 1])) is Kind.CATEGORICAL
    assert kind([[1, 2], {"a": 1}]) is Kind.CATEGORICAL
    assert kind(["unknown"] * 9 + ["1"]) is Kind.CATEGORICAL


def test_categories() -> None:
    schema = TableSchema.infer(
        pd.DataFrame(
            {
                "words": ["b", "a", None],
                "mixed": [1, "x", 2.0],
                "declared": pd.Categorical([2, 1, 2], categories=[3, 2, 1]),
            }
        )
    )
    assert [column.categories for column in schema.columns] == [
        ("a", "b"),
        ("1", "2", "x"),
        ("3", "2", "1"),
    ]
    new = pd.DataFrame(
        {"declared": [1.0, np.nan, 9.0], "extra": 0, "mixed": [1.0, 2.0, 7.0], "words": list("abc")}
    )
    typed = schema.apply(new)
    assert list(typed.columns) == ["words", "mixed", "declared"]
    assert typed["words"].astype(object).tolist()[:2] == ["a", "b"]
    assert typed.isna().to_numpy().tolist() == [
        [False, False, False],
        [False, False, True],
        [True, True, True],
    ]
    assert typed["declared"].cat.categories.tolist() == ["3", "2", "1"]


def test_values_that_do_not_fit_become_missing() -> None:
    schema = TableSchema(
        (ColumnSchema("n", Kind.NUMERIC), ColumnSchema("d", Kind.DATETIME)),
    )
    typed = schema.apply(pd.DataFrame({"n": ["x", "inf", "True"], "d": ["no", "2020-01-01", 5]}))
    assert typed["n"].tolist()[2] == 1.0
    assert typed["n"].isna().tolist() == [True, True, False]
    assert typed["d"].isna().tolist() == [True, False, True]
    swapped = schema.apply(
        pd.DataFrame({"n": pd.to_datetime(["2020-01-01"]), "d": [1_577_836_800]})
    )
    assert swapped.isna().all(axis=None)


def test_missing_columns_are_named() -> None:
    schema = TableSchema.infer(pd.DataFrame({"a": [1], "Bé": [2], "c": [3]}))
    with pytest.raises(InputError, match=r"lacks the columns 'a', 'Bé' \(it has 'c'\)"):
        schema.apply(pd.DataFrame({"c": [1]}))


def test_only_tables_with_unique_names() -> None:
    schema = TableSchema.infer(pd.DataFrame({"a": [1], "b": [2]}))
    with pytest.raises(InputError, match=r"is not a DataFrame but of type ndarray .*'a', 'b'"):
        schema.apply(np.zeros((2, 2)))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="is not a DataFrame but of type Series"):
        schema.apply(pd.Series([1.0], name="a"))  # type: ignore[arg-type]
    for names in (["a", "b", "a"], ["a", "b", 1, "1"]):
        with pytest.raises(InputError, match=rf"several columns named '{names[-1]}' "):
            schema.apply(pd.DataFrame(np.zeros((2, len(names))), columns=names))


def test_digits_that_are_no_numbers() -> None:
    codes = pd.DataFrame({"c": ["01", "02", "10"]})
    schema = TableSchema.infer(codes)
    assert schema.columns == (ColumnSchema("c", Kind.CATEGORICAL, ("01", "02", "10")),)
    assert schema.apply(pd.DataFrame({"c": [10, 1]}))["c"].isna().tolist() == [False, True]
    assert kind(["0", "0.5", "-0.25", "10"]) is Kind.NUMERIC


def test_integers_that_float_merges() -> None:
    few = [2**63 + i for i in range(9)]
    gap = pd.array([*few, None], dtype="UInt64")
    for values in (few, [*map(str, few)], pd.Series(few, dtype=object), gap):
        frame = pd.DataFrame({"c": values})
        schema = TableSchema.infer(frame)
        assert schema.columns == (
            ColumnSchema("c", Kind.CATEGORICAL, tuple(str(number) for number in few)),
        )
        assert schema.apply(frame)["c"].nunique() == 9
    assert kind([2**63 + i for i in range(60)]) is Kind.NUMERIC
    assert kind([2**63, 2**62]) is Kind.NUMERIC
    assert kind([1e30, 2e30]) is Kind.NUMERIC


def test_dtypes_of_text_and_index() -> None:
    frame = pd.DataFrame({"t": SENTENCES}, index=range(5, 15))
    typed = TableSchema.infer(frame).apply(frame)
    assert typed["t"].dtype == "str"
    assert typed.index.tolist() == list(range(5, 15))
    assert TableSchema.infer(frame).apply(frame.iloc[:0])["t"].dtype == "str"


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    st.sampled_from(["NA", "2020-01-01", "1.0", "1", "true", *SENTENCES]),
    st.datetimes(),
)
cells = st.one_of(
    st.lists(scalars, min_size=6, max_size=6),
    *(
        st.lists(one, min_size=6, max_size=6)
        for one in (st.floats(), st.booleans(), st.integers(), st.sampled_from(SENTENCES))
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(max_size=5), cells, min_size=1, max_size=4))
def test_applying_twice_changes_nothing(table: dict[str, list[Any]]) -> None:
    frame = pd.DataFrame({name: pd.Series(values) for name, values in table.items()})
    schema = TableSchema.infer(frame)
    once = schema.apply(frame)
    assert list(once.columns) == list(frame.columns)
    assert len(once) == len(frame)
    pd.testing.assert_frame_equal(schema.apply(once), once)
    shuffled = frame[list(frame.columns)[::-1]]
    pd.testing.assert_frame_equal(schema.apply(shuffled), once)
    assert TableSchema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema
