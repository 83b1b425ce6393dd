"""Rows that a caller has in Python: arrays, and tables of pandas, polars or pyarrow, none of which is needed here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.data.targets import check_one_column, check_task, classes_of, looks_like_values
from neurosim.errors import DataError, UsageError
from neurosim.files.archives import UNREADABLE, archived, read_archive
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


@dataclass(frozen=True)
class _Features:
    values: NDArray[Any]
    names: tuple[str, ...]
    image_shape: tuple[int, ...]


def table_of(data: object, validation: object = None, test: object = None, task: str = "auto") -> Table:
    """Rows as they are given in Python, checked and in the form that a data set has.

    Parameters
    ----------
    data : Table, or pair (X, y)
        X: array (rows, features), of images (rows, height, width[, channels]), or a table with named columns (pandas,
        polars, pyarrow, anything that NumPy or Arrow can read). y: one target for each row, or (rows, outputs); names
        of the classes, class indices or values. Of a table y may be the name of one of its columns, or several names.
        A two-dimensional X of bytes is taken for pixels (value / 255), unless all are 0 or 1.
    validation, test : pair (X, y), optional
        Rows to monitor the training, and for the final test.
    task : {"auto", "classification", "regression"}
        What y is. Left to itself, text and truth values are classes, and so are a few different whole numbers.

    Raises
    ------
    UsageError
        When it is none of these.
    DataError
        For columns that hold no numbers, missing values, and classes that the training rows do not have.
    """
    check_task(task)
    if isinstance(data, Table):
        if validation is not None or test is not None:
            raise UsageError("a Table has its own validation and test rows", "Give data=(X, y) with them.")
        return data
    features, targets = _pair("data", data)
    given = _features("X", features)
    labels, target_names = _targets("y", targets, len(given.values))
    classes, y = _encoded(labels, task)
    apart: dict[str, Any] = {}
    for part, rows in (("validation", validation), ("test", test)):
        if rows is None:
            continue
        more, more_targets = _pair(part, rows)
        own = _features(f"X of {part}", more)
        if own.names != given.names:
            raise DataError(
                f"X of {part} has {_named_columns(own)}, X of the training rows {_named_columns(given)}",
                "Give both with the same columns, in the same order.",
            )
        more_labels, _ = _targets(f"y of {part}", more_targets, len(own.values))
        # Only pixels are bytes.
        kind = np.uint8 if given.values.dtype == np.uint8 else np.float64
        apart[f"{part}_features"] = own.values.astype(kind)
        apart[f"{part}_targets"] = _as_trained(f"y of {part}", more_labels, classes, y)
    return Table(
        given.values,
        y,
        classes,
        feature_names=given.names,
        image_shape=given.image_shape,
        target_names=target_names,
        **apart,
    )


def write_rows(table: Table) -> bytes:
    """A table as the content of an npz file, which `read_rows` reads."""
    found = {name: getattr(table, field) for name, field in _STORED.items()}
    arrays = {name: np.asarray(value) for name, value in found.items() if value is not None and len(value)}
    return archived(arrays, packed=sum(array.nbytes for array in arrays.values()) <= MOST_PACKED)


def read_rows(path: Path, task: str = "auto") -> Table:
    """The table in an npz file with ``X`` and ``y``, and what else there is of: ``X_validation``, ``y_validation``,
    ``X_test``, ``y_test``, ``weights``, ``classes``, ``feature_names``, ``target_names``, ``image_shape``.

    Without ``classes``, ``y`` is taken as `table_of` takes it.

    Raises
    ------
    DataError
        When the file is missing or damaged, or has not these arrays.
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
    if words.get("classes"):
        return Table(**{**arrays, **words})
    apart = {part: (found[f"X_{part}"], found[f"y_{part}"]) for part in ("validation", "test") if f"X_{part}" in found}
    try:
        table = table_of((found["X"], found["y"]), apart.get("validation"), apart.get("test"), task)
    except DataError as error:
        raise DataError(f"{path}: {error.message}", error.hint) from error
    weights: dict[str, Any] = {name: array for name, array in arrays.items() if "weights" in name}
    return replace(table, **words, **weights)


def _words(path: Path, name: str, array: NDArray[Any]) -> tuple[Any, ...]:
    kind, content = ("iu", "whole numbers") if name == "image_shape" else ("U", "texts")
    if array.ndim != 1 or array.dtype.kind not in kind:
        raise DataError(f"{path}: {name} must be a list of {content}, not {array.dtype} {array.shape}")
    return tuple(array.tolist())


def _named_columns(features: _Features) -> str:
    return f"the columns {listed(features.names)}" if features.names else "columns without names"


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


def columns_of(given: object) -> dict[str, Any] | None:
    """The columns of a table by name; None for what has no named columns."""
    if isinstance(given, dict):
        return {str(name): column for name, column in given.items()}
    if hasattr(given, "__arrow_c_stream__") and not hasattr(given, "__getitem__"):
        given = _by_arrow(given)
    names = getattr(given, "column_names", None) or getattr(given, "columns", None)
    if names is None or isinstance(given, np.ndarray) or not hasattr(given, "__getitem__"):
        return None
    listed_names = list(names) if all(isinstance(name, str) for name in names) else [str(name) for name in names]
    if len(set(listed_names)) < len(listed_names):
        twice = next(name for name in listed_names if listed_names.count(name) > 1)
        raise DataError(f'two columns are named "{named(twice)}"', "Give each column a name of its own.")
    frame: Any = given
    return {shown: frame[name] for shown, name in zip(listed_names, names, strict=True)}


def _by_arrow(given: object) -> Any:
    try:
        import pyarrow as pa
    except ImportError as error:
        raise UsageError(
            f"a {type(given).__name__} is read by pyarrow, which is not installed",
            "pip install pyarrow, or give NumPy arrays.",
        ) from error
    return pa.table(given)


def _features(what: str, given: object) -> _Features:
    columns = columns_of(given)
    if columns is None:
        return _array_features(what, _array(what, given))
    if not columns:
        raise DataError(f"{what} has no columns")
    arrays = {name: _array(name, column) for name, column in columns.items()}
    useless = [name for name, values in arrays.items() if not _is_numbers(values)]
    if useless:
        one = len(useless) == 1
        raise DataError(
            f"{what}: column{'' if one else 's'} {listed(useless)} "
            f"{'holds' if one else 'hold'} {_content(arrays[useless[0]])}; features have to be numbers",
            "Leave such columns out, or write each value as a number; 0 for no and 1 for yes.",
        )
    values = np.column_stack([_floats(array) for array in arrays.values()])
    _refuse_missing(what, values, list(arrays))
    return _Features(values, tuple(arrays), ())


def _array(what: str, given: object) -> NDArray[Any]:
    try:
        return np.asarray(given)
    except (TypeError, ValueError) as error:
        raise DataError(f"{what} is no array: {error}", "Each row needs as many numbers as every other.") from error


def _array_features(what: str, values: NDArray[Any]) -> _Features:
    if values.ndim < 2:
        hint = "One feature: X.reshape(-1, 1)." if values.ndim else ""
        raise DataError(f"{what} has shape {values.shape}; expected (rows, features)", hint)
    if not len(values):
        raise DataError(f"{what} has no rows")
    if values.ndim > 4:
        raise DataError(
            f"{what} has shape {values.shape}; expected (rows, features) or (rows, height, width, channels)"
        )
    if not _is_numbers(values):
        raise DataError(f"{what} holds {_content(values)}; features have to be numbers")
    image_shape = values.shape[1:] if values.ndim > 2 else ()
    flat = values.reshape(len(values), -1)
    if flat.dtype == np.uint8 and (image_shape or (flat > 1).any()):
        return _Features(np.ascontiguousarray(flat), (), image_shape)
    flat = _floats(flat)
    _refuse_missing(what, flat, [])
    return _Features(flat, (), image_shape)


def _floats(values: NDArray[Any]) -> NDArray[np.float64]:
    return values.astype(np.float64)


def _refuse_missing(what: str, values: NDArray[Any], names: Sequence[str]) -> None:
    missing = np.argwhere(np.isnan(values))
    if not len(missing):
        return
    row, column = missing[0]
    where = f'column "{named(names[column])}"' if names else f"column {column}"
    count = "1 value is" if len(missing) == 1 else f"{len(missing):,} values are"
    raise DataError(
        f"{what}: {count} missing, the first in row {row}, {where}",
        "Leave such rows out, or put numbers in their places, such as the mean of the column.",
    )


def _is_numbers(values: NDArray[Any]) -> bool:
    if values.dtype == object:
        # Of tables whose columns have a kind of their own for missing values.
        return all(
            value is None or isinstance(value, bool | int | float | np.number | np.bool_) for value in values.flat
        )
    return values.dtype.kind in "biuf"


def _content(values: NDArray[Any]) -> str:
    kinds = {"U": "text", "S": "text", "T": "text", "M": "dates", "m": "times", "c": "complex numbers"}
    if values.dtype == object and any(isinstance(value, str) for value in values.flat):
        return "text"
    return kinds.get(values.dtype.kind, f"values of type {values.dtype}")


def _targets(what: str, given: object, rows: int) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The targets, (rows,) or (rows, outputs), and their names."""
    columns = columns_of(given)
    names: tuple[str, ...] = ()
    if columns is not None:
        names = tuple(columns)
        values = np.column_stack([_array(name, column) for name, column in columns.items()])
    else:
        values = _array(what, given)
        name = getattr(given, "name", None)
        names = (name,) if isinstance(name, str) and name else ()
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim not in (1, 2):
        raise DataError(f"{what} has shape {values.shape}; expected (rows,) or (rows, outputs)")
    if len(values) != rows:
        raise DataError(f"there are {rows} rows in X and {len(values)} in {what}")
    missing = [row for row, value in enumerate(values.tolist()) if value is None or value != value]
    if missing:
        count = "1 row has" if len(missing) == 1 else f"{len(missing):,} rows have"
        raise DataError(f"{what}: {count} no target, the first is row {missing[0]}", "Leave such rows out.")
    return values, names


def _labels(values: NDArray[Any]) -> list[str]:
    """Targets as the names of classes."""
    return [f"{value:.17g}" if isinstance(value, float) else str(value) for value in values.tolist()]


def _encoded(values: NDArray[Any], task: str) -> tuple[tuple[str, ...], NDArray[Any]]:
    """Names of the classes and their indices; no names and values where the targets are values."""
    check_one_column(task, values.shape[1] if values.ndim == 2 else 1)
    numbers = _is_numbers(values) and values.dtype.kind != "b"
    if task == "regression" or values.ndim == 2 or (task == "auto" and numbers and _are_values(values)):
        if not _is_numbers(values):
            raise DataError(f"y holds {_content(values)}; values to learn have to be numbers")
        return (), _floats(values).reshape(len(values), -1)
    classes, indices = classes_of(_labels(values))
    if len(classes) < 2:
        raise DataError(f'y is "{classes[0]}" in every row', "Classification needs two classes or more.")
    return classes, indices


def _are_values(values: NDArray[Any]) -> bool:
    return (values.dtype.kind == "f" and bool((values % 1 != 0).any())) or looks_like_values(_labels(values))


def _as_trained(what: str, values: NDArray[Any], classes: tuple[str, ...], train: NDArray[Any]) -> NDArray[Any]:
    """Targets of other rows, encoded as those of the training rows."""
    if not classes:
        if not _is_numbers(values):
            raise DataError(f"{what} holds {_content(values)}; those of the training rows are numbers")
        return _floats(values).reshape(len(values), -1)
    place = {name: index for index, name in enumerate(classes)}
    labels = _labels(values)
    strange = sorted({label for label in labels if label not in place})
    if strange:
        raise DataError(
            f'{what} has the class "{named(strange[0])}", which no training row has',
            f"Classes: {listed(list(classes))}.",
        )
    return np.array([place[label] for label in labels], dtype=train.dtype)
