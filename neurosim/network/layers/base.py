"""The kinds of layers as pure data: shapes, parameters and settings; nothing here computes.

Rows that enter and leave a layer are vectors, shape (units,), or feature maps, shape (height, width,
channels). The last axis is that of the channels in either case: a vector is a map of one position.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from neurosim.plugin import Activation, Initializer, RowActivation

Record = TypeVar("Record")
Shape = tuple[int, ...]


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


ChosenActivation = Chosen[Activation | RowActivation]


@dataclass(frozen=True)
class Parameter:
    """One named array of numbers, and where it lies in the flat vector."""

    name: str
    shape: Shape
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
class Penalty:
    """What large weights cost: ``l1 * sum(|w|) + l2 / 2 * sum(w ** 2)``; biases are free."""

    l1: float = 0.0
    l2: float = 0.0

    def __bool__(self) -> bool:
        return self.l1 != 0 or self.l2 != 0


@dataclass(frozen=True)
class Window:
    """How a kernel slides over a feature map.

    With "valid" padding the kernel stays inside the map. With "same" padding there is an output for
    each `stride`-th input: the map is continued beyond its edges, by one more cell at the bottom and at
    the right where the number of cells to add is odd.

    Attributes
    ----------
    input_shape : (height, width, channels)
        What comes in.
    kernel, stride : (vertical, horizontal)
        Size of the kernel, and its steps.
    padding : (top, bottom, left, right)
        Cells added at each edge.
    """

    input_shape: Shape
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]

    @classmethod
    def padded(cls, shape: Shape, kernel: tuple[int, int], stride: tuple[int, int], padding: str) -> Window:
        """The window with "valid" or "same" padding on a map of this shape."""
        cells: list[int] = []
        for size, reach, step in zip(shape, kernel, stride, strict=False):
            added = max((-(-size // step) - 1) * step + reach - size, 0) if padding == "same" else 0
            cells += [added // 2, added - added // 2]
        return cls(shape, kernel, stride, (cells[0], cells[1], cells[2], cells[3]))

    @property
    def channels(self) -> int:
        """Channels of the map that comes in."""
        return self.input_shape[2]

    @property
    def output_size(self) -> tuple[int, int]:
        """Height and width of the map that goes out; below 1 where the kernel does not fit."""
        height, width, _ = self.input_shape
        top, bottom, left, right = self.padding
        down, across = height + top + bottom - self.kernel[0], width + left + right - self.kernel[1]
        return down // self.stride[0] + 1, across // self.stride[1] + 1


@dataclass(frozen=True)
class Dense:
    """A fully connected layer: ``a = f(x @ weight + bias)``, weight (inputs, units)."""

    kind: ClassVar[str] = "dense"
    name: str
    inputs: int
    units: int
    activation: ChosenActivation
    weight: Parameter
    bias: Parameter | None
    init: Chosen[Initializer]
    start_weight: tuple[tuple[float, ...], ...] | None = None
    start_bias: tuple[float, ...] | None = None
    penalty: Penalty = Penalty()

    @property
    def output_shape(self) -> Shape:
        """Shape of one row that leaves the layer."""
        return (self.units,)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the layer learns."""
        return (self.weight,) if self.bias is None else (self.weight, self.bias)

    @property
    def fans(self) -> tuple[int, int]:
        """Inputs of one unit, and outputs that one input takes part in; for the initializer."""
        return self.inputs, self.units

    @property
    def multiply_adds(self) -> int:
        """Multiplications with a weight for one row."""
        return self.inputs * self.units


@dataclass(frozen=True)
class Conv2d:
    """A convolution: each output sees the cells under a kernel, with the same weights everywhere.

    ``z[y, x, o] = bias[o] + sum over i, j, c of weight[i, j, c, o] * map[y * stride + i, x * stride + j, c]``
    and ``a = f(z)``: a cross-correlation, as in all frameworks. Weight (kernel height, kernel width,
    channels in, channels out).
    """

    kind: ClassVar[str] = "conv2d"
    name: str
    window: Window
    channels: int
    activation: ChosenActivation
    weight: Parameter
    bias: Parameter | None
    init: Chosen[Initializer]
    penalty: Penalty = Penalty()
    start_weight: ClassVar[None] = None
    start_bias: ClassVar[None] = None

    @property
    def output_shape(self) -> Shape:
        """Shape of one row that leaves the layer."""
        return (*self.window.output_size, self.channels)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the layer learns."""
        return (self.weight,) if self.bias is None else (self.weight, self.bias)

    @property
    def fans(self) -> tuple[int, int]:
        """Inputs of one output, and outputs that one input takes part in; for the initializer."""
        cells = math.prod(self.window.kernel)
        return cells * self.window.channels, cells * self.channels

    @property
    def multiply_adds(self) -> int:
        """Multiplications with a weight for one row, those with padding included."""
        return math.prod(self.window.output_size) * self.weight.size


@dataclass(frozen=True)
class Pool2d:
    """Base of the layers that draw cells of each channel together."""

    name: str
    window: Window
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    multiply_adds: ClassVar[int] = 0

    @property
    def output_shape(self) -> Shape:
        """Shape of one row that leaves the layer."""
        return (*self.window.output_size, self.window.channels)


@dataclass(frozen=True)
class MaxPool2d(Pool2d):
    """The largest of the cells under the window; the first of them where several are equal."""

    kind: ClassVar[str] = "max_pool2d"


@dataclass(frozen=True)
class AvgPool2d(Pool2d):
    """The mean of the cells under the window; cells of the padding do not count."""

    kind: ClassVar[str] = "avg_pool2d"


@dataclass(frozen=True)
class GlobalAvgPool2d:
    """The mean of each channel over the whole map: a vector."""

    kind: ClassVar[str] = "global_avg_pool2d"
    name: str
    shape: Shape
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    multiply_adds: ClassVar[int] = 0

    @property
    def output_shape(self) -> Shape:
        """Shape of one row that leaves the layer."""
        return self.shape[-1:]


@dataclass(frozen=True)
class SameShape:
    """Base of the layers whose rows leave as they came."""

    name: str
    shape: Shape
    multiply_adds: ClassVar[int] = 0

    @property
    def units(self) -> int:
        """Numbers in one row."""
        return math.prod(self.shape)

    @property
    def channels(self) -> int:
        """Length of the last axis."""
        return self.shape[-1]

    @property
    def positions(self) -> int:
        """Places of a map that share their channels; 1 for a vector."""
        return math.prod(self.shape[:-1])

    @property
    def output_shape(self) -> Shape:
        """Shape of one row that leaves the layer."""
        return self.shape

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the layer learns."""
        return ()


@dataclass(frozen=True)
class BatchNorm(SameShape):
    """Scales each channel to mean 0 and variance 1 over the batch, then to what it learns.

    ``a = gamma * (x - mean) / sqrt(variance + epsilon) + beta`` (Ioffe and Szegedy 2015, arXiv:1502.03167,
    algorithm 1). In training, mean and variance (divided by n) are those of the batch's rows and
    positions; each step moves the running ones by `momentum` towards them, the variance divided by
    n - 1. Evaluation uses the running ones.
    """

    kind: ClassVar[str] = "batch_norm"
    gamma: Parameter
    beta: Parameter
    mean: Parameter
    variance: Parameter
    momentum: float
    epsilon: float

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the layer learns."""
        return self.gamma, self.beta

    @property
    def statistics(self) -> tuple[Parameter, ...]:
        """Running mean and variance: kept, not learnt; they lie in a flat vector of their own."""
        return self.mean, self.variance


@dataclass(frozen=True)
class LayerNorm(SameShape):
    """Scales the channels of each position of each row to mean 0 and variance 1, then to what it learns.

    ``a = gamma * (x - mean) / sqrt(variance + epsilon) + beta`` over the last axis (Ba, Kiros and Hinton
    2016, arXiv:1607.06450).
    """

    kind: ClassVar[str] = "layer_norm"
    gamma: Parameter
    beta: Parameter
    epsilon: float

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the layer learns."""
        return self.gamma, self.beta


@dataclass(frozen=True)
class Activate(SameShape):
    """An activation on its own: ``a = f(x)``."""

    kind: ClassVar[str] = "activation"
    activation: ChosenActivation


@dataclass(frozen=True)
class Dropout(SameShape):
    """Sets a share `rate` of its inputs to zero while training, and scales the rest by 1 / (1 - rate)."""

    kind: ClassVar[str] = "dropout"
    index: int
    rate: float


@dataclass(frozen=True)
class Flatten(SameShape):
    """Reads a row of any shape as one vector, in the order height, width, channels."""

    kind: ClassVar[str] = "flatten"

    @property
    def output_shape(self) -> Shape:
        """Shape of one row that leaves the layer."""
        return (self.units,)


@dataclass(frozen=True)
class Residual(SameShape):
    """Layers with a skip around them: ``a = layers(x) + x``, or ``layers(x) + projection(x)``.

    The projection, a dense layer or a convolution with a kernel of one cell, both without bias, is
    there where the shape that leaves the layers is not the one that enters them (He et al. 2016,
    arXiv:1512.03385, equations 1 and 2).
    """

    kind: ClassVar[str] = "residual"
    layers: tuple[Layer, ...]
    projection: Dense | Conv2d | None

    @property
    def output_shape(self) -> Shape:
        """Shape of one row that leaves the layer."""
        return self.layers[-1].output_shape

    @property
    def parts(self) -> tuple[Layer, ...]:
        """The layers and the projection."""
        return self.layers if self.projection is None else (*self.layers, self.projection)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What its layers and the projection learn."""
        return tuple(parameter for part in self.parts for parameter in part.parameters)


Layer = (
    Dense
    | Conv2d
    | MaxPool2d
    | AvgPool2d
    | GlobalAvgPool2d
    | BatchNorm
    | LayerNorm
    | Activate
    | Dropout
    | Flatten
    | Residual
)


def walk(layers: tuple[Layer, ...]) -> Iterator[Layer]:
    """Every layer, and after each residual one those inside it, in the order of their parameters."""
    for layer in layers:
        yield layer
        if isinstance(layer, Residual):
            yield from walk(layer.parts)
