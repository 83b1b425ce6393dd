"""Columns of words and columns with missing values: how they become numbers, when training and ever after."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.data.targets import MOST_AUTO_CLASSES, exact_number, in_order
from neurosim.errors import DataError, UsageError
from neurosim.plugin.columns import Column, input_names
from neurosim.suggestions import did_you_mean, listed, named, unknown

REFUSE, MEAN, DROP = MISSING = ("refuse", "mean", "drop")
# Different values of a column, and inputs of all rows together: what a file has of each is limited, too.
MOST_CATEGORIES = 1 << 16
MOST_NUMBERS = 1 << 26
_MONTH = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_DATE = re.compile(
    r"\d{4}[-/.]\d\d?[-/.]\d\d?([T ].*)?|\d\d?[-/.]\d\d?[-/.]\d{2,4}([T ].*)?|\d\d?:\d\d(:\d\d(\.\d*)?)?( ?[ap]m)?"
    rf"|\d\d?[. -]+({_MONTH})[a-z]*[., -]+\d{{2,4}}|({_MONTH})[a-z]*[. ]+\d\d?,? +\d{{4}}",
    re.ASCII | re.IGNORECASE,
)
WITHOUT_DATES = (
    "A network needs numbers: write the year, the month or the days since a first day into columns of their own, or "
    "leave the column out."
)


@dataclass(frozen=True)
class Encoding:
    """How the columns of a table become inputs, as a scenario's ``[data]`` has it.

    Parameters
    ----------
    categorical : sequence of str
        Columns of numbers that are categories, such as postal codes. Columns of words are so anyway.
    indices : sequence of str
        Columns of categories that become one input, the index, instead of one for each category.
    missing : "refuse", "mean" or "drop"
        What is done about missing values.
    """

    categorical: Sequence[str] = ()
    indices: Sequence[str] = ()
    missing: str = REFUSE

    def __post_init__(self) -> None:
        for option in ("categorical", "indices"):
            object.__setattr__(self, option, tuple(getattr(self, option)))
        if self.missing not in MISSING:
            expected = ", ".join(MISSING)
            raise UsageError(
                f'missing = "{self.missing}": expected one of {expected}', did_you_mean(self.missing, MISSING)
            )

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that it names."""
        return tuple(dict.fromkeys([*self.categorical, *self.indices]))

    def check(self, features: Sequence[str]) -> None:
        """Raise UsageError unless all columns that it names are features."""
        for option in ("categorical", "indices"):
            for name in getattr(self, option):
                if name not in features:
                    fault, hint = unknown("feature", str(name), features)
                    raise UsageError(f"{option} = {list(getattr(self, option))}: {fault}", hint)

    def column(self, name: str, categories: Sequence[str] = ()) -> Column:
        """The record of a column with these categories, or of numbers."""
        return Column(name, tuple(categories), name in self.indices, not categories and self.missing == MEAN)


# Words become one-hot, and missing values are refused.
PLAIN = Encoding()


def categories_of(
    name: str, labels: Iterable[str | None], rows: int, *, asked: bool
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The categories of a column, in order, and the index of each row's; -1 where the label is None.

    Raises
    ------
    DataError
        For dates, and for labels that are nearly all different, unless the column was asked for; for too many.
    """
    places: dict[str, int] = {}

    def place(label: str | None) -> int:
        if label is None:
            return -1
        if len(places) >= MOST_CATEGORIES and label not in places:
            raise DataError(
                f'column "{named(name)}" has more than {MOST_CATEGORIES:,} different values', "Leave it out."
            )
        return places.setdefault(label, len(places))

    found = np.fromiter(map(place, labels), dtype=np.int64)
    if not places:
        raise DataError(f'column "{named(name)}" has no values', "Leave it out.")
    categories, index = in_order(places)
    if not asked:
        refuse_dates(name, categories)
        if rows >= MOST_AUTO_CLASSES and len(categories) > rows / 2:
            raise DataError(
                f'column "{named(name)}" has {len(categories):,} different values in {rows:,} rows, such as '
                f"{categories[0]!r} and {categories[-1]!r}: too many to be categories, and they are not numbers",
                "Write numbers without units and without separators of thousands, 1000 and not 1,000; leave out "
                "names and other texts that nearly every row has another of.",
            )
    return categories, np.append(index, -1)[found]


def refuse_dates(name: str, values: Sequence[str]) -> None:
    """Raise DataError where all of the values are dates or times of day."""
    if all(_DATE.fullmatch(value) for value in values):
        raise DataError(f'column "{named(name)}" holds dates, such as "{named(values[0])}"', WITHOUT_DATES)


def without_unused(categories: Sequence[str], indices: NDArray[np.int64]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The categories that are among these indices, and the indices among them."""
    used, inverse = np.unique(indices, return_inverse=True)
    return tuple(categories[place] for place in used), inverse.reshape(indices.shape).astype(np.int64)


def place_among(categories: Sequence[str]) -> Callable[[str], int | None]:
    """The place of a label among categories, None where it is none of them; 1 and 1.0 are the same among numbers."""
    numbers = [exact_number(category) for category in categories]
    places: dict[Any, int] = {category: place for place, category in enumerate(categories)}
    if None in numbers:
        return places.get
    places |= {number: place for place, number in enumerate(numbers)}
    return lambda label: places.get(label, places.get(exact_number(label)))


def learned_indices(column: Column, labels: Iterable[str | None], where: Callable[[int], str]) -> NDArray[np.int64]:
    """The indices of labels among the categories of a column that a network has learned.

    Raises
    ------
    DataError
        For a label that is none of them, or missing; it begins with ``where(row)``, with rows from 0.
    """
    place = place_among(column.categories)

    def index(row: int, label: str | None) -> int:
        if label is None:
            raise DataError(f"{where(row)}: the value is missing", "Mend the field, or leave out its row.")
        found = place(label)
        if found is None:
            raise DataError(
                f'{where(row)}: "{named(label)}" is not one of the categories that the network learned: '
                f"{listed(column.categories)}",
                did_you_mean(label, column.categories) or "Leave out such rows, or train again with rows of that kind.",
            )
        return found

    return np.fromiter((index(row, label) for row, label in enumerate(labels)), dtype=np.int64)


def assembled(parts: Sequence[tuple[Column, NDArray[Any]]]) -> NDArray[np.float64]:
    """The inputs (rows, inputs) of columns: of each its numbers, or the indices of its categories.

    Raises
    ------
    DataError
        When that would be more numbers than are read from a file.
    """
    rows, width = len(parts[0][1]), len(input_names([column for column, _ in parts]))
    if rows * width > MOST_NUMBERS:
        most = max((column for column, _ in parts), key=lambda column: len(column.inputs))
        raise DataError(
            f"{width:,} inputs for each of {rows:,} rows are more than the {MOST_NUMBERS:,} numbers that are read; "
            f'column "{named(most.name)}" alone has {len(most.inputs):,} categories',
            "Leave it out, or name it in data.indices to have one input instead.",
        )
    inputs = np.zeros((rows, width))
    start = 0
    for column, values in parts:
        count = len(column.inputs)
        if column.categories and not column.indices:
            inputs[np.arange(rows), start + values] = 1.0
        else:
            inputs[:, start] = values
        start += count
    return inputs


def as_recorded(parts: Sequence[tuple[Column, NDArray[Any]]]) -> tuple[Column, ...]:
    """The columns, or none where each is numbers of which none may be missing: then their names say all."""
    columns = tuple(column for column, _ in parts)
    return columns if any(column.categories or column.fills for column in columns) else ()


def unscaled(columns: Sequence[Column]) -> NDArray[np.bool_]:
    """Which inputs are categories, which keep their 0 and 1 whatever the scaling."""
    return np.array([bool(column.categories) for column in columns for _ in column.inputs], dtype=bool)


def may_lack(columns: Sequence[Column]) -> NDArray[np.bool_]:
    """Which inputs may have missing values."""
    return np.array([column.fills for column in columns for _ in column.inputs], dtype=bool)


def with_means(columns: Sequence[Column], train: NDArray[Any]) -> tuple[Column, ...]:
    """The columns with the means of the training rows, where those take the place of missing values."""
    found, start = [], 0
    for column in columns:
        if column.fills:
            values = train[:, start]
            there = values[~np.isnan(values)]
            if not len(there):
                raise DataError(f'column "{named(column.name)}" has no values in the training rows', "Leave it out.")
            column = replace(column, mean=float(there.mean()))
        found.append(column)
        start += len(column.inputs)
    return tuple(found)


def filled(columns: Sequence[Column], features: NDArray[Any]) -> NDArray[Any]:
    """The features with the means in the places of missing values."""
    if not any(column.fills for column in columns):
        return features
    means = np.array([column.mean if column.fills else 0.0 for column in columns for _ in column.inputs])
    return np.where(np.isnan(features), means.astype(features.dtype), features)


def column_words(column: Column) -> dict[str, Any]:
    """A column as JSON has it; `column_of` reads it."""
    words: dict[str, Any] = {"name": column.name}
    if column.categories:
        words |= {"categories": list(column.categories), "encoding": "indices" if column.indices else "one-hot"}
    if column.fills:
        words |= {"missing": MEAN, "mean": column.mean}
    return words


def column_of(words: Mapping[str, Any]) -> Column:
    """A column from its words, which may come from anyone; raises ValueError for what is none."""
    if not isinstance(words, dict) or not isinstance(words.get("name"), str):
        raise ValueError("a column has no name")
    categories, encoding = words.get("categories", []), words.get("encoding", "one-hot")
    missing, mean = words.get("missing", REFUSE), words.get("mean")
    texts = isinstance(categories, list) and all(isinstance(entry, str) for entry in categories)
    if not texts or len(set(categories)) < len(categories) or encoding not in ("one-hot", "indices"):
        raise ValueError("the categories of a column are not different texts")
    known = mean is None or (isinstance(mean, int | float) and not isinstance(mean, bool) and np.isfinite(mean))
    if missing not in (REFUSE, MEAN) or not known or (categories and missing == MEAN):
        raise ValueError("the mean of a column is not a finite number")
    return Column(
        words["name"],
        tuple(categories),
        encoding == "indices" and bool(categories),
        missing == MEAN,
        None if mean is None else float(mean),
    )
