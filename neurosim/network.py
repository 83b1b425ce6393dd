"""A network as pure data: its layers, its shapes, and one flat vector that holds all parameters.

Nothing here computes. The backends read this description; the simulator names parameters by it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurosim.errors import ShapeError
from neurosim.plugin import Activation, FromLogits, Initializer, Loss, Optimizer, RowActivation, Schedule
from neurosim.randomness import Stream

Record = TypeVar("Record")


@dataclass(frozen=True)
class Chosen(Generic[Record]):
    """A record and the values of its parameters, in the record's own order."""

    record: Record
    values: tuple[float, ...]

    @property
    def name(self) -> str:
        """Name of the record."""
        return str(getattr(self.record, "name"))  # noqa: B009

    @property
    def params(self) -> dict[str, float]:
        """The parameters' values by name."""
        return dict(zip(getattr(self.record, "params"), self.values, strict=True))  # noqa: B009


def choose(record: Any, params: Mapping[str, float] | None = None) -> Chosen[Any]:
    """`record` with its defaults, some of them replaced by `params`."""
    given = params or {}
    return Chosen(record, tuple(float(given.get(name, default)) for name, default in record.params.items()))


@dataclass(frozen=True)
class Parameter:
    """One array of trainable numbers, and where it lies in the flat vector."""

    name: str
    shape: tuple[int, ...]
    offset: int

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)

    @property
    def span(self) -> slice:
        """Its place in the flat vector."""
        return slice(self.offset, self.offset + self.size)


@dataclass(frozen=True)
class Dense:
    """A fully connected layer: ``a = f(x @ weight + bias)``, weight (inputs, units)."""

    kind: ClassVar[str] = "dense"
    name: str
    inputs: int
    units: int
    activation: Chosen[Activation | RowActivation]
    weight: Parameter
    bias: Parameter | None
    init: Chosen[Initializer]
    start_weight: tuple[tuple[float, ...], ...] | None = None
    start_bias: tuple[float, ...] | None = None

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of one row that leaves the layer."""
        return (self.units,)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the layer learns."""
        return (self.weight,) if self.bias is None else (self.weight, self.bias)


@dataclass(frozen=True)
class Dropout:
    """Sets a share `rate` of its inputs to zero while training, and scales the rest by 1 / (1 - rate)."""

    kind: ClassVar[str] = "dropout"
    name: str
    index: int
    shape: tuple[int, ...]
    rate: float

    @property
    def units(self) -> int:
        """Numbers in one row."""
        return math.prod(self.shape)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of one row that leaves the layer."""
        return self.shape

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the layer learns: nothing."""
        return ()


@dataclass(frozen=True)
class Flatten:
    """Reads a row of any shape as one vector; moves no data."""

    kind: ClassVar[str] = "flatten"
    name: str
    shape: tuple[int, ...]

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of one row that leaves the layer."""
        return (math.prod(self.shape),)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the layer learns: nothing."""
        return ()


Layer = Dense | Dropout | Flatten


@dataclass(frozen=True)
class Network:
    """Layers, loss and the layout of the parameters.

    Attributes
    ----------
    input_shape : tuple of int
        Shape of one input row, such as (784,) or (28, 28).
    layers : tuple of Layer
        In the order in which data flow.
    loss : Chosen[Loss]
        What training minimises.
    """

    input_shape: tuple[int, ...]
    layers: tuple[Layer, ...]
    loss: Chosen[Loss]

    @property
    def inputs(self) -> int:
        """Numbers in one input row."""
        return math.prod(self.input_shape)

    @property
    def outputs(self) -> int:
        """Numbers in one output row."""
        return math.prod(self.layers[-1].output_shape)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All parameters, in the order of the flat vector."""
        return tuple(parameter for layer in self.layers for parameter in layer.parameters)

    @property
    def size(self) -> int:
        """How many numbers the network learns."""
        return sum(parameter.size for parameter in self.parameters)

    @property
    def dropouts(self) -> tuple[Dropout, ...]:
        """The dropout layers, in order."""
        return tuple(layer for layer in self.layers if isinstance(layer, Dropout))

    @property
    def pair(self) -> FromLogits | None:
        """The pair of loss and output activation that is computed from logits, if there is one."""
        last = self.layers[-1]
        return self.loss.record.pair_for(last.activation.name) if isinstance(last, Dense) else None

    def start_values(self, seed: int) -> NDArray[np.float32]:
        """Flat vector of start values for a seed, float32 on every backend, shape (size,)."""
        values = np.zeros(self.size, np.float32)
        for layer in self.layers:
            if isinstance(layer, Dense):
                _fill(layer, seed, values)
        return values

    def named(self, flat: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Views into a flat vector by parameter name."""
        return {parameter.name: flat[parameter.span].reshape(parameter.shape) for parameter in self.parameters}

    def flat(self, named: Mapping[str, ArrayLike], dtype: Any) -> NDArray[Any]:
        """A flat vector from arrays by parameter name.

        Raises
        ------
        ShapeError
            When names are missing or unknown, or a shape differs.
        """
        expected = [parameter.name for parameter in self.parameters]
        missing = [name for name in expected if name not in named]
        unknown = [name for name in named if name not in expected]
        if missing or unknown:
            parts = [f"missing: {', '.join(missing)}"] if missing else []
            parts += [f"unknown: {', '.join(unknown)}"] if unknown else []
            what = "parameters do not fit this network: " + "; ".join(parts)
            raise ShapeError(what, "needed: " + ", ".join(expected))
        flat = np.empty(self.size, dtype)
        for parameter in self.parameters:
            array = np.asarray(named[parameter.name])
            if array.shape != parameter.shape:
                raise ShapeError(f"{parameter.name} has shape {array.shape}, this network needs {parameter.shape}")
            flat[parameter.span] = array.ravel()
        return flat


def _fill(layer: Dense, seed: int, values: NDArray[np.float32]) -> None:
    """Start values of one layer; each array has random numbers of its own."""
    init = layer.init.record
    for parameter, given, rule in (
        (layer.weight, layer.start_weight, init.weight),
        (layer.bias, layer.start_bias, init.bias),
    ):
        if parameter is None:
            continue
        if given is not None:
            values[parameter.span] = np.asarray(given, np.float64).ravel()
        elif rule is not None:
            random = Stream(seed, "init", parameter.name)
            drawn = np.asarray(rule(random, parameter.shape, layer.inputs, layer.units, *layer.init.values))
            if drawn.shape != parameter.shape:
                raise ShapeError(
                    f"initializer {layer.init.name} gave shape {drawn.shape} for {parameter.name}, "
                    f"which needs {parameter.shape}"
                )
            values[parameter.span] = drawn.ravel()


@dataclass(frozen=True)
class Training:
    """How parameters are updated: the optimizer, its schedule, and the batches."""

    optimizer: Chosen[Optimizer]
    schedule: Chosen[Schedule]
    batch_size: int
    shuffle: bool
    epochs: int

    @property
    def rate(self) -> float:
        """The optimizer's own learning rate, before any schedule."""
        return self.optimizer.values[list(self.optimizer.record.params).index("lr")]

    def rates(self, epoch: int, steps: int, epochs: int = 1) -> NDArray[np.float64]:
        """Learning rate of each step of `epochs` epochs from number `epoch` (from 0) on, flat, float64."""
        first, last = epoch * steps, (epoch + epochs) * steps
        total = max(self.epochs * steps, last)
        factor, values = self.schedule.record.factor, self.schedule.values
        steps_and_settings = (range(first, last), repeat(total), *(repeat(value) for value in values))
        return self.rate * np.fromiter(map(factor, *steps_and_settings), np.float64, last - first)


@dataclass
class NetworkBuilder:
    """Stacks layers one by one, working out their shapes and the layout of the parameters.

    Each method raises ShapeError, naming the layer, what came in and what it needs.
    """

    input_shape: tuple[int, ...]
    layers: list[Layer] = field(default_factory=list)
    size: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one row after the layers so far."""
        return self.layers[-1].output_shape if self.layers else self.input_shape

    def _name(self) -> str:
        return f"layers.{len(self.layers)}"

    def _parameter(self, name: str, shape: tuple[int, ...]) -> Parameter:
        parameter = Parameter(name, shape, self.size)
        self.size += parameter.size
        return parameter

    def dense(
        self,
        units: int,
        activation: Chosen[Any],
        init: Chosen[Initializer],
        *,
        bias: bool = True,
        start_weight: Sequence[Sequence[float]] | None = None,
        start_bias: Sequence[float] | None = None,
    ) -> None:
        """Add a fully connected layer."""
        name = self._name()
        if len(self.shape) != 1:
            raise ShapeError(
                f"network.{name} (dense) needs a vector, but {self.shape} comes in", 'put a "flatten" layer before it'
            )
        inputs = self.shape[0]
        weight = None if start_weight is None else tuple(tuple(float(value) for value in row) for row in start_weight)
        if weight is not None and (len(weight) != inputs or any(len(row) != units for row in weight)):
            raise ShapeError(
                f"network.{name}.weight has shape ({len(weight)}, {len(weight[0]) if weight else 0}), "
                f"this layer needs ({inputs}, {units}): one row per input, one column per unit"
            )
        if start_bias is not None and len(start_bias) != units:
            raise ShapeError(f"network.{name}.bias has {len(start_bias)} values, this layer needs {units}")
        self.layers.append(
            Dense(
                name,
                inputs,
                units,
                activation,
                self._parameter(f"{name}.weight", (inputs, units)),
                self._parameter(f"{name}.bias", (units,)) if bias else None,
                init,
                weight,
                None if start_bias is None else tuple(float(value) for value in start_bias),
            )
        )

    def dropout(self, rate: float) -> None:
        """Add a dropout layer."""
        index = sum(isinstance(layer, Dropout) for layer in self.layers)
        self.layers.append(Dropout(self._name(), index, self.shape, rate))

    def flatten(self) -> None:
        """Add a layer that reads its input as one vector."""
        self.layers.append(Flatten(self._name(), self.shape))

    def build(self, loss: Chosen[Loss]) -> Network:
        """The network made of the layers so far."""
        return Network(self.input_shape, tuple(self.layers), loss)
