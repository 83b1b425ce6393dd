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
from neurosim.errors import DataError, UsageError
from neurosim.plugin.columns import Column
from neurosim.plugin.function_records import Table
from neurosim.printable import labels
from neurosim.randomness import Stream

Floats = NDArray[np.float64]
# float64 numbers that are scaled at a time.
IN_CACHE = 1 << 15


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
    """

    features: NDArray[Any]
    targets: NDArray[Any]
    rows: NDArray[np.int64]
    sha256: str
    weights: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))

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
        """Names of the features as they are shown."""
        return labels(self.feature_names)

    @cached_property
    def target_labels(self) -> tuple[str, ...]:
        """Names of the targets as they are shown."""
        return labels(self.target_names)

    @property
    def inputs(self) -> int:
        """The number of features."""
        return int(self.train.features.shape[1])

    def to_input(self, raw: NDArray[Any]) -> Floats:
        """What the network gets for values as the table has them: float64 (rows, features)."""
        return np.asarray(raw, dtype=np.float64) * self.feature_scale + self.feature_shift

    @property
    def scales_targets(self) -> bool:
        """Whether the network learns other values than those in the table."""
        return bool((self.target_scale != 1.0).any() or (self.target_shift != 0.0).any())

    def to_target_units(self, outputs: NDArray[Any]) -> Floats:
        """The network's outputs, or targets, in the units of the table: float64 (rows, outputs)."""
        return (np.asarray(outputs, dtype=np.float64) - self.target_shift) / self.target_scale

    def to_raw(self, inputs: NDArray[Any]) -> Floats:
        """The values as the table has them, from the network's inputs: float64 (rows, features)."""
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
    learns = standardize or bool(table.columns)
    learned_from = table.features[train] if learns and len(train) < len(table.features) else table.features
    columns = with_means(table.columns, learned_from)
    feature_scale, feature_shift = _affine(filled(columns, learned_from), normalize, standardize)
    if columns:
        plain = unscaled(columns)
        feature_scale, feature_shift = np.where(plain, 1.0, feature_scale), np.where(plain, 0.0, feature_shift)
    # One scale and shift for all features can be left to the engine.
    scales_targets = standardize_targets and not table.classes
    outputs = 0 if table.classes else table.targets.shape[1]
    target_scale, target_shift = np.ones(outputs), np.zeros(outputs)
    if scales_targets:
        target_scale, target_shift = _standard("targets", table.targets[train].astype(np.float64))
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
        if not as_bytes:
            features = _scaled(filled(columns, features), feature_scale, feature_shift)
        if scales_targets:
            targets = targets.astype(np.float64) * target_scale + target_shift
        kind = np.int64 if table.classes else np.float32
        weights = np.zeros(0, np.float32) if given is None else _mean_one(name, given)
        rows = numbers[part][rows] if part in numbers else rows
        return Split(np.ascontiguousarray(features), np.ascontiguousarray(targets, dtype=kind), rows, digest, weights)

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
        feature_names=tuple(table.feature_names),
        image_shape=tuple(table.image_shape),
        target_names=tuple(table.target_names),
        columns=columns,
        pixels=table.features.dtype == np.uint8,
        left_out=int(table.left_out),
    )


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


def _affine(train: NDArray[Any], normalize: tuple[float, float] | None, standardize: bool) -> tuple[Floats, Floats]:
    """Scale and shift of each feature, from the values in the table to the network's inputs."""
    features = train.shape[1]
    if normalize is not None and standardize:
        raise UsageError("normalize and standardize exclude each other", "Leave one of them out.")
    if standardize:
        return _standard("features", train.astype(np.float64))
    mean, deviation = normalize if normalize is not None else (0.0, 1.0)
    if not (abs(mean) <= 1e18 and 1e-18 <= deviation <= 1e18):  # what float32 can divide by
        raise UsageError(
            f"normalize: mean = {mean}, std = {deviation}: expected ordinary numbers and a positive std",
            "MNIST uses  normalize = { mean = 0.1307, std = 0.3081 }.",
        )
    largest = 255.0 if train.dtype == np.uint8 else 1.0
    return np.full(features, 1.0 / (largest * deviation)), np.full(features, -mean / deviation)


def _standard(what: str, values: Floats) -> tuple[Floats, Floats]:
    """Scale and shift that give each column mean 0 and standard deviation 1; a constant one becomes 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = values.mean(axis=0), values.std(axis=0)
    if not (np.isfinite(mean).all() and np.isfinite(deviation).all()):
        raise DataError(f"the {what} are too large to standardize", "Give them in another unit.")
    # Compared with itself: the deviation of a constant may be a rounding error above 0.
    constant = (values == values[0]).all(axis=0) | (deviation == 0)
    scale = 1.0 / np.where(constant, 1.0, deviation)
    return scale, np.where(constant, -values[0], -mean * scale)


def _scaled(features: NDArray[Any], scale: Floats, shift: Floats) -> NDArray[np.float32]:
    """The inputs, a few rows at a time: what is in between stays in the processor's cache."""
    scaled = np.empty(features.shape, np.float32)
    rows = max(IN_CACHE // max(features.shape[1], 1), 1)
    for start in range(0, len(features), rows):
        some = slice(start, start + rows)
        with np.errstate(over="ignore", invalid="ignore"):
            exact = features[some].astype(np.float64)
            exact *= scale
            exact += shift
            scaled[some] = exact
        if not np.isfinite(scaled[some]).all():
            raise DataError("the features are too large for float32", "Scale them with standardize = true.")
    return scaled
