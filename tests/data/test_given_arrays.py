"""Rows that are given in Python, and npz files of them: what they become, and what is refused in which words."""

import numpy as np
import pytest

from neurosim.data import arrays
from neurosim.data.arrays import read_rows, table_of, write_rows
from neurosim.errors import DataError, UsageError
from neurosim.plugin import Table

X = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])
NAMES = ("cat", "dog", "cat", "dog")
COLUMNS = {"length": [1.0, 3.0, 5.0, 7.0], "width": [2, 4, 6, 8], "animal": list(NAMES)}


@pytest.mark.parametrize(
    ("y", "classes", "targets"),
    [
        (NAMES, ("cat", "dog"), [0, 1, 0, 1]),
        (np.array(NAMES, object), ("cat", "dog"), [0, 1, 0, 1]),
        ([True, False, True, True], ("False", "True"), [1, 0, 1, 1]),
        ([10, 9, 10, 9], ("9", "10"), [1, 0, 1, 0]),
        ([1.0, 2.0, 1.0, 2.0], ("1", "2"), [0, 1, 0, 1]),
        ([[0], [1], [1], [0]], ("0", "1"), [0, 1, 1, 0]),
        ([1, 2, 3, 4], (), [[1.0], [2.0], [3.0], [4.0]]),
        ([0.5, 1.0, 0.5, 1.0], (), [[0.5], [1.0], [0.5], [1.0]]),
        ([[1, 0], [0, 1], [1, 0], [0, 1]], (), [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]),
    ],
)
def test_what_targets_are(y, classes, targets):
    table = table_of((X, y))
    assert table.classes == classes
    np.testing.assert_array_equal(table.targets, targets)
    np.testing.assert_array_equal(table.features, X)


def test_the_task_decides():
    assert table_of((X, [1, 1, 2, 2]), task="regression").classes == ()
    assert table_of((X, [1.5, 1.5, 2, 2]), task="classification").classes == ("1.5", "2")


def test_bytes_are_pixels_unless_all_are_0_or_1():
    images = np.arange(4 * 6, dtype=np.uint8).reshape(4, 2, 3)
    assert table_of((images, NAMES)).image_shape == (2, 3)
    assert table_of((images, NAMES)).features.dtype == np.uint8
    assert table_of((images.reshape(4, 6), NAMES)).features.dtype == np.uint8
    assert table_of(((images % 2).reshape(4, 6), NAMES)).features.dtype == np.float64


def same(one, other):
    for name in Table.__dataclass_fields__:
        np.testing.assert_array_equal(np.asarray(getattr(one, name)), np.asarray(getattr(other, name)), err_msg=name)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_tables_keep_their_names(library):
    made = pytest.importorskip(library)
    frame = made.table(COLUMNS) if library == "pyarrow" else made.DataFrame(COLUMNS)
    found = table_of((frame, "animal"))
    same(found, table_of((COLUMNS, "animal")))
    assert (found.feature_names, found.target_names) == (("length", "width"), ("animal",))
    assert found.classes == ("cat", "dog")
    np.testing.assert_array_equal(found.features, X)


def test_a_column_and_the_table_without_it():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(COLUMNS)
    target = frame["animal"].astype("category")
    same(table_of((frame.drop(columns="animal"), target)), table_of((frame, "animal")))
    nullable = frame.convert_dtypes()
    same(table_of((nullable, "animal")), table_of((frame, "animal")))
    nullable.loc[2, "width"] = None
    with pytest.raises(DataError, match=r'1 value is missing, in column "width" \(row 2\)'):
        table_of((nullable, "animal"))


def test_other_rows_are_encoded_as_the_training_rows():
    table = table_of((X, NAMES), validation=(X[:1], ["dog"]), test=(X[:2].astype(int), ["dog", "cat"]))
    np.testing.assert_array_equal(table.validation_targets, [1])
    np.testing.assert_array_equal(table.test_targets, [1, 0])
    np.testing.assert_array_equal(table.test_features, X[:2])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((X,), "data is a tuple of length 1; expected a pair"),
        (X, "data is of type ndarray; expected a pair"),
        ((X, "animal"), 'X has no column "animal"'),
        ((COLUMNS, "anmal"), 'X has no column "anmal"'),
        ((COLUMNS, ["length", "depth"]), 'X has no column "depth"'),
        (
            ({**COLUMNS, "size": np.array(["small", 1, 2, 3], object)}, "animal"),
            "column size holds text and other values",
        ),
        (({"day": np.array(["2026-01-01"] * 4, "M8[D]"), "y": [0, 1, 0, 1]}, "y"), "column day holds dates"),
        ((X[:, 0], NAMES), r"X has shape \(4,\)"),
        ((X.reshape(1, 1, 1, 4, 2), [0]), "expected"),
        ((X * 1j, NAMES), "X holds complex numbers"),
        ([[[1], [2, 3]], [0, 1]], "X is no array"),
        ((X, NAMES[:3]), "4 rows in X and 3 in y"),
        ((X[:0], []), "X has no rows"),
        ((np.where(X == 3, np.nan, X), NAMES), r"1 value is missing, in column 0 \(row 1\)"),
        (
            ({"a": [None, *range(8)], "b": [np.nan] * 9, "y": [0, 1, 0] * 3}, "y"),
            r'10 values are missing, in column "a" \(row 0\), column "b" \(rows 0, 1, 2, 3, 4 and 4 more\)',
        ),
        ((X, ["cat", None, None, "dog"]), "2 rows have no target, the first is row 1"),
        ((X, ["cat"] * 4), 'y is "cat" in every row'),
        ((X, np.zeros((4, 1, 1))), "expected"),
    ],
)
def test_what_is_refused(given, said):
    with pytest.raises((DataError, UsageError), match=said):
        table_of(given)


def test_other_rows_that_do_not_fit():
    with pytest.raises(DataError, match='y of test has the class "cow", which no training row has'):
        table_of((X, NAMES), test=(X[:1], ["cow"]))
    with pytest.raises(DataError, match="X of test has the columns a, b, X of the training rows columns without names"):
        table_of((X, NAMES), test=({"a": [1.0], "b": [2.0]}, ["cat"]))
    with pytest.raises(UsageError, match='task = "regresion"'):
        table_of((X, NAMES), task="regresion")
    with pytest.raises(DataError, match="values to learn have to be numbers") as caught:
        table_of((X, NAMES), task="regression")
    assert caught.value.hint == 'task = "classification" takes it for classes.'
    with pytest.raises(DataError, match="values to learn have to be numbers") as caught:
        table_of((X, np.column_stack([NAMES, NAMES])))
    assert caught.value.hint == "Each of several targets holds values: write 1 for yes and 0 for no."


@pytest.mark.parametrize(
    "table",
    [
        table_of((COLUMNS, "animal"), test=({"length": [1], "width": [2]}, ["dog"])),
        table_of((X, [0.5, 1.5, 2.5, 3.5]), validation=(X[:1], [0.25])),
        table_of((np.arange(24, dtype=np.uint8).reshape(4, 2, 3), NAMES)),
        Table(X, np.arange(4.0)[:, None], weights=np.arange(4.0)),
    ],
    ids=["classes", "values", "images", "weights"],
)
def test_a_file_gives_the_same_table(tmp_path, table):
    (tmp_path / "data.npz").write_bytes(write_rows(table))
    same(read_rows(tmp_path / "data.npz"), table)


def test_many_rows_are_not_packed(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "MOST_PACKED", 1000)
    table = table_of((np.zeros((200, 5)), [0, 1] * 100))
    (tmp_path / "data.npz").write_bytes(write_rows(table))
    assert (tmp_path / "data.npz").stat().st_size > 200 * 5 * 8
    same(read_rows(tmp_path / "data.npz"), table)


def test_a_file_that_numpy_has_written(tmp_path):
    np.savez(tmp_path / "rows.npz", X=X, y=NAMES, X_test=X[:1], y_test=["dog"])
    same(read_rows(tmp_path / "rows.npz"), table_of((X, NAMES), test=(X[:1], ["dog"])))


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({}, "no array named X; there is nothing"),
        ({"X": X, "Y": X}, "no array named y; there are X, Y"),
        ({"X": X, "y": X, "X_test": X}, "no array named y_test"),
        ({"X": X, "y": [0, 1, 0, 1], "classes": [1, 2]}, "classes must be a list of texts"),
        ({"X": X, "y": [0, 1, 0, 1], "image_shape": ["a"]}, "image_shape must be a list of whole numbers"),
        ({"X": X, "y": ["a"] * 3}, "there are 4 rows in X and 3 in y"),
    ],
)
def test_a_file_without_what_is_needed(tmp_path, arrays, said):
    np.savez(tmp_path / "rows.npz", **arrays)
    with pytest.raises(DataError, match=f"rows.npz: {said}"):
        read_rows(tmp_path / "rows.npz")


def test_a_file_that_is_none(tmp_path):
    (tmp_path / "rows.npz").write_text("no archive")
    with pytest.raises(DataError, match="is not a readable npz file"):
        read_rows(tmp_path / "rows.npz")
    # Objects would have to be unpickled.
    np.savez(tmp_path / "rows.npz", X=np.array([{}]), y=[0])
    with pytest.raises(DataError, match="is not a readable npz file"):
        read_rows(tmp_path / "rows.npz")
