"""From a source to a dataset: target, task, columns, warnings, given test data; real files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from automl_agent.data.dataset import Dataset, load_dataset
from automl_agent.data.problem import pose_problem
from automl_agent.exceptions import InputError
from automl_agent.settings import TuneSettings

rng = np.random.default_rng(0)


def table(y: Any, **columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"x": rng.normal(size=len(y)), **columns, "y": y})


def load(frame: pd.DataFrame, task: str | None = None, **options: Any) -> Dataset:
    return load_dataset(frame, target="y", task=task, **options)


@pytest.mark.parametrize(
    ("y", "task", "classes"),
    [
        (["b", "a"] * 10, "classification", ("a", "b")),
        ([True, False] * 10, "classification", (False, True)),
        ([True, None, False] * 10, "classification", (False, True)),
        ([0, 1] * 10, "classification", (0, 1)),
        ([0.5, 1.5] * 10, "classification", (0.5, 1.5)),
        ([1.0, 2.0, 3.0] * 10, "classification", (1, 2, 3)),
        (pd.array([1, None, 3] * 10, dtype="Int64"), "classification", (1, 3)),
        (pd.Categorical([2, 1] * 10), "classification", (1, 2)),
        ([3, "x", 3, "x"] * 5, "classification", ("3", "x")),
        (["1", "2"] * 10, "classification", ("1", "2")),
        (list(range(20)) * 5, "classification", tuple(range(20))),
        (list(range(20)) * 4, "regression", ()),
        (list(range(21)) * 10, "regression", ()),
        ([0.1, 0.2, 0.3] * 10, "regression", ()),
        ([str(i) for i in range(30)] * 2, "regression", ()),
    ],
)
def test_task_is_inferred(y: Any, task: str, classes: tuple[object, ...]) -> None:
    dataset = load(table(y))
    assert (dataset.task, dataset.classes) == (task, classes)
    assert [type(c) for c in dataset.classes] == [type(c) for c in classes]
    assert dataset.y.dtype == (np.int64 if classes else np.float64)
    if classes:
        present = pd.Series(y).dropna().tolist()
        assert [dataset.classes[code] for code in dataset.y[:3]] == [
            str(v) if isinstance(classes[0], str) else v for v in present[:3]
        ]


def test_the_user_chooses_the_task() -> None:
    assert load(table([1, 2, 3] * 10), "regression").y[:3].tolist() == [1.0, 2.0, 3.0]
    assert load(table(list(range(30)) * 2), "classification").classes == tuple(range(30))
    (warning,) = load(table([1, 2, 3] * 10)).warnings
    assert warning.startswith("the target 'y' has 3 distinct whole numbers and is taken for class")
    assert load(table([1, 2, 3] * 10), "classification").warnings == ()


@pytest.mark.parametrize(
    ("y", "task", "message"),
    [
        (["a", "b"] * 4 + ["a"], None, "has 9 rows with a target.*at least 10"),
        ([None] * 20, None, "has no value in any row"),
        ([""] * 20, None, "has no value in any row"),
        (["a"] * 20, None, "the one value 'a' in every row"),
        ([2.5] * 20, None, "the one value '2.5' in every row"),
        ([1] * 20, "regression", "the one value '1.0' in every row"),
        ([f"id{i}" for i in range(20)], None, "20 classes in 20 rows.*identifier or a text"),
        ([f"id{i % 1500}" for i in range(3000)], None, "1500 classes in 3000 rows"),
        (list(np.linspace(0, 1, 20)), "classification", "--task regression"),
        (["1", "2", "x", "4"] * 9, "regression", "9 values are not numbers, such as 'x'"),
        ([1.0, 2.5, np.inf, 4.0] * 9, None, "9 infinite values"),
        ([1.0, 2.0, -np.inf] * 9, "classification", "9 infinite values"),
        (pd.date_range("2020-01-01", periods=20), None, "holds dates"),
        (["a", "b"] * 10, "clustering", "no task 'clustering' .*classification or regression"),
    ],
)
def test_unusable_targets(y: Any, task: str | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(table(y), task)


def test_target_is_found() -> None:
    frame = table(["a", "b"] * 10)
    assert load_dataset(frame, target="last", task=None).target == "y"
    assert load_dataset(frame, target="Y", task=None).target == "y"
    assert load_dataset("iris", target=None, task=None).target == "target"
    wide = pd.DataFrame(np.zeros((12, 30))).add_prefix("column")
    with pytest.raises(InputError, match=r"no target column was named.*'column19' and 10 more"):
        load_dataset(wide, target=None, task=None)
    with pytest.raises(InputError, match=r"no column 'colum3' \(did you mean .*'column3'"):
        load_dataset(wide, target="colum3", task=None)


def test_rows_without_target_are_left_out() -> None:
    dataset = load(table(["a", "b", None, "a", "b"] * 4, z=range(20)))
    assert len(dataset.X) == len(dataset.y) == 16
    assert dataset.X.index.tolist() == list(range(16))
    assert dataset.X["z"].tolist()[:4] == [0, 1, 3, 4]
    assert dataset.warnings == ("4 rows without a value in the target 'y' left out",)


def test_ten_rows() -> None:
    dataset = load(table(["a"] * 7 + ["b"] * 3))
    assert (len(dataset.y), dataset.warnings) == (10, ())


def test_column_warnings() -> None:
    n = 40
    dataset = load(
        table(
            ["a", "b"] * (n // 2),
            infinite=[np.inf, -np.inf, *range(n - 2)],
            nearly=["oops", *map(str, range(n - 1))],
            mixed=[1, "w"] * (n // 2),
            hollow=[None] * n,
            constant=["c"] * n,
            key=[f"k{i}" for i in range(n)],
            row_id=range(100, 100 + n),
            shuffled_id=rng.permutation(n),
        )
    )
    assert list(dataset.X.columns) == [
        *("x", "infinite", "nearly", "mixed", "hollow", "constant", "shuffled_id"),
    ]
    assert dataset.warnings == (
        "columns that only identify rows, left out: 'key', 'row_id'",
        "2 infinite values became missing, in 'infinite'",
        "1 value that is no number or date became missing, in 'nearly': 'oops'",
        "columns of numbers and words, used as categories: 'mixed'",
        "columns without any value: 'hollow'",
        "columns with a single value: 'constant'",
    )


def test_numbers_in_a_file_that_hold_a_word(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [f"{i},{'w' if i % 4 == 0 else i},{'ab'[i % 2]}" for i in range(40)]
    path.write_text("a,code,y\n" + "\n".join(rows))
    dataset = load_dataset(path, target="y", task=None, name="mine")
    assert dataset.name == "mine"
    assert "columns of numbers and words, used as categories: 'code'" in dataset.warnings


def test_codes_with_leading_zeros(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [f"{i / 7},0{i % 5}123,0{i}x,{i:03},0{i % 3}" for i in range(40)]
    path.write_text("a,zip,key,number,y\n" + "\n".join(rows))
    dataset = load_dataset(path, target="y", task=None)
    assert (dataset.task, dataset.classes) == ("classification", ("00", "01", "02"))
    assert list(dataset.X.columns) == ["a", "zip"]
    assert dataset.X["zip"].cat.categories.tolist() == [f"0{i}123" for i in range(5)]
    assert "columns that only identify rows, left out: 'key', 'number'" in dataset.warnings
    wide = table([f"{i:03}" for i in range(30)] * 2)
    assert load(wide).task == "classification"


def test_integers_too_large_for_numbers() -> None:
    n = 120
    dataset = load(
        table(
            [2**63 + i % 3 for i in range(n)],
            few=[2**63 + i % 9 for i in range(n)],
            many=[2**63 + i % 60 for i in range(n)],
        )
    )
    told = "columns whose integers are too large to be told apart as numbers"
    assert f"{told}, used as categories: 'few'" in dataset.warnings
    assert f"{told}, some now equal: 'many'" in dataset.warnings
    assert not any("single value" in warning for warning in dataset.warnings)
    assert dataset.X["few"].nunique() == 9
    assert dataset.X["many"].dtype == np.float64
    assert dataset.classes == (2**63, 2**63 + 1, 2**63 + 2)


def test_targets_that_are_no_strings() -> None:
    frame = pd.DataFrame({0: range(20), 1: rng.normal(size=20), 2: ["a", "b"] * 10})
    for wanted in (2, np.int64(2), "2"):
        assert load_dataset(frame, target=wanted, task=None).target == "2"
    paired = frame.set_axis(pd.MultiIndex.from_tuples([("x", 1), ("x", 2), ("y", 1)]), axis=1)
    assert load_dataset(paired, target=("y", 1), task=None).target == "('y', 1)"
    with pytest.raises(InputError, match="there is no column '7'"):
        load_dataset(frame, target=7, task=None)
    for wrong in (2.5, ["2"], b"2"):
        with pytest.raises(InputError, match="the target is of type"):
            load_dataset(frame, target=wrong, task=None)  # type: ignore[arg-type]


def test_tasks_in_any_case() -> None:
    frame = table([1, 2, 3] * 10)
    assert load(frame, "Classification").task == "classification"
    assert load(frame, "REGRESSION").task == "regression"
    with pytest.raises(InputError, match="there is no task '3'"):
        load(frame, 3)  # type: ignore[arg-type]


def test_metric_that_is_no_name() -> None:
    frame = table(["a", "b"] * 20)
    settings = TuneSettings(dataset=frame, target="y", metric=3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"the metric is of type int, not a name .*log_loss"):
        pose_problem(settings, seed=0)


def test_rare_classes_and_repeated_rows() -> None:
    frame = table(["a"] * 12 + ["b"] * 2 + ["c"])
    frame.loc[1, "x"] = frame.loc[0, "x"]
    assert load(frame).warnings == (
        "2 classes with fewer than 3 rows: 3 rows that always train and are never tested, "
        "of 'b', 'c'",
        "1 row repeats an earlier row in all features: "
        "identical rows may stand on both sides of a split",
    )


def test_no_feature_is_left() -> None:
    y = ["a", "b"] * 10
    with pytest.raises(InputError, match="no column besides the target"):
        load(pd.DataFrame({"y": y}))
    with pytest.raises(InputError, match="no feature column is left: 'k' only"):
        load(pd.DataFrame({"k": [f"k{i}" for i in range(20)], "y": y}))


def test_odd_names_survive() -> None:
    names = ["Größe (cm)", "日本", "a,b", '{"q"}', "", " padded "]
    frame = table(["a", "b"] * 10, **{name: rng.normal(size=20) for name in names})
    assert list(load(frame).X.columns) == ["x", *names]


def test_given_test_data() -> None:
    train = table(["a", "b"] * 10, c=["u", "v"] * 10)
    test = pd.DataFrame({"y": ["b", None, "a."], "c": ["v", "u", "new"], "x": [1.0, 2.0, 3.0]})
    test.loc[3] = ["a", train["c"][0], train["x"][0]]
    dataset = load(train, test_data=test)
    assert dataset.given_test is not None
    X, y = dataset.given_test
    assert y.tolist() == [1, 0, 0]
    assert list(X.columns) == ["x", "c"]
    assert X["c"].isna().tolist() == [False, True, False]
    assert dataset.warnings == (
        "test data: 1 row without a value in the target 'y' left out",
        "test labels ending in a full stop were read without it: 'a.'",
        "test data: 1 value of unseen categories became missing, in 'c'",
        "test data: 1 row also in the training data, in all features",
    )


def test_given_test_data_of_other_types() -> None:
    truth = load(table([True, False] * 10), test_data=table(["true", "FALSE"]))
    assert truth.given_test is not None
    assert truth.given_test[1].tolist() == [1, 0]
    numbers = load(table([1, 2] * 10), test_data=table([1.0, None, 2.0]))
    assert numbers.given_test is not None
    assert numbers.given_test[1].tolist() == [0, 1]
    values = load(table(rng.normal(size=20)), test_data=table([2, 2]))
    assert values.given_test is not None
    assert values.given_test[1].tolist() == [2.0, 2.0]


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (
            table(["a", "zz", "q"]),
            "2 labels in 'y' that the training data does not have: 'q', 'zz'",
        ),
        (table(["a"]).drop(columns="y"), "has no target column 'y'"),
        (table(["a"]).drop(columns="x"), "the test data DataFrame 1 x 1 lacks the column 'x'"),
        (table([None]), "test data: the target 'y' has no value"),
    ],
)
def test_unusable_test_data(test: pd.DataFrame, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(table(["a", "b"] * 10), test_data=test)


def test_adult(real_data: Path) -> None:
    dataset = load_dataset(
        real_data / "adult/adult-train.csv.gz",
        target="column_15",
        task=None,
        test_data=real_data / "adult/adult-test.csv.gz",
    )
    assert dataset.X.shape == (32_561, 14)
    assert dataset.classes == ("<=50K", ">50K")
    assert np.bincount(dataset.y).tolist() == [24_720, 7_841]
    assert int(dataset.X.isna().sum().sum()) == 4_262
    assert dataset.given_test is not None
    X, y = dataset.given_test
    assert np.bincount(y).tolist() == [12_435, 3_846]
    assert int(X.isna().sum().sum()) == 2_203
    assert (X.dtypes == dataset.X.dtypes).all()
    assert any("no header row" in warning for warning in dataset.warnings)
    assert any("full stop" in warning for warning in dataset.warnings)


@pytest.mark.parametrize(
    ("path", "target", "task", "n_classes", "shape"),
    [
        ("banana_quality/banana_quality.csv", "Quality", "classification", 2, (8000, 7)),
        ("wine_quality/winequality-white.csv", "last", "classification", 7, (4898, 11)),
        ("crab_age/CrabAgePrediction.csv", "Age", "regression", 0, (3893, 8)),
        ("titanic_kaggle/train.csv", "Survived", "classification", 2, (891, 10)),
        ("penguins/penguins.csv", "species", "classification", 3, (344, 6)),
        ("house_prices/train.csv", "SalePrice", "regression", 0, (1460, 79)),
        ("openml_datasets/jm1/jm1.csv", "defects", "classification", 2, (10_885, 21)),
        ("crop_recommendation/Crop_recommendation.csv", "label", "classification", 22, (2200, 7)),
        ("diamonds/diamonds.csv.gz", "price", "regression", 0, (53_940, 9)),
        ("higher_education/student_prediction.csv", "GRADE", "classification", 8, (145, 31)),
        ("sunspots/monthly-sunspots.csv", "Sunspots", "regression", 0, (2820, 1)),
        ("textual_entailment_sick/SICK_train.txt", "last", "classification", 3, (4500, 3)),
    ],
)
def test_real_files(
    real_data: Path, path: str, target: str, task: str, n_classes: int, shape: tuple[int, int]
) -> None:
    dataset = load_dataset(real_data / path, target=target, task=None)
    assert (dataset.task, len(dataset.classes), dataset.X.shape) == (task, n_classes, shape)
    assert len(dataset.y) == shape[0]


def test_real_files_in_detail(real_data: Path) -> None:
    wine = load_dataset(real_data / "wine_quality/winequality-white.csv", target="last", task=None)
    assert any(warning.startswith("937 rows repeat") for warning in wine.warnings)
    jm1 = load_dataset(real_data / "openml_datasets/jm1/jm1.csv", target="defects", task=None)
    assert jm1.classes == (False, True)
    assert int(jm1.X.isna().sum().sum()) == 25
    titanic = load_dataset(real_data / "titanic_kaggle/train.csv", target="Survived", task=None)
    kinds = {column.name: column.kind.value for column in titanic.schema.columns}
    assert kinds["Name"] == "text"
    assert kinds["Sex"] == kinds["Cabin"] == "categorical"
    assert any("'PassengerId'" in warning for warning in titanic.warnings)
    sunspots = load_dataset(
        real_data / "sunspots/monthly-sunspots.csv", target="Sunspots", task=None
    )
    assert sunspots.X["Month"].iloc[0] == pd.Timestamp("1749-01-01")
