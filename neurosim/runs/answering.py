"""A trained network that answers rows in the units of its data."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurosim.backends.base import Backend
from neurosim.data import read_csv, read_idx
from neurosim.data.columns import filled
from neurosim.data.csv_columns import read_learned
from neurosim.data.frames import array_of, by_place, columns_of, learned_inputs, learned_numbers
from neurosim.data.image_files import files_to_answer_for, holds_images, read_images
from neurosim.data.making import MadeInputs
from neurosim.errors import DataError, UsageError
from neurosim.files.inputs import open_ordinary, unreadable
from neurosim.network.network import Network
from neurosim.plugin.columns import Column
from neurosim.problem.assembly import given_features
from neurosim.suggestions import did_you_mean, listed, named
from neurosim.training.simulator import Simulator

# How IDX files begin, compressed or not; text never does.
_IDX_STARTS = (b"\x1f\x8b", b"\0\0")


@dataclass(frozen=True)
class Model:
    """A trained network, ready to answer; `load_model` reads it.

    Attributes
    ----------
    path : Path or None
        The file; None of a network that has just been trained.
    network : Network
        Layers and shapes.
    classes : tuple of str
        Names of the classes; empty where the outputs are values.
    features : tuple of str
        Names of the columns that it learned from; empty where they had none.
    scale, shift : array (inputs,), float64
        The network is given ``raw * scale + shift``.
    targets : tuple of str
        Names of the columns that it answers; empty where they had none.
    target_scale, target_shift : array (outputs,), float64
        The network learned to answer ``value * target_scale + target_shift``; empty where there are classes.
    mixed : str
        A line saying what has changed since it was trained, if it was taken all the same; else empty.
    columns : tuple of Column
        The columns that the inputs are made of; empty where each is a number by itself.
    image_shape : tuple of int
        Height and width, and channels in color, of the images of bytes that it learned from; empty elsewhere.
    made : MadeInputs or None
        How its inputs are made of the features, before they are scaled; None where they are the features themselves.
    """

    path: Path | None
    network: Network
    classes: tuple[str, ...]
    features: tuple[str, ...]
    scale: NDArray[np.float64]
    shift: NDArray[np.float64]
    targets: tuple[str, ...]
    target_scale: NDArray[np.float64]
    target_shift: NDArray[np.float64]
    _backend: Backend | Simulator = field(repr=False)
    mixed: str = ""
    columns: tuple[Column, ...] = ()
    image_shape: tuple[int, ...] = ()
    made: MadeInputs | None = None

    def outputs(self, X: ArrayLike) -> NDArray[Any]:
        """Outputs (rows, outputs) for raw rows (rows, features), both in the units of the data set.

        Of a table of pandas, polars or pyarrow the columns are taken by the names that the network learned from. Words
        are encoded and missing values replaced as the training rows were; without names, rows have a value for each
        column, in their order.

        Raises
        ------
        ShapeError
            When X has the wrong number of features.
        DataError
            When X is a table without a column that the network learned from, and for categories that it does not know.
        UsageError
            When X is not of finite numbers, or too large for float32 when scaled.
        """
        raw = given_features(self._width, self._by_name(X)).astype(np.float64, copy=False)
        if self.made is not None and np.isfinite(raw).all():
            raw = self._made(raw)
        with np.errstate(all="ignore"):
            scaled = (raw * self.scale + self.shift).astype(np.float32)
        if not np.isfinite(scaled).all():
            row, column = np.argwhere(~np.isfinite(scaled))[0]
            raise UsageError(f"row {row}, column {column} has {raw[row, column]}: not a number the network can take")
        if not len(raw):
            return np.zeros((0, self.network.answers), np.float32)
        # What the loss takes beside them, such as variances, is no answer.
        outputs = self._backend.forward(scaled)[:, : self.network.answers]
        if not ((self.target_scale != 1.0).any() or self.target_shift.any()):
            return outputs
        values: NDArray[Any] = (outputs - self.target_shift) / self.target_scale
        return values

    @property
    def parameters(self) -> dict[str, NDArray[Any]]:
        """Copies of its parameters by name, such as ``layers.0.weight``; `Simulator.set_parameters` takes them."""
        own = self._backend
        return own.parameters if isinstance(own, Simulator) else self.network.named(own.parameters.copy())

    @property
    def statistics(self) -> dict[str, NDArray[Any]]:
        """Copies of the running means and variances of batch normalization by name; `Simulator.set_statistics`."""
        own = self._backend
        return own.statistics if isinstance(own, Simulator) else self.network.named_statistics(own.statistics.copy())

    @property
    def _width(self) -> int:
        """How many features a row has."""
        return self.network.inputs if self.made is None else self.made.count

    def _made(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        assert self.made is not None
        try:
            return self.made.finite(raw)
        except DataError as error:
            raise UsageError(error.message, error.hint) from error

    @property
    def _column_names(self) -> tuple[str, ...]:
        """The columns that it learned from, by name; none where they had no names."""
        return tuple(column.name for column in self.columns) or self.features

    def _by_name(self, X: ArrayLike) -> ArrayLike:
        names = self._column_names
        given = columns_of(X) if names else None
        if given is None:
            return X if not self.columns else by_place(X, self.columns)
        missing = [name for name in names if name not in given]
        if missing:
            raise DataError(
                f'X has no column "{named(missing[0])}", which the network learned from',
                did_you_mean(missing[0], list(given)) or f"It needs {listed(names)}.",
            )
        if self.columns:
            return filled(self.columns, learned_inputs(given, self.columns))
        found = {name: array_of(name, given[name]) for name in names}
        return np.column_stack(
            [values if values.dtype.kind in "biuf" else learned_numbers(name, values) for name, values in found.items()]
        )

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Names of the classes (rows,), or values (rows, outputs) where there are no classes; raises as `outputs`."""
        return self.answers(self.outputs(X))

    def answers(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """What `predict` gives for these outputs of the network."""
        if not self.classes:
            return outputs
        if outputs.shape[1] == 1:
            chosen = (outputs[:, 0] > self.network.loss.record.threshold).astype(int)
        else:
            chosen = outputs.argmax(axis=1)
        answers: NDArray[Any] = np.array(self.classes)[chosen]
        return answers

    def read(self, path: Path | str) -> NDArray[Any]:
        """Raw rows (rows, features) for `predict` from a file: CSV with named columns, IDX (bytes, as MNIST) or images.

        Images are PNG or JPEG files, one or a folder of them, and become what those were that the network learned from.
        Columns are found by the names that the network learned from, and others are left out; where it knows none,
        all columns are taken in their order.

        Raises
        ------
        DataError
            When the file is missing or damaged, or has not what the network needs.
        """
        file, inputs = Path(path), self._width
        if holds_images(file):
            return self._images(file)
        with open_ordinary(file) as stream:
            try:
                start = stream.read(2)
            except OSError as error:
                raise unreadable(file, error) from error
        if start in _IDX_STARTS:
            rows = read_idx(file, None)
            if math.prod(rows.shape[1:]) != inputs:
                found = " x ".join(map(str, rows.shape[1:])) or "one"
                raise DataError(f"{file}: its rows have {found} numbers, and this network needs {inputs}")
            return rows.reshape(len(rows), inputs)
        table = read_csv(file)
        names = self._column_names or table.names
        if not self.features and len(names) != inputs:
            instead = "It learned from images: give it a PNG or JPEG file, a folder of such, or an IDX file."
            unnamed = "The columns that it learned from had no names, so there must be exactly as many, in their order."
            raise DataError(
                f"{file} has {len(names)} columns, and this network needs {inputs}",
                instead if self.image_shape else unnamed,
            )
        missing = [name for name in names if name not in table.names]
        if missing:
            raise DataError(
                f'{file} has no column "{missing[0]}", which the network learned from',
                table.without_names()
                or did_you_mean(missing[0], table.names)
                or f"It needs {listed(names)}; other columns are left out.",
            )
        return read_learned(table, self.columns) if self.columns else table.numbers(names)

    def _images(self, path: Path) -> NDArray[Any]:
        if not self.image_shape or self.image_shape[2:] not in ((), (1,), (3,)):
            raise DataError(
                f"{path}: this network has not learned from images, gray or RGB, with bytes for pixels",
                "It takes a CSV file, or an IDX file.",
            )
        return read_images(files_to_answer_for(path), self.image_shape)


def model_of(simulator: Simulator) -> Model:
    """The network of a simulator as it is now, with the scaling of its data; its outputs follow further training."""
    data = simulator.data
    return Model(
        None,
        simulator.network,
        data.classes,
        data.raw_names,
        data.feature_scale,
        data.feature_shift,
        data.target_names,
        data.target_scale,
        data.target_shift,
        simulator,
        columns=data.columns,
        image_shape=data.image_shape if data.pixels else (),
        made=data.made,
    )
