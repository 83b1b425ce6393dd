"""From a scenario to what a backend needs: the rows, the network and the training settings.

The layers are put together in `building.py`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurosim.data import Prepared, dataset_folder, prepare
from neurosim.data.rows import Accuracy, Rows
from neurosim.errors import DataError, ScenarioError, ShapeError, UsageError
from neurosim.network.course import Course
from neurosim.network.layers import Chosen, choose
from neurosim.network.network import Network
from neurosim.network.training import Average, Training
from neurosim.plugin import DataRequest, Dataset, Metric, Table
from neurosim.plugin.answers import described, place_of
from neurosim.problem.building import build_network
from neurosim.randomness import Stream
from neurosim.scenario import Scenario
from neurosim.scenario.schema import DataSection
from neurosim.suggestions import listed

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Problem:
    """A scenario, assembled.

    Attributes
    ----------
    network : Network
        Layers, shapes and loss.
    training : Training
        Optimizer, schedule and batches.
    data : Prepared
        The splits and how inputs were scaled.
    splits : dict of str to Rows
        ``train`` and, where they exist, ``validation`` and ``test``.
    metrics : tuple of Chosen[Metric]
        What is measured besides loss and accuracy.
    """

    network: Network
    training: Training
    data: Prepared
    splits: dict[str, Rows]
    metrics: tuple[Chosen[Metric], ...] = ()


def assemble(scenario: Scenario, data_dir: Path | str | None = None) -> Problem:
    """Load the data and build the network of a scenario; neither depends on the seed of a run.

    Raises
    ------
    DataError
        When data are missing or damaged.
    ShapeError
        When layers do not fit each other, the data, or the loss.
    ScenarioError
        When the loss or a metric does not fit the targets.
    """
    return assemble_on(scenario, load_data(scenario, data_dir))


def assemble_on(scenario: Scenario, data: Prepared) -> Problem:
    """Build the network of a scenario for data that are loaded; raises as `assemble` does."""
    network, training = build_network(scenario, data), build_training(scenario, len(data.train))
    return Problem(network, training, data, split_rows(network, data), _metrics(scenario, data))


def _metrics(scenario: Scenario, data: Prepared) -> tuple[Chosen[Metric], ...]:
    """The metrics of a scenario; raises ScenarioError for one that does not fit the targets."""
    asked = scenario.training.metrics or ()
    there = "classes" if data.classes else "values"
    for index, metric in enumerate(asked):
        wanted = metric.record.targets
        if wanted != there:
            fitting = sorted(
                {entry.record.name for entry in scenario.registry.metrics if entry.record.targets == there}
            )
            raise ScenarioError(
                f"{scenario.place(f'training.metrics.{index}')}: training.metrics: {metric.record.name} is a metric of "
                f"{wanted}, but the targets of this data set are {there}",
                f"Metrics of {there}: {listed(fitting)}.",
            )
    return tuple(choose(metric.record, metric.params) for metric in asked)


def split_rows(network: Network, data: Prepared) -> dict[str, Rows]:
    """The splits there are, as the network's loss wants them."""
    splits = {name: getattr(data, name) for name in SPLITS}
    return {
        name: replace(data_rows(network, data, split.features, split.targets), weights=split.weights)
        for name, split in splits.items()
        if split is not None
    }


def load_data(scenario: Scenario, data_dir: Path | str | None = None) -> Prepared:
    """The rows of a scenario, split and scaled: the same for every seed, as ``[data] seed`` has drawn them."""
    section = scenario.data
    dataset: Dataset = section.record
    folder = dataset_folder(dataset.name, data_dir)
    with blamed(scenario):
        if scenario.table is not None:
            return _prepared(section, scenario.table)
        request = DataRequest(Stream(section.seed, "data"), folder, scenario.base, scenario.vouched)
        table = dataset.load(request, **section.options)
        if not isinstance(table, Table):
            raise DataError(
                f"{place_of(dataset.load)}data set {dataset.name!r} returns {described(table)}",
                "It must return a Table: return Table(features, targets, classes=...).",
            )
        try:
            return _prepared(section, table)
        except DataError as error:
            if section.entry.built_in:
                raise
            message = f"{place_of(dataset.load)}data set {dataset.name!r}: {error.message}"
            raise DataError(message, error.hint) from error


def _prepared(section: DataSection, table: Table) -> Prepared:
    normalize = section.normalize
    return prepare(
        table,
        seed=section.seed,
        test_fraction=section.test_fraction,
        validation_fraction=section.validation_fraction,
        normalize=(normalize.mean, normalize.std) if normalize is not None else None,
        standardize=section.standardize,
        standardize_targets=bool(section.standardize_targets),
        ignore=section.ignore or (),
        inputs=section.inputs or (),
    )


@contextmanager
def blamed(scenario: Scenario) -> Iterator[None]:
    """Say where the options of the data are set that are wrong: the one that a message begins with, or all."""
    try:
        yield
    except UsageError as error:
        keys = (*DataSection.model_fields, *scenario.data.options)
        key = next((f"data.{key}" for key in keys if re.match(rf"{re.escape(key)}\b", error.message)), "data")
        raise UsageError(f"{scenario.place(key)}: data: {error.message}", error.hint) from error


def build_training(scenario: Scenario, rows: int) -> Training:
    """Optimizer, schedule and batches of a scenario, with so many training rows."""
    optimizer, schedule, section = scenario.optimizer, scenario.optimizer.schedule, scenario.training
    by_epoch = section.batch_schedule
    others = {name: choose(choice.record, choice.params) for name, choice in (optimizer.schedules or {}).items()}
    training = Training(
        choose(optimizer.record, optimizer.params),
        section.batch_size,
        section.shuffle,
        section.epochs,
        None if schedule is None else choose(schedule.record, schedule.params),
        section.clip_value,
        section.clip_norm,
        choose(optimizer.record, {**optimizer.params, **optimizer.biases}).values if optimizer.biases else None,
        schedules=others,
        batch_schedule=None if by_epoch is None else choose(by_epoch.record, by_epoch.params),
    )
    if section.average is None:
        return training
    kind, start, course = section.average.kind, section.average.start, Course(training, max(rows, 1))
    # The mean of epochs begins with the weights at the end of the first of them, the others in the middle of it.
    first = course.before(start) if kind == "swa" else course.before(start - 1) + 1
    decay = section.average.decay if kind == "ema" else None
    average = Average(first, course.steps(0) if kind == "swa" else 1, decay)
    return replace(training, average=average)


def data_rows(network: Network, data: Prepared, features: NDArray[Any], targets: NDArray[Any]) -> Rows:
    """Rows of the data set as the network's loss wants them."""
    outputs, loss = network.outputs, network.loss.record
    no_values = np.zeros((0, outputs), np.float32)
    if not data.classes:
        return Rows(features, targets.astype(np.float32), np.zeros(0, np.int32), "none", data.scale, data.shift)
    classes = targets.astype(np.int32)
    accuracy: Accuracy = "threshold" if outputs == 1 else "argmax"
    if loss.targets == "classes":
        values = no_values
    elif outputs == 1:
        values = classes[:, None].astype(np.float32)
    else:
        values = np.zeros((len(classes), outputs), np.float32)
        values[np.arange(len(classes)), classes] = 1.0
    return Rows(features, values, classes, accuracy, data.scale, data.shift)


def given_rows(network: Network, features: ArrayLike, targets: ArrayLike, weights: ArrayLike | None = None) -> Rows:
    """Rows from arrays that a caller gives, checked against the network.

    Parameters
    ----------
    features : (rows, inputs) float
        What the network sees, already scaled.
    targets : class indices (rows,) for losses on classes, else (rows, outputs)
        What it should answer.
    weights : (rows,) float, optional
        What the loss of each row is multiplied by, as it is: nothing is scaled.

    Raises
    ------
    ShapeError
        When a shape does not fit.
    UsageError
        For inputs that are no numbers, for a class index out of range, for a weight below 0, and for no rows.
    """
    rows = _given_rows(network, features, targets)
    return rows if weights is None else replace(rows, weights=_given_weights(rows, weights))


def _given_weights(rows: Rows, weights: ArrayLike) -> NDArray[np.float64]:
    given = np.asarray(weights)
    if given.shape != (rows.count,):
        raise ShapeError(
            f"weights have shape {given.shape}, this needs ({rows.count},)", "Give one weight for each row of X."
        )
    if given.dtype.kind not in "fiub" or not (np.isfinite(given) & (given >= 0)).all():
        raise UsageError("weights must be finite numbers, none below 0")
    return given.astype(np.float64)


def _given_rows(network: Network, features: ArrayLike, targets: ArrayLike) -> Rows:
    x = given_features(network.inputs, features)
    outputs = network.outputs
    y = np.asarray(targets)
    if x.shape[0] == 0:
        raise UsageError("X has no rows")
    if network.loss.record.targets == "classes":
        if y.shape != (x.shape[0],):
            raise ShapeError(
                f"y has shape {y.shape}, this loss needs ({x.shape[0]},)", "Give one class index for each row of X."
            )
        if not np.issubdtype(y.dtype, np.integer) or y.min() < 0 or y.max() >= outputs:
            raise UsageError(f"y must hold class indices from 0 to {outputs - 1}")
        return Rows(x, np.zeros((0, outputs), np.float32), y.astype(np.int32), "none")
    wanted = network.answers
    if y.ndim == 1 and wanted == 1:
        y = y[:, None]
    if y.shape != (x.shape[0], wanted):
        raise ShapeError(f"y has shape {y.shape}, this network needs ({x.shape[0]}, {wanted})")
    return Rows(x, y.astype(np.float64), np.zeros(0, np.int32), "none")


def given_features(width: int, features: ArrayLike) -> NDArray[Any]:
    """Rows of so many numbers that a caller gives, as floats; raises ShapeError, and UsageError if not numbers."""
    x = np.asarray(features)
    if x.ndim < 2 or math.prod(x.shape[1:]) != width:
        raise ShapeError(f"X has shape {x.shape}, this network needs (rows, {width})")
    rows = x.reshape(x.shape[0], width)
    try:
        return rows if rows.dtype == np.float32 else rows.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"X must hold numbers: {error}") from error
