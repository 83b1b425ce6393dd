"""Features that are given in Python: arrays, and tables with named columns, by whichever library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.data.columns import (
    DROP,
    MEAN,
    WITHOUT_DATES,
    Encoding,
    as_recorded,
    assembled,
    categories_of,
    filled,
    learned_indices,
)
from neurosim.errors import DataError, UsageError
from neurosim.plugin.columns import Column, input_names
from neurosim.suggestions import listed, named

# What libraries call a missing value, besides None and nan.
_MISSING = ("NAType", "NaTType")
# Columns and rows that a message names.
MOST_COLUMNS, MOST_ROWS = 5, 5
INSTEAD = f'Leave such rows out, or say what to do about them: data.missing = "{DROP}", or "{MEAN}" for numbers.'
_CATEGORIES = ("category", "dictionary", "Categorical", "Enum")


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


@dataclass(frozen=True)
class Given:
    """Features as they are given.

    Attributes
    ----------
    what : str
        What a message calls them.
    columns : dict of str to array
        Those of a table, each (rows,); empty of an array.
    array : array (rows, ...) or None
        Of what is no table.
    categorical : set of str
        Columns that their library has as categories, whatever is in them.
    """

    what: str
    columns: dict[str, NDArray[Any]]
    array: NDArray[Any] | None = None
    categorical: frozenset[str] = field(default_factory=frozenset)

    def __len__(self) -> int:
        return len(self.array if self.array is not None else next(iter(self.columns.values())))

    @property
    def complete(self) -> NDArray[np.bool_]:
        """In which rows no value is missing."""
        if self.array is not None:
            return np.logical_not(missing_in(self.array.reshape(len(self), -1)).any(axis=1))
        complete = np.ones(len(self), bool)
        for column in self.columns.values():
            complete &= ~missing_in(column)
        return complete

    def some(self, kept: NDArray[np.bool_]) -> Given:
        """Some of the rows."""
        columns = {name: column[kept] for name, column in self.columns.items()}
        return Given(self.what, columns, None if self.array is None else self.array[kept], self.categorical)


@dataclass(frozen=True)
class Features:
    """Features as a table has them: see `neurosim.plugin.Table`."""

    values: NDArray[Any]
    names: tuple[str, ...] = ()
    image_shape: tuple[int, ...] = ()
    columns: tuple[Column, ...] = ()


def given_features(what: str, given: object, how: Encoding) -> Given:
    """Features in the form of arrays; raises DataError for what is none."""
    columns = columns_of(given)
    if columns is not None:
        if not columns:
            raise DataError(f"{what} has no columns")
        known = frozenset(name for name, column in columns.items() if _is_categorical(column))
        return Given(what, {name: array_of(name, column) for name, column in columns.items()}, None, known)
    values = array_of(what, given)
    if values.ndim < 2:
        hint = "One feature: X.reshape(-1, 1)." if values.ndim else ""
        raise DataError(f"{what} has shape {values.shape}; expected (rows, features)", hint)
    if not len(values):
        raise DataError(f"{what} has no rows")
    if values.ndim > 4:
        raise DataError(
            f"{what} has shape {values.shape}; expected (rows, features) or (rows, height, width, channels)"
        )
    of_words = values.dtype == object and not is_numbers(values)
    # Of bytes none is missing.
    fills = how.missing == MEAN and values.dtype != np.uint8
    if values.ndim == 2 and (of_words or how.named or fills):
        return Given(what, by_number(values))
    return Given(what, {}, values)


def by_number(values: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """The columns of an array, by the names that they have in messages."""
    return {f"column {place}": values[:, place] for place in range(values.shape[1])}


def encoded(given: Given, how: Encoding) -> Features:
    """Features as a network learns them, words as categories.

    Raises
    ------
    UsageError
        For columns that `how` names and that are not there.
    DataError
        For what can be no feature, such as dates, and for missing values, unless the mean takes their places.
    """
    if given.array is not None:
        how.check(())
        return _of_array(given.what, given.array)
    how.check(list(given.columns))
    parts: list[tuple[Column, NDArray[Any]]] = []
    useless: list[str] = []
    lacking: dict[str, NDArray[np.bool_]] = {}
    for name, values in given.columns.items():
        asked = name in how.named or name in given.categorical
        if asked or _is_text(values):
            categories, indices = categories_of(name, labels_of(values), len(values), asked=asked)
            lacking[f'column "{named(name)}"'] = indices < 0
            parts.append((how.column(name, categories), indices))
        elif is_numbers(values):
            numbers = floats(values)
            if how.missing != MEAN:
                lacking[f'column "{named(name)}"'] = np.isnan(numbers)
            parts.append((how.column(name), numbers))
        else:
            useless.append(name)
    if useless:
        one, content = len(useless) == 1, content_of(given.columns[useless[0]])
        raise DataError(
            f"{given.what}: column{'' if one else 's'} {listed(useless)} {'holds' if one else 'hold'} {content}; "
            "features have to be numbers, or words that are categories",
            WITHOUT_DATES if content == "dates" else "Leave such columns out, or name them in data.categorical.",
        )
    _refuse_missing(given.what, lacking, f"{INSTEAD}{' Words have no mean.' if how.missing == MEAN else ''}")
    return Features(assembled(parts), input_names([column for column, _ in parts]), (), as_recorded(parts))


def learned_inputs(columns: Mapping[str, Any], learned: Sequence[Column], what: str = "X") -> NDArray[np.float64]:
    """The inputs (rows, inputs) of columns that a network has learned from, nan where the mean belongs.

    Raises
    ------
    DataError
        For columns that hold something else, missing values that no mean replaces, and unknown categories.
    """
    parts: list[tuple[Column, NDArray[Any]]] = []
    for column in learned:
        values = array_of(column.name, columns[column.name])
        where = partial(_where, what, column.name)
        if column.categories:
            parts.append((column, learned_indices(column, labels_of(values), where)))
            continue
        numbers = learned_numbers(column.name, values, what)
        if not column.fills:
            hint = 'Leave such rows out; a network trained with data.missing = "mean" takes them.'
            _refuse_missing(what, {f'column "{named(column.name)}"': np.isnan(numbers)}, hint)
        parts.append((column, numbers))
    return assembled(parts)


def learned_numbers(name: str, values: NDArray[Any], what: str = "X") -> NDArray[np.float64]:
    """A column that a network learned as numbers, nan where one is missing; raises DataError for what are none."""
    try:
        return floats(values)
    except (TypeError, ValueError) as error:
        raise DataError(
            f'{what}: column "{named(name)}" holds {content_of(values)}; the network learned it as numbers'
        ) from error


def by_place(given: object, learned: Sequence[Column]) -> NDArray[np.float64]:
    """The inputs of rows without names: a value for each column that a network learned from, or for each input.

    Raises
    ------
    DataError
        As `learned_inputs`, and for rows of another length.
    """
    # A list of words and numbers would become words only.
    rows = array_of("X", given if hasattr(given, "__array__") else np.asarray(given, object))
    inputs = input_names(learned)
    if rows.ndim == 2 and rows.shape[1] == len(learned):
        values = learned_inputs(dict(zip([c.name for c in learned], rows.T, strict=True)), learned)
        return filled(learned, values)
    if rows.ndim == 2 and rows.shape[1] == len(inputs) and is_numbers(rows):
        return filled(learned, floats(rows))
    raise DataError(
        f"X has shape {rows.shape}; the network learned from {len(learned)} columns, which become {len(inputs)} inputs",
        f"Columns: {listed(column.name for column in learned)}.",
    )


def _where(what: str, name: str, row: int) -> str:
    return f'{what}: row {row}, column "{named(name)}"'


def array_of(what: str, given: object) -> NDArray[Any]:
    """An array, of whatever can become one; raises DataError for what cannot."""
    if str(getattr(given, "type", "")).startswith("dictionary"):
        # As an array, pyarrow's categories have another one of them where a value is missing.
        column: Any = given
        given = column.cast(column.type.value_type)
    try:
        return np.asarray(given)
    except (TypeError, ValueError) as error:
        raise DataError(f"{what} is no array: {error}", "Each row needs as many numbers as every other.") from error


def _of_array(what: str, values: NDArray[Any]) -> Features:
    if not is_numbers(values):
        hint = "Columns of words become inputs in a table with named columns, such as a dict of lists."
        raise DataError(f"{what} holds {content_of(values)}; features have to be numbers", hint)
    image_shape = values.shape[1:] if values.ndim > 2 else ()
    flat = values.reshape(len(values), -1)
    if flat.dtype == np.uint8 and (image_shape or (flat > 1).any()):
        return Features(np.ascontiguousarray(flat), (), image_shape)
    flat = floats(flat)
    missing = np.isnan(flat)
    _refuse_missing(
        what, {f"column {place}": missing[:, place] for place in np.flatnonzero(missing.any(axis=0))}, INSTEAD
    )
    return Features(flat, (), image_shape)


def _refuse_missing(what: str, lacking: Mapping[str, NDArray[np.bool_]], hint: str) -> None:
    """Raise DataError where values are missing, with how many there are and in which rows, by column."""
    found = {name: np.flatnonzero(missing).tolist() for name, missing in lacking.items()}
    places = [f"{name} ({_rows(rows)})" for name, rows in found.items() if rows]
    if not places:
        return
    count = sum(map(len, found.values()))
    more = f" and {len(places) - MOST_COLUMNS:,} columns more" if len(places) > MOST_COLUMNS else ""
    missing = "1 value is missing" if count == 1 else f"{count:,} values are missing"
    raise DataError(f"{what}: {missing}, in {', '.join(places[:MOST_COLUMNS])}{more}", hint)


def _rows(rows: Sequence[int]) -> str:
    shown = ", ".join(map(str, rows[:MOST_ROWS]))
    more = f" and {len(rows) - MOST_ROWS:,} more" if len(rows) > MOST_ROWS else ""
    return f"row{'s' * (len(rows) > 1)} {shown}{more}"


def floats(values: NDArray[Any]) -> NDArray[np.float64]:
    """Numbers as float64, nan where one is missing."""
    if values.dtype == object:
        values = np.where(missing_in(values), np.nan, values)
    return values.astype(np.float64)


def missing_in(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a value is missing."""
    if values.dtype.kind == "f":
        return np.asarray(np.isnan(values))
    if values.dtype.kind in "UT":
        return np.asarray(values == "")
    if values.dtype != object:
        return np.zeros(values.shape, bool)
    flat = [is_missing(value) for value in values.flat]
    return np.array(flat, bool).reshape(values.shape)


def is_missing(value: object) -> bool:
    """Whether it stands for a value that is missing."""
    return (
        value is None
        or (isinstance(value, float) and value != value)
        or (isinstance(value, str) and not value)
        or type(value).__name__ in _MISSING
    )


def labels_of(values: NDArray[Any]) -> list[str | None]:
    """Values as the names of classes or categories; None where one is missing."""
    return [None if is_missing(value) else label_of(value) for value in values.tolist()]


def label_of(value: object) -> str:
    """A value as the name of a class or a category."""
    return f"{value:.17g}" if isinstance(value, float) else str(value)


def is_numbers(values: NDArray[Any]) -> bool:
    """Whether all of it are numbers, or missing."""
    if values.dtype == object:
        # Of tables whose columns have a kind of their own for missing values.
        plain = (bool, int, float, np.number, np.bool_)
        return all(
            isinstance(value, plain) or (is_missing(value) and not isinstance(value, str)) for value in values.flat
        )
    return values.dtype.kind in "biuf"


def _is_text(values: NDArray[Any]) -> bool:
    """Whether all of it are texts, or missing; some are there."""
    if values.dtype == object:
        there = [value for value in values.flat if not is_missing(value)]
        return bool(there) and all(isinstance(value, str) for value in there)
    return values.dtype.kind in "UT"


def _is_categorical(column: object) -> bool:
    """Whether a column of pandas, polars or pyarrow is of categories."""
    kind = getattr(column, "dtype", getattr(column, "type", None))
    return str(kind).startswith(_CATEGORIES)


def content_of(values: NDArray[Any]) -> str:
    """What an array holds that are no numbers."""
    kinds = {"U": "text", "S": "text", "T": "text", "M": "dates", "m": "times", "c": "complex numbers"}
    if values.dtype == object and any(isinstance(value, str) for value in values.flat):
        return "text" if _is_text(values) else "text and other values"
    if values.dtype == object and any(hasattr(value, "year") for value in values.flat):
        return "dates"
    return kinds.get(values.dtype.kind, f"values of type {values.dtype}")
