"""From a table to what a network is trained on: checked, split and scaled.

Rows are dealt to the splits by a permutation that depends on the data's seed only, and class by class,
so that each split has every class in its share. Inside a split rows keep the order of the table.

The network's input is ``raw * scale + shift``, whatever the table holds. Floats are scaled here,
once. Bytes stay bytes, a quarter of the memory, and the engine scales them while it reads them.
Values that a network is to answer are scaled in the same way, where that is asked for.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.data.checks import check_table
from neurosim.data.columns import filled, unscaled, with_means
from neurosim.data.ignoring import without_classes
from neurosim.data.making import MadeInputs
from neurosim.data.scaling import Floats, affine, scaled_features, standard
from neurosim.errors import DataError, UsageError
from neurosim.plugin.columns import Column
from neurosim.plugin.function_records import Table
from neurosim.printable import labels
from neurosim.randomness import Stream


@dataclass(frozen=True)
class Split:
    """Some rows of a data set.

    Attributes
    ----------
    features : array (rows, features), float32 or uint8, C-contiguous
        Inputs; what the network gets is ``features * scale + shift`` (see `Prepared`).
    targets : array
        Class indices, int64 (rows,), or values, float32 (rows, outputs), as the network learns them (see `Prepared`).
    rows : array (rows,) of int64
        Their numbers in the table, or in its own test rows, from 0.
    sha256 : str
        Of the rows as they are in the table, before any scaling: runs whose rows have the same were measured alike.
        Empty where these are zeros in place of rows that nobody has read.
    weights : float32 array (rows,), or (0,)
        What the loss of each row is multiplied by, 1 on the average; empty where all count the same.
    raw : array (rows, features of the table), or (0, 0)
        The features that the inputs are made of; empty where these are the features themselves (see `Prepared.raw`).
    """

    features: NDArray[Any]
    targets: NDArray[Any]
    rows: NDArray[np.int64]
    sha256: str
    weights: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    raw: NDArray[Any] = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def is_outline(self) -> bool:
        """Whether only the shape and the number of these rows are known."""
        return not self.sha256


@dataclass(frozen=True)
class Prepared:
    """A data set that is ready to be trained on.

    Attributes
    ----------
    train : Split
        Rows to learn from; never empty.
    validation, test : Split or None
        Held-out rows; None where there are none.
    scale, shift : float
        The network's input is ``features * scale + shift``; 1 and 0 for float32 features.
    feature_scale, feature_shift : array (features,) of float64
        The same from the values in the table: ``input = raw * feature_scale + feature_shift``.
        Pictures use them to show original coordinates.
    target_scale, target_shift : array (outputs,) of float64
        What the network learns to answer: ``value in the table * target_scale + target_shift``; empty for classes.
    classes, feature_names, image_shape, target_names
        As in `Table`.
    columns : tuple of Column
        As in `Table`, with the means of the training rows, which have taken the places of missing values.
    pixels : bool
        Whether the table has bytes.
    left_out : int
        As in `Table`.
    made : MadeInputs or None
        How inputs are made of the features of the table; `feature_names` are then those of the inputs, and
        ``made * feature_scale + feature_shift`` is what the network gets. None where they are the features themselves.
    """

    train: Split
    validation: Split | None
    test: Split | None
    scale: float
    shift: float
    feature_scale: Floats
    feature_shift: Floats
    target_scale: Floats
    target_shift: Floats
    classes: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    image_shape: tuple[int, ...] = ()
    target_names: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    pixels: bool = False
    left_out: int = 0
    made: MadeInputs | None = None

    @property
    def rows(self) -> int:
        """How many rows the splits have together."""
        return sum(len(split) for split in (self.train, self.validation, self.test) if split is not None)

    @property
    def sha256(self) -> dict[str, str]:
        """The SHA-256 of each split's rows, by its name."""
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split.sha256 for name, split in splits.items() if split is not None}

    @cached_property
    def class_labels(self) -> tuple[str, ...]:
        """Names of the classes as they are shown: printable, and cut where they are long."""
        return labels(self.classes)

    @cached_property
    def feature_labels(self) -> tuple[str, ...]:
        """Names of the network's inputs as they are shown."""
        return labels(self.feature_names)

    @property
    def raw_names(self) -> tuple[str, ...]:
        """Names of the features of the table."""
        return self.feature_names if self.made is None else self.made.features

    @cached_property
    def raw_labels(self) -> tuple[str, ...]:
        """Names of the features of the table as they are shown."""
        return labels(self.raw_names if self.made is None else self.made.names)

    @property
    def raw_features(self) -> int:
        """The number of features of the table, of which the inputs may be made."""
        return self.inputs if self.made is None else self.made.count

    @cached_property
    def target_labels(self) -> tuple[str, ...]:
        """Names of the targets as they are shown."""
        return labels(self.target_names)

    @property
    def inputs(self) -> int:
        """The number of the network's inputs."""
        return int(self.train.features.shape[1])

    def to_input(self, raw: NDArray[Any]) -> Floats:
        """What the network gets for values as the table has them: float64 (rows, inputs)."""
        made = np.asarray(raw, dtype=np.float64) if self.made is None else self.made.of(raw)
        return made * self.feature_scale + self.feature_shift

    def raw(self, split: Split) -> Floats:
        """The rows of a split as the table has them: float64 (rows, features)."""
        if self.made is not None:
            return split.raw.astype(np.float64)
        return self.to_raw(split.features.astype(np.float64) * self.scale + self.shift)

    @property
    def scales_targets(self) -> bool:
        """Whether the network learns other values than those in the table."""
        return bool((self.target_scale != 1.0).any() or (self.target_shift != 0.0).any())

    def to_target_units(self, outputs: NDArray[Any]) -> Floats:
        """The network's outputs, or targets, in the units of the table: float64 (rows, outputs)."""
        return (np.asarray(outputs, dtype=np.float64) - self.target_shift) / self.target_scale

    def to_raw(self, inputs: NDArray[Any]) -> Floats:
        """The values as the table has them, or as they are made of these, from the inputs: float64 (rows, inputs)."""
        return (np.asarray(inputs, dtype=np.float64) - self.feature_shift) / self.feature_scale


def prepare(
    table: Table,
    *,
    seed: int,
    test_fraction: float = 0.0,
    validation_fraction: float = 0.0,
    normalize: tuple[float, float] | None = None,
    standardize: bool = False,
    standardize_targets: bool = False,
    ignore: Sequence[str] = (),
    inputs: Sequence[str] = (),
) -> Prepared:
    """Check, split and scale a table.

    Parameters
    ----------
    table : Table
        Rows as a data set returns them.
    seed : int
        Decides which rows go where; the test rows do not depend on `validation_fraction`.
    test_fraction, validation_fraction : float
        Shares of the table's rows to keep apart, from 0 to below 1; of classes the same share of
        each. A table with rows of its own for a split allows no share of it.
    normalize : (mean, deviation), optional
        Subtract the mean and divide by the deviation, the same for all features; for bytes both
        are meant for value / 255.
    standardize : bool
        Give each feature mean 0 and standard deviation 1 on the training rows; a constant feature
        becomes 0, and categories stay as they are. Bytes become float32.
    standardize_targets : bool
        The same for each target; classes stay what they are.
    ignore : sequence of str
        Classes whose rows are left out. The others keep their numbers.
    inputs : sequence of str
        Expressions of the features, of which each becomes an input (see `MadeInputs`); none: the features themselves.
        They are made of the values of the table, once categories are encoded and missing values replaced, and scaled
        afterward, each as if it were a feature.

    Raises
    ------
    DataError
        For a table that breaks the contract of `Table`, and for values that are not finite.
    UsageError
        For fractions and scalings that make no sense.
    """
    check_table(table)
    table, numbers = without_classes(table, ignore) if ignore else (table, {})
    _check_fractions(table, test_fraction, validation_fraction)
    chosen = _deal(table, seed, test_fraction, validation_fraction)
    train = chosen["train"]
    # What is learned from the training rows alone: means, and scales; to copy all of them takes longer than that.
    learns = standardize or bool(table.columns or inputs)
    learned_from = table.features[train] if learns and len(train) < len(table.features) else table.features
    columns = with_means(table.columns, learned_from)
    made = _making(table, inputs) if inputs else None
    known = filled(columns, learned_from)
    feature_scale, feature_shift = affine(known if made is None else made.finite(known), normalize, standardize)
    if columns:
        plain = unscaled(columns)
        if made is not None:
            plain = np.array([place is not None and plain[place] for place in made.plain])
        feature_scale, feature_shift = np.where(plain, 1.0, feature_scale), np.where(plain, 0.0, feature_shift)
    # One scale and shift for all features can be left to the engine.
    scales_targets = standardize_targets and not table.classes
    outputs = 0 if table.classes else table.targets.shape[1]
    target_scale, target_shift = np.ones(outputs), np.zeros(outputs)
    if scales_targets:
        target_scale, target_shift = standard("targets", table.targets[train].astype(np.float64))
    as_bytes = table.features.dtype == np.uint8 and not standardize

    def split(
        name: str,
        part: str,
        features: NDArray[Any],
        targets: NDArray[Any],
        rows: NDArray[np.int64],
        given: NDArray[Any] | None,
    ) -> Split | None:
        if len(rows) == 0:
            return None
        if len(rows) < len(features):
            features, targets = features[rows], targets[rows]
            given = None if given is None else given[rows]
        digest = _digest(features, targets, table.classes, given)
        raw = np.zeros((0, 0), np.float32)
        if not as_bytes:
            features = filled(columns, features)
            if made is not None:
                raw = np.ascontiguousarray(features)
                features = made.finite(features)
            features = scaled_features(features, feature_scale, feature_shift)
        if scales_targets:
            targets = targets.astype(np.float64) * target_scale + target_shift
        kind = np.int64 if table.classes else np.float32
        weights = np.zeros(0, np.float32) if given is None else _mean_one(name, given)
        rows = numbers[part][rows] if part in numbers else rows
        learned = np.ascontiguousarray(targets, dtype=kind)
        return Split(np.ascontiguousarray(features), learned, rows, digest, weights, raw)

    def of_table(name: str) -> Split | None:
        return split(name, "", table.features, table.targets, chosen[name], table.weights)

    training = of_table("train")
    assert training is not None  # _deal leaves at least one row

    def apart(
        name: str, features: NDArray[Any] | None, targets: NDArray[Any], given: NDArray[Any] | None
    ) -> Split | None:
        """Rows that the table itself keeps apart, else those dealt to this split."""
        if features is None:
            return of_table(name)
        return split(name, name, features, targets, np.arange(len(features)), given)

    return Prepared(
        train=training,
        validation=apart("validation", table.validation_features, table.validation_targets, table.validation_weights),
        test=apart("test", table.test_features, table.test_targets, table.test_weights),
        scale=float(feature_scale[0]) if as_bytes else 1.0,
        shift=float(feature_shift[0]) if as_bytes else 0.0,
        feature_scale=feature_scale,
        feature_shift=feature_shift,
        target_scale=target_scale,
        target_shift=target_shift,
        classes=tuple(table.classes),
        feature_names=tuple(table.feature_names) if made is None else made.texts,
        image_shape=tuple(table.image_shape),
        target_names=tuple(table.target_names),
        columns=columns,
        pixels=table.features.dtype == np.uint8,
        left_out=int(table.left_out),
        made=made,
    )


def _making(table: Table, inputs: Sequence[str]) -> MadeInputs:
    """How the inputs are made of the features of a table; raises UsageError where they cannot be."""
    if table.image_shape or table.features.dtype == np.uint8:
        raise UsageError(
            "inputs: they are made of columns of numbers, and the rows of this data set are images",
            "Leave inputs out: the pixels are the inputs.",
        )
    return MadeInputs(tuple(inputs), tuple(table.feature_names), table.features.shape[1])


def _mean_one(split: str, weights: NDArray[Any]) -> NDArray[np.float32]:
    """Weights of the rows of a split, scaled so that their mean is 1: only their proportions matter."""
    if not weights.any():
        raise DataError(
            f"all {len(weights)} {split} rows have the weight 0, so none of them counts",
            "Choose another data.seed or other fractions, or leave out rows without weight.",
        )
    # The largest first, so that no sum overflows.
    weights = weights.astype(np.float64) / float(weights.max())
    scaled: NDArray[np.float32] = (weights / weights.mean()).astype(np.float32)
    return scaled


def _digest(features: NDArray[Any], targets: NDArray[Any], classes: Sequence[str], weights: NDArray[Any] | None) -> str:
    """SHA-256 of some rows of a table."""
    digest = hashlib.sha256(repr(tuple(classes)).encode())
    for array in (features, targets, *([] if weights is None else [weights.astype(np.float64)])):
        digest.update(f"{array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _check_fractions(table: Table, test: float, validation: float) -> None:
    for name, fraction in (("test_fraction", test), ("validation_fraction", validation)):
        if not 0 <= fraction < 1:
            raise UsageError(f"{name} = {fraction}: expected a share from 0 to below 1", "0.2 is one row in five.")
    if test + validation >= 1:
        raise UsageError(
            f"test_fraction + validation_fraction = {test + validation:g} leaves no rows to learn from",
            "Both together must be below 1.",
        )
    if test > 0 and table.test_features is not None:
        raise UsageError(
            f"test_fraction = {test}: this data set has its own {len(table.test_features)} test rows",
            "Leave test_fraction out; validation_fraction takes rows from the training part.",
        )
    if validation > 0 and table.validation_features is not None:
        raise UsageError(
            f"validation_fraction = {validation}: this data set has its own {len(table.validation_features)} "
            "validation rows",
            "Leave validation_fraction out.",
        )


def _deal(table: Table, seed: int, test: float, validation: float) -> dict[str, NDArray[np.int64]]:
    """The row numbers of each split, in ascending order."""
    count = len(table.features)
    order = Stream(seed, "split").permutation(count)
    groups = [order]
    if table.classes:
        labels = np.asarray(table.targets)[order]
        ends = np.cumsum(np.bincount(labels, minlength=len(table.classes)))
        groups = np.split(order[np.argsort(labels, kind="stable")], ends[:-1])
    sizes = np.array([len(group) for group in groups])
    for_test = _shares(sizes, "test_fraction", test, free=sizes - 1)
    for_validation = _shares(sizes, "validation_fraction", validation, free=sizes - 1 - for_test)
    parts: dict[str, list[NDArray[np.int64]]] = {"test": [], "validation": [], "train": []}
    for group, first, second in zip(groups, for_test, for_validation, strict=True):
        parts["test"].append(group[:first])
        parts["validation"].append(group[first : first + second])
        parts["train"].append(group[first + second :])
    return {name: np.sort(np.concatenate(rows)) for name, rows in parts.items()}


def _shares(sizes: NDArray[np.int64], name: str, fraction: float, free: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many rows of each class to keep apart: the fraction of each, rounded so that the total is right.

    `free` rows of each class may be taken at most, so that training keeps a row of every class.
    """
    exact = sizes * fraction
    taken: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    total = math.floor(sizes.sum() * fraction + 0.5)
    largest_remainders = np.argsort(taken - exact, kind="stable")
    taken[largest_remainders[: total - taken.sum()]] += 1
    taken = np.minimum(taken, np.maximum(free, 0))
    if fraction > 0 and taken.sum() == 0 and total > 0:
        raise UsageError(
            f"{name} = {fraction}: no row can be set aside, since each class has to keep one to learn from",
            f"There are {sizes.sum()} rows of {len(sizes)} classes.",
        )
    if fraction > 0 and taken.sum() == 0:
        raise UsageError(
            f"{name} = {fraction}: that is less than one of the {sizes.sum()} rows",
            "Choose a larger share, or 0 to keep no rows apart.",
        )
    return taken
