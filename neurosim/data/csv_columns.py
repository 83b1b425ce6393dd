"""Columns of a CSV file as inputs: of numbers, of words, and with values missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.data.columns import (
    DROP,
    MEAN,
    PLAIN,
    REFUSE,
    Encoding,
    as_recorded,
    assembled,
    categories_of,
    filled,
    learned_indices,
    without_unused,
)
from neurosim.data.csv_faults import ABSENT, FieldsError, parse_number
from neurosim.data.csv_file import CsvFile
from neurosim.errors import DataError
from neurosim.files.inputs import faults_in
from neurosim.plugin.columns import Column, input_names
from neurosim.printable import arguments
from neurosim.suggestions import named

# Letters of a setting that is suggested.
LONGEST_SETTING = 400


@dataclass(frozen=True)
class CsvRows:
    """Rows of a CSV file, as a network learns from them.

    Attributes
    ----------
    inputs : array (rows, inputs)
        Features, nan where the mean of the training rows belongs.
    names : tuple of str
        Names of the inputs.
    columns : tuple of Column
        What they were made of; empty where they are numbers of which none may be missing.
    values : array (rows, targets)
        The numbers of the targets that hold numbers.
    kept : array of bool, for each row of the file
        Which rows these are.
    """

    inputs: NDArray[np.float64]
    names: tuple[str, ...]
    columns: tuple[Column, ...]
    values: NDArray[np.float64]
    kept: NDArray[np.bool_]


def read_columns(
    table: CsvFile,
    features: Sequence[str],
    targets: Sequence[str] = (),
    classes: Sequence[str] = (),
    how: Encoding = PLAIN,
) -> CsvRows:
    """Read the columns `features` as inputs, and `targets` as numbers; `classes` only have to be there.

    Raises
    ------
    UsageError
        For columns that `how` names and that are no features.
    DataError
        For fields that are missing or wrong, for dates, and for words that are no categories.
    """
    how.check(features)
    words = [name for name in features if name in how.named]
    while True:
        numeric = [name for name in features if name not in words]
        may_lack = {REFUSE: (), MEAN: numeric, DROP: table.names}[how.missing]
        try:
            numbers = table.numbers([*numeric, *targets], [*words, *classes], may_lack)
            break
        except FieldsError as faults:
            of_words = [name for name in numeric if faults.counts.get(name) and _holds_words(table, name)]
            if not of_words:
                raise _explained(faults, numeric, targets, how) from None
            words = [name for name in features if name in (*words, *of_words)]
    found = {name: _categories(table, name, features, how) for name in words}
    kept = np.ones(table.count, bool)
    if how.missing == DROP:
        kept[np.isnan(numbers).any(axis=1)] = False
        for _, indices in found.values():
            kept[indices < 0] = False
        for name in classes:
            kept &= np.fromiter(map(bool, table.texts(name, missing="keep")), bool, table.count)
    if not kept.any():
        raise DataError(f"{table.path}: in every row a value is missing", "Leave out the columns that have few values.")
    parts: list[tuple[Column, NDArray[Any]]] = []
    for name in features:
        if name in found:
            categories, indices = found[name]
            if not kept.all():
                categories, indices = without_unused(categories, indices[kept])
            parts.append((how.column(name, categories), indices))
        else:
            parts.append((how.column(name), numbers[kept, numeric.index(name)]))
    with faults_in(table.path):
        inputs = assembled(parts)
    names = input_names([column for column, _ in parts])
    return CsvRows(inputs, names, as_recorded(parts), numbers[kept, len(numeric) :], kept)


def read_learned(table: CsvFile, columns: Sequence[Column]) -> NDArray[np.float64]:
    """The inputs (rows, inputs) of columns that a network has learned from, means in the places of missing values.

    Raises
    ------
    DataError
        For fields that are missing or wrong, and for categories that the network does not know.
    """
    numeric = [column.name for column in columns if not column.categories]
    words = [column.name for column in columns if column.categories]
    numbers = table.numbers(numeric, words, [column.name for column in columns if column.fills])
    parts: list[tuple[Column, NDArray[Any]]] = []
    for column in columns:
        if column.categories:
            labels = (text or None for text in table.texts(column.name, missing="keep"))
            parts.append((column, learned_indices(column, labels, partial(_where, table, column.name))))
        else:
            parts.append((column, numbers[:, numeric.index(column.name)]))
    inputs: NDArray[np.float64] = filled(columns, assembled(parts))
    return inputs


def _where(table: CsvFile, name: str, row: int) -> str:
    return table.where(row, name)


def _holds_words(table: CsvFile, name: str) -> bool:
    """Whether a column has words, and no number beside them."""
    there = (text for text in table.texts(name, missing="skip") if text not in ABSENT)
    first = next(there, None)
    return first is not None and parse_number(first) is None and all(parse_number(text) is None for text in there)


def _categories(
    table: CsvFile, name: str, features: Sequence[str], how: Encoding
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The categories of a column and the index of each row's, -1 where it is missing and its row is to be left out."""
    labels = (text or None for text in table.texts(name, missing="keep"))
    try:
        categories, indices = categories_of(name, labels, table.count, asked=name in how.named)
    except DataError as error:
        hint = f"{error.hint} {_naming(features, name)}".strip()
        raise DataError(f"{table.path}: {error.message}", hint) from error
    if how.missing != DROP:
        _refuse_missing(table, name, indices, how)
    return categories, indices


def _refuse_missing(table: CsvFile, name: str, indices: NDArray[np.int64], how: Encoding) -> None:
    missing = np.flatnonzero(indices < 0)
    if not missing.size:
        return
    more = f" (and {missing.size - 1:,} more in this column)" if missing.size > 1 else ""
    no_mean = "Words have no mean. " if how.missing == MEAN else ""
    raise DataError(
        f"{table.where(int(missing[0]), name)}: the value is missing{more}",
        f'{no_mean}Write a word of its own, such as "unknown", into these fields, or leave such rows out:  '
        f"{arguments(overrides={'data.missing': DROP})}",
    )


def _explained(faults: FieldsError, features: Sequence[str], targets: Sequence[str], how: Encoding) -> FieldsError:
    """The error with a hint at the settings that help."""
    useless = [name for name in faults.unusable if name not in targets]
    left = [name for name in features if name not in faults.unusable]
    wordy = [name for name in targets if name in faults.unusable]
    instead = ': task = "classification" takes its values for classes.'
    if len(targets) > 1:
        instead = ", as each of several targets has to; write 1 for yes and 0 for no."
    hints = [f'The target "{named(name)}" holds no numbers{instead}' for name in wordy[:1]]
    if useless and left:
        alone = f'"{named(useless[0])}" is no feature'
        several = "these columns are no features" if len(useless) > 1 else alone
        hints.append(f"Features have to be numbers: {several}. Name those that are:  {_naming_only(left)}")
        hints.append(f"Or take their values for categories:  {_setting('data.categorical', useless)}")
    elif useless:
        hints.append("Features have to be numbers: write each value as one, without units; 0 for no and 1 for yes.")
    others = sum(faults.counts.values()) > sum(faults.counts[name] for name in faults.unusable)
    if hints and others:
        hints.append(faults.hint)
    hint = " ".join(hints) or faults.hint
    if faults.lacking and how.missing == REFUSE:
        drop, mean = (arguments(overrides={"data.missing": word}) for word in (DROP, MEAN))
        hint += f" Rows with missing values can be left out ({drop}), or numbers be replaced by the mean ({mean})."
    return FieldsError(faults.message, hint, faults.counts, faults.unusable, faults.lacking)


def _naming(features: Sequence[str], useless: str) -> str:
    """How to leave out a column; nothing where it is the only one."""
    left = [name for name in features if name != useless]
    return f"The other columns are:  {_naming_only(left)}" if left else ""


def _naming_only(names: Sequence[str]) -> str:
    return _setting("data.features", names)


def _setting(key: str, names: Sequence[str]) -> str:
    """A setting that can be copied; of hundreds of names, which nobody reads or types, only its key."""
    setting = arguments(overrides={key: list(names)})
    return setting if len(setting) <= LONGEST_SETTING else f"{key}, in the scenario"
