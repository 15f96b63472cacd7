"""Dataset statistics: from the training rows only, without private values, and small as text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automl_agent.data.dataset import load_dataset
from automl_agent.data.metadata import ColumnMetadata, DatasetMetadata, describe

N = 60


def mixed() -> DatasetMetadata:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "number": [np.nan, *rng.normal(size=N - 1)],
            "colour": ["red", "green", "blue"] * (N // 3),
            "city": [f"city{i % 15}" for i in range(N)],
            "almost_key": ["k0", *(f"k{i}" for i in range(N - 1))],
            "user_id": rng.permutation(N),
            "review": [f"the secret words of person number {i}" for i in range(N)],
            "when": pd.date_range("2020-01-01", periods=N),
            "one": 1.0,
            "none": None,
            "y": ["a", "b", "a"] * (N // 3),
        }
    )
    dataset = load_dataset(frame, target="y", task=None)
    return describe(dataset, np.arange(N // 2))


def test_classification() -> None:
    metadata = mixed()
    assert metadata.n_rows == N // 2
    assert (metadata.n_numeric, metadata.n_categorical) == (4, 3)
    assert (metadata.n_text, metadata.n_datetime) == (1, 1)
    assert metadata.n_columns == len(metadata.columns) == 9
    assert metadata.max_cardinality == N - 1
    assert metadata.missing == pytest.approx((30 + 1) / (30 * 9))
    assert metadata.class_counts == {"a": 20, "b": 10}
    assert (metadata.n_classes, metadata.imbalance, metadata.target_stats) == (2, 2.0, None)
    columns = {column.name: column for column in metadata.columns}
    assert columns["colour"].categories == ["blue", "green", "red"]
    assert columns["city"].categories is columns["almost_key"].categories is None
    assert columns["almost_key"].flags == columns["user_id"].flags == ["id_like"]
    assert columns["user_id"].maximum is None
    assert columns["number"].missing == pytest.approx(1 / 30)
    assert columns["one"].flags == ["constant"]
    assert columns["none"].flags == ["all_missing"]
    assert columns["review"].mean_length == pytest.approx(36, abs=1)


def test_private_values_stay() -> None:
    metadata = mixed()
    for text in (metadata.prompt_text(), metadata.model_dump_json()):
        assert "blue" in text
        assert not [word for word in ("secret", "city1", "k5") if word in text]


def test_regression_and_other_rows() -> None:
    frame = pd.DataFrame({"x": [1.0, 1.0, *range(18)], "y": np.arange(20) / 3})
    dataset = load_dataset(frame, target="y", task=None)
    metadata = describe(dataset, np.arange(10))
    assert metadata.target_stats is not None
    assert metadata.target_stats["max"] == pytest.approx(3.0)
    assert metadata.target_stats["skew"] == pytest.approx(0.0, abs=1e-9)
    assert metadata.columns[0].maximum == 7.0
    assert (metadata.class_counts, metadata.n_classes, metadata.imbalance) == (None, None, None)
    hidden = frame.assign(y=frame["y"].where(frame.index < 10, 1e6), x=frame["x"])
    hidden.loc[10:, "x"] = -99.0
    assert describe(load_dataset(hidden, target="y", task=None), np.arange(10)) == metadata


def test_round_trip() -> None:
    metadata = mixed()
    assert DatasetMetadata(**json.loads(json.dumps(metadata.model_dump()))) == metadata


def test_wide_tables_are_cut_and_counted() -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 500))).add_prefix("c")
    frame["word"] = ["a", "b"] * 10
    frame["y"] = ["a", "b"] * 10
    metadata = describe(load_dataset(frame, target="y", task=None), np.arange(20))
    assert len(metadata.columns) == 100
    assert metadata.columns[-1].name == "word"
    assert metadata.columns_left_out == {"numeric": 401}
    *shown, rest = [json.loads(line) for line in metadata.prompt_text().splitlines()]
    assert shown[-1]["name"] == "word"
    assert rest["columns_not_shown"]["numeric"] == 501 - (len(shown) - 1)


def test_adult_fits_whole(real_data: Path) -> None:
    path = real_data / "adult/adult-train.csv.gz"
    dataset = load_dataset(path, target="last", task=None)
    lines = describe(dataset, np.arange(len(dataset.y))).prompt_text().splitlines()
    assert len(lines) == 15
    assert json.loads(lines[2])["categories"][0] == "Federal-gov"


names = st.text(max_size=80) | st.text('é日😀"\\\n\x00', min_size=50, max_size=3000)
columns = st.builds(
    ColumnMetadata,
    name=names,
    kind=st.sampled_from(["numeric", "categorical", "text", "datetime"]),
    missing=st.floats(0, 1),
    distinct=st.integers(0, 10**9),
    minimum=st.none() | st.floats(-1e300, 1e300),
    maximum=st.none() | st.floats(-1e300, 1e300),
    categories=st.none() | st.lists(names, max_size=12),
    mean_length=st.none() | st.floats(0, 1e6),
    flags=st.lists(st.sampled_from(["constant", "id_like"]), max_size=2),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(columns, min_size=1, max_size=12),
    st.integers(1, 12),
    names,
    st.dictionaries(names, st.integers(1, 10**9), max_size=20),
    st.dictionaries(st.sampled_from(["numeric", "text"]), st.integers(1, 10**7)),
)
def test_prompt_text_is_small_and_counts_everything(
    described: list[ColumnMetadata],
    repeat: int,
    name: str,
    class_counts: dict[str, int],
    left_out: dict[str, int],
) -> None:
    described = described * repeat
    facts: dict[str, Any] = dict.fromkeys(
        ("n_rows", "n_columns", "n_numeric", "n_categorical", "n_text", "n_datetime"), 10**9
    )
    text = DatasetMetadata(
        name=name,
        task="classification",
        target=name,
        **facts,
        max_cardinality=10**9,
        missing=1 / 3,
        duplicates=10**9,
        n_classes=1000,
        class_counts=class_counts,
        imbalance=1e9 / 3,
        columns=described,
        columns_left_out=left_out,
    ).prompt_text()
    assert len(text.encode("utf-8")) < 4096
    head, *rest = [json.loads(line) for line in text.split("\n")]
    assert head["n_classes"] == 1000
    hidden = rest.pop()["columns_not_shown"] if rest and "kind" not in rest[-1] else {}
    assert len(rest) + sum(hidden.values()) == len(described) + sum(left_out.values())
    assert rest
