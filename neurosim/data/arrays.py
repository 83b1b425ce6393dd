"""Rows that a caller has in Python, and npz files of them."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.data.columns import DROP, PLAIN, REFUSE, Encoding, column_of, column_words
from neurosim.data.frames import (
    Features,
    Given,
    array_of,
    columns_of,
    content_of,
    encoded,
    floats,
    given_features,
    is_numbers,
    label_of,
    learned_inputs,
    missing_in,
)
from neurosim.data.targets import check_one_column, check_task, classes_of, looks_like_values
from neurosim.errors import DataError, UsageError
from neurosim.files.archives import UNREADABLE, archived, read_archive
from neurosim.files.inputs import faults_in
from neurosim.plugin.columns import Column
from neurosim.plugin.function_records import Table
from neurosim.suggestions import listed, named

# File that the rows of a run are kept in.
FILE = "data.npz"
# Bytes; to pack more would take longer than many a training.
MOST_PACKED = 1 << 24
# Fields of a table that are not arrays of rows.
_WORDS = ("classes", "feature_names", "target_names", "image_shape")
# Name in the file -> field of a table.
_STORED = {
    "X": "features",
    "y": "targets",
    "X_validation": "validation_features",
    "y_validation": "validation_targets",
    "X_test": "test_features",
    "y_test": "test_targets",
    **{field.name: field.name for field in fields(Table) if field.name in _WORDS or "weights" in field.name},
}


def table_of(
    data: object,
    validation: object = None,
    test: object = None,
    task: str = "auto",
    how: Encoding = PLAIN,
) -> Table:
    """Rows as they are given in Python, checked and in the form that a data set has.

    Parameters
    ----------
    data : Table, or pair (X, y)
        X: array (rows, features), of images (rows, height, width[, channels]), or a table with named columns (pandas,
        polars, pyarrow, anything that NumPy or Arrow can read). y: one target for each row, or (rows, outputs); names
        of the classes, class indices or values. Of a table y may be the name of one of its columns, or several names.
        A two-dimensional X of bytes is taken for pixels (value / 255), unless all are 0 or 1. Columns of words, and
        those that their library has as categories, become inputs of 0 and 1.
    validation, test : pair (X, y), optional
        Rows to monitor the training, and for the final test.
    task : {"auto", "classification", "regression"}
        What y is. Left to itself, text and truth values are classes, and so are a few different whole numbers.
    how : Encoding
        How columns become inputs, and what is done about missing values.

    Raises
    ------
    UsageError
        When it is none of these.
    DataError
        For columns that can be no features, missing values, and classes or categories that the training rows do not
        have.
    """
    check_task(task)
    if isinstance(data, Table):
        if validation is not None or test is not None:
            raise UsageError("a Table has its own validation and test rows", "Give data=(X, y) with them.")
        return data
    given, labels, target_names, left_out = _rows("", *_pair("data", data), how)
    features = encoded(given, how)
    classes, y = _encoded(labels, task)
    apart: dict[str, Any] = {}
    for part, rows in (("validation", validation), ("test", test)):
        if rows is None:
            continue
        more, more_labels, _, dropped = _rows(f" of {part}", *_pair(part, rows), how)
        left_out += dropped
        apart[f"{part}_features"] = _as_learned(more, given, features)
        apart[f"{part}_targets"] = _as_trained(f"y of {part}", more_labels, classes, y)
    return Table(
        features.values,
        y,
        classes,
        feature_names=features.names,
        image_shape=features.image_shape,
        target_names=target_names,
        columns=features.columns,
        left_out=left_out,
        **apart,
    )


def _rows(part: str, X: object, y: object, how: Encoding) -> tuple[Given, NDArray[Any], tuple[str, ...], int]:
    """Features, targets and the names of these, without the rows that are to be left out, and how many these are."""
    given = given_features(f"X{part}", X, how)
    labels, names = _targets(f"y{part}", y, len(given))
    missing = missing_in(labels) if labels.ndim == 1 else missing_in(labels).any(axis=1)
    if how.missing == DROP:
        kept = given.complete & ~missing
        if not kept.any():
            raise DataError(f"X{part}: in every row a value is missing", "Leave out the columns that have few values.")
        return given.some(kept), labels[kept], names, int((~kept).sum())
    if missing.any():
        count = "1 row has" if missing.sum() == 1 else f"{missing.sum():,} rows have"
        raise DataError(
            f"y{part}: {count} no target, the first is row {int(missing.argmax())}",
            f'Leave such rows out; data.missing = "{DROP}" does so.',
        )
    return given, labels, names, 0


def _as_learned(more: Given, given: Given, features: Features) -> NDArray[Any]:
    """Features of other rows, encoded as those of the training rows."""
    if list(more.columns) != list(given.columns):
        raise DataError(
            f"{more.what} has {_named_columns(more)}, X of the training rows {_named_columns(given)}",
            "Give both with the same columns, in the same order.",
        )
    if features.columns:
        return learned_inputs(more.columns, features.columns, more.what)
    own = encoded(more, PLAIN)
    if own.columns:
        words = next(column.name for column in own.columns if column.categories)
        raise DataError(f'{more.what}: column "{named(words)}" holds text; in the training rows it holds numbers')
    # Only pixels are bytes.
    kind = np.uint8 if features.values.dtype == np.uint8 else np.float64
    return own.values.astype(kind)


def write_rows(table: Table) -> bytes:
    """A table as the content of an npz file, which `read_rows` reads."""
    found = {name: getattr(table, field) for name, field in _STORED.items()}
    found["columns"] = [json.dumps(column_words(column)) for column in table.columns]
    arrays = {name: np.asarray(value) for name, value in found.items() if value is not None and len(value)}
    if table.left_out:
        arrays["left_out"] = np.asarray(table.left_out)
    return archived(arrays, packed=sum(array.nbytes for array in arrays.values()) <= MOST_PACKED)


def read_rows(path: Path, task: str = "auto", how: Encoding = PLAIN) -> Table:
    """The table in an npz file with ``X`` and ``y``, and what else there is of: ``X_validation``, ``y_validation``,
    ``X_test``, ``y_test``, ``weights``, ``classes``, ``feature_names``, ``target_names``, ``image_shape``, ``columns``.

    Without ``classes`` and ``columns``, X and y are taken as `table_of` takes them.

    Raises
    ------
    DataError
        When the file is missing or damaged, or has not these arrays.
    UsageError
        For an encoding of what is encoded already, and where rows with weights are to be left out.
    """
    try:
        found = read_archive(path)
    except UNREADABLE as error:
        raise DataError(
            f"{path} is not a readable npz file: {error}", 'numpy.savez("data.npz", X=X, y=y) writes one.'
        ) from error
    pairs = [(f"X{part}", f"y{part}") for part in ("", "_validation", "_test")]
    missing = [
        name for pair in pairs for name in pair if name not in found and (pair == ("X", "y") or {*pair} & found.keys())
    ]
    if missing:
        there = f"there are {listed(sorted(found))}" if found else "there is nothing"
        raise DataError(f"{path}: no array named {missing[0]}; {there}", 'Write  numpy.savez("data.npz", X=X, y=y)')
    words: dict[str, Any] = {name: _words(path, name, found[name]) for name in _WORDS if name in found}
    arrays: dict[str, Any] = {
        field: found[name] for name, field in _STORED.items() if name in found and name not in _WORDS
    }
    columns = _columns(path, found["columns"]) if "columns" in found else ()
    left_out = _count(path, found["left_out"]) if "left_out" in found else 0
    if columns or words.get("classes"):
        if not columns and (how.named or (how.missing != REFUSE and missing_in(found["X"]).any())):
            raise UsageError(
                f"missing, categorical and indices: {path} has an array named classes, so its X is what a network gets",
                "Leave these options out, or give y as it is, without classes.",
            )
        return Table(**{**arrays, **words}, columns=columns, left_out=left_out)
    apart = {part: (found[f"X_{part}"], found[f"y_{part}"]) for part in ("validation", "test") if f"X_{part}" in found}
    with faults_in(path):
        table = table_of((found["X"], found["y"]), apart.get("validation"), apart.get("test"), task, how)
    weights: dict[str, Any] = {name: array for name, array in arrays.items() if "weights" in name}
    if weights and len(table.targets) < len(found["y"]):
        raise UsageError(f'missing = "{DROP}": the rows of {path} have weights', "Leave out these rows yourself.")
    return replace(table, **words, **weights, left_out=left_out or table.left_out)


def _count(path: Path, array: NDArray[Any]) -> int:
    if array.shape or array.dtype.kind not in "iu" or array < 0:
        raise DataError(f"{path}: left_out must be a whole number, not {array.dtype} {array.shape}")
    return int(array)


def _columns(path: Path, array: NDArray[Any]) -> tuple[Column, ...]:
    try:
        return tuple(column_of(json.loads(text)) for text in _words(path, "columns", array))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: columns: {error}", "Leave them out: X is then taken as it is.") from error


def _words(path: Path, name: str, array: NDArray[Any]) -> tuple[Any, ...]:
    kind, content = ("iu", "whole numbers") if name == "image_shape" else ("U", "texts")
    if array.ndim != 1 or array.dtype.kind not in kind:
        raise DataError(f"{path}: {name} must be a list of {content}, not {array.dtype} {array.shape}")
    return tuple(array.tolist())


def _named_columns(given: Given) -> str:
    return f"the columns {listed(given.columns)}" if given.columns else "columns without names"


def _pair(part: str, given: object) -> tuple[Any, Any]:
    if not isinstance(given, tuple | list) or len(given) != 2:
        length = f"a {type(given).__name__} of length {len(given)}" if isinstance(given, tuple | list) else ""
        raise UsageError(
            f"{part} is {length or f'of type {type(given).__name__}'}; expected a pair (X, y)",
            f"{part}=(X, y) with arrays, or {part}=(frame, 'column') with a table and the name of its target.",
        )
    features, targets = given
    names = [targets] if isinstance(targets, str) else targets
    if not isinstance(names, list | tuple) or not names or not all(isinstance(name, str) for name in names):
        return features, targets
    columns = columns_of(features) or {}
    unknown = [name for name in names if name not in columns]
    if not unknown:
        kept = {name: column for name, column in columns.items() if name not in names}
        return kept, {name: columns[name] for name in names}
    if isinstance(targets, str) or len(unknown) < len(names):
        there = f"Columns: {listed(columns)}." if columns else "It has no named columns: give y as an array."
        raise UsageError(f'{part}: X has no column "{named(unknown[0])}"', there)
    return features, targets


def _targets(what: str, given: object, rows: int) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The targets, (rows,) or (rows, outputs), and their names."""
    columns = columns_of(given)
    names: tuple[str, ...] = ()
    if columns is not None:
        names = tuple(columns)
        values = np.column_stack([array_of(name, column) for name, column in columns.items()])
    else:
        values = array_of(what, given)
        name = getattr(given, "name", None)
        names = (name,) if isinstance(name, str) and name else ()
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim not in (1, 2):
        raise DataError(f"{what} has shape {values.shape}; expected (rows,) or (rows, outputs)")
    if len(values) != rows:
        raise DataError(f"there are {rows} rows in X and {len(values)} in {what}")
    return values, names


def _labels(values: NDArray[Any]) -> list[str]:
    """Targets as the names of classes."""
    return [label_of(value) for value in values.tolist()]


def _encoded(values: NDArray[Any], task: str) -> tuple[tuple[str, ...], NDArray[Any]]:
    """Names of the classes and their indices; no names and values where the targets are values."""
    check_one_column(task, values.shape[1] if values.ndim == 2 else 1)
    numbers = is_numbers(values) and values.dtype.kind != "b"
    if task == "regression" or values.ndim == 2 or (task == "auto" and numbers and _are_values(values)):
        if not is_numbers(values):
            several = "Each of several targets holds values: write 1 for yes and 0 for no."
            raise DataError(
                f"y holds {content_of(values)}; values to learn have to be numbers",
                several if values.ndim == 2 else 'task = "classification" takes it for classes.',
            )
        return (), floats(values).reshape(len(values), -1)
    classes, indices = classes_of(_labels(values))
    if len(classes) < 2:
        raise DataError(f'y is "{classes[0]}" in every row', "Classification needs two classes or more.")
    return classes, indices


def _are_values(values: NDArray[Any]) -> bool:
    return (values.dtype.kind == "f" and bool((values % 1 != 0).any())) or looks_like_values(_labels(values))


def _as_trained(what: str, values: NDArray[Any], classes: tuple[str, ...], train: NDArray[Any]) -> NDArray[Any]:
    """Targets of other rows, encoded as those of the training rows."""
    if not classes:
        if not is_numbers(values):
            raise DataError(f"{what} holds {content_of(values)}; those of the training rows are numbers")
        return floats(values).reshape(len(values), -1)
    place = {name: index for index, name in enumerate(classes)}
    labels = _labels(values)
    strange = sorted({label for label in labels if label not in place})
    if strange:
        raise DataError(
            f'{what} has the class "{named(strange[0])}", which no training row has',
            f"Classes: {listed(list(classes))}.",
        )
    return np.array([place[label] for label in labels], dtype=train.dtype)
