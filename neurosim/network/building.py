"""Stacking layers into a network, one by one: their shapes, and the layout of their parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from neurosim.errors import ShapeError
from neurosim.network.layers import (
    Activate,
    AvgPool2d,
    BatchNorm,
    Chosen,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    LayerNorm,
    MaxPool2d,
    Parameter,
    Penalty,
    Pool2d,
    Residual,
    Shape,
    Window,
)
from neurosim.network.network import Network
from neurosim.plugin import Initializer, Loss, RowActivation

Pair = tuple[int, int]


@dataclass
class _Stack:
    """Layers that follow each other: the network's, or those inside a residual one."""

    prefix: str
    input_shape: Shape
    layers: list[Layer] = field(default_factory=list)

    @property
    def shape(self) -> Shape:
        return self.layers[-1].output_shape if self.layers else self.input_shape


class NetworkBuilder:
    """Stacks layers one by one, working out their shapes and the layout of the parameters.

    Each method raises ShapeError, naming the layer, what came in and what it needs.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one input row: (units,) or (height, width, channels); (height, width) only where it is
        flattened at once.
    """

    def __init__(self, input_shape: Shape) -> None:
        self.input_shape = input_shape
        self.size = 0
        self._statistics = 0
        self._dropouts = 0
        self._stacks = [_Stack("layers", input_shape)]

    @property
    def layers(self) -> list[Layer]:
        """The layers so far; inside a residual layer, its own."""
        return self._stacks[-1].layers

    @property
    def shape(self) -> Shape:
        """Shape of one row after the layers so far."""
        return self._stacks[-1].shape

    def _name(self) -> str:
        return f"{self._stacks[-1].prefix}.{len(self.layers)}"

    def _parameter(self, name: str, shape: Shape) -> Parameter:
        parameter = Parameter(name, shape, self.size)
        self.size += parameter.size
        return parameter

    def _statistic(self, name: str, shape: Shape) -> Parameter:
        statistic = Parameter(name, shape, self._statistics)
        self._statistics += statistic.size
        return statistic

    def dense(
        self,
        units: int,
        activation: Chosen[Any],
        init: Chosen[Initializer],
        *,
        bias: bool = True,
        start_weight: Sequence[Sequence[float]] | None = None,
        start_bias: Sequence[float] | None = None,
        penalty: Penalty = Penalty(),  # noqa: B008 (frozen)
    ) -> None:
        """Add a fully connected layer."""
        name = self._name()
        if len(self.shape) != 1:
            raise ShapeError(
                f"network.{name} (dense) needs a vector, but {_show(self.shape)} comes in",
                'put a "flatten" or "global_avg_pool2d" layer before it',
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
                penalty,
            )
        )

    def conv2d(
        self,
        channels: int,
        kernel: Pair,
        activation: Chosen[Any],
        init: Chosen[Initializer],
        *,
        stride: Pair = (1, 1),
        padding: str = "valid",
        bias: bool = True,
        penalty: Penalty = Penalty(),  # noqa: B008 (frozen)
    ) -> None:
        """Add a convolution."""
        name = self._name()
        if isinstance(activation.record, RowActivation):
            raise ShapeError(
                f"network.{name} (conv2d): {activation.name} works on a whole row, not on a map",
                'put it into an "activation" layer behind a "flatten" or "global_avg_pool2d" layer',
            )
        window = self._window("conv2d", kernel, stride, padding)
        self.layers.append(
            Conv2d(
                name,
                window,
                channels,
                activation,
                self._parameter(f"{name}.weight", (*kernel, window.channels, channels)),
                self._parameter(f"{name}.bias", (channels,)) if bias else None,
                init,
                penalty,
            )
        )

    def max_pool2d(self, size: Pair = (2, 2), stride: Pair | None = None, padding: str = "valid") -> None:
        """Add a layer that keeps the largest cell under a window."""
        window = self._window("max_pool2d", size, stride or size, padding)
        self.layers.append(MaxPool2d(self._name(), window))

    def avg_pool2d(self, size: Pair = (2, 2), stride: Pair | None = None, padding: str = "valid") -> None:
        """Add a layer that takes the mean of the cells under a window."""
        window = self._window("avg_pool2d", size, stride or size, padding)
        self.layers.append(AvgPool2d(self._name(), window))

    def global_avg_pool2d(self) -> None:
        """Add a layer that takes the mean of each channel."""
        shape = self._map("global_avg_pool2d")
        self.layers.append(GlobalAvgPool2d(self._name(), shape))

    def batch_norm(self, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        """Add batch normalization."""
        name, shape = self._name(), self.shape
        gamma, beta = (self._parameter(f"{name}.{what}", shape[-1:]) for what in ("gamma", "beta"))
        mean, variance = (self._statistic(f"{name}.{what}", shape[-1:]) for what in ("mean", "variance"))
        self.layers.append(BatchNorm(name, shape, gamma, beta, mean, variance, momentum, epsilon))

    def layer_norm(self, epsilon: float = 1e-5) -> None:
        """Add layer normalization."""
        name, shape = self._name(), self.shape
        gamma, beta = (self._parameter(f"{name}.{what}", shape[-1:]) for what in ("gamma", "beta"))
        self.layers.append(LayerNorm(name, shape, gamma, beta, epsilon))

    def activation(self, activation: Chosen[Any]) -> None:
        """Add an activation on its own."""
        name = self._name()
        if isinstance(activation.record, RowActivation) and len(self.shape) != 1:
            raise ShapeError(
                f"network.{name} (activation): {activation.name} needs a vector, but {_show(self.shape)} comes in",
                'put a "flatten" or "global_avg_pool2d" layer before it',
            )
        self.layers.append(Activate(name, self.shape, activation))

    def dropout(self, rate: float) -> None:
        """Add a dropout layer."""
        self.layers.append(Dropout(self._name(), self.shape, self._dropouts, rate))
        self._dropouts += 1

    def flatten(self) -> None:
        """Add a layer that reads its input as one vector."""
        self.layers.append(Flatten(self._name(), self.shape))

    @contextmanager
    def residual(self, projection: tuple[Chosen[Any], Chosen[Initializer]] | None = None) -> Iterator[None]:
        """Add a residual layer around the layers that are added inside the ``with``.

        `projection` is the activation (the identity) and the initializer of the projection, for where
        the shapes differ; without it the shapes must be the same.
        """
        name, before = self._name(), self.shape
        self._stacks.append(_Stack(f"{name}.layers", before))
        try:
            yield
            after = self.shape
        finally:
            layers = tuple(self._stacks.pop().layers)
        if not layers:
            raise ShapeError(f"network.{name} (residual) has no layers inside")
        skip = None if after == before else self._projection(name, before, after, layers, projection)
        self.layers.append(Residual(name, before, layers, skip))

    def _projection(
        self,
        name: str,
        before: Shape,
        after: Shape,
        layers: tuple[Layer, ...],
        chosen: tuple[Chosen[Any], Chosen[Initializer]] | None,
    ) -> Dense | Conv2d:
        shapes = f"{_show(before)} goes in and {_show(after)} comes out of its layers"
        if chosen is None:
            raise ShapeError(f"network.{name} (residual): {shapes}; the skip can add equal shapes only")
        if len(before) != len(after):
            raise ShapeError(f"network.{name} (residual): {shapes}; no projection leads from one to the other")
        weight = f"{name}.projection.weight"
        if len(before) == 1:
            parameter = self._parameter(weight, (before[0], after[0]))
            return Dense(f"{name}.projection", before[0], after[0], chosen[0], parameter, None, chosen[1])
        window = Window.padded(before, (1, 1), _stride(layers), "valid")
        if window.output_size != after[:2]:
            raise ShapeError(
                f"network.{name} (residual): {shapes}; no stride of a 1 x 1 convolution makes one of the other",
                'pad the convolutions inside with padding = "same"',
            )
        parameter = self._parameter(weight, (1, 1, before[2], after[2]))
        return Conv2d(f"{name}.projection", window, after[2], chosen[0], parameter, None, chosen[1])

    def _map(self, kind: str) -> Shape:
        """The shape that comes in, as a feature map."""
        shape = self.shape
        if len(shape) != 3:
            raise ShapeError(
                f"network.{self._name()} ({kind}) needs a map (height, width, channels), but {_show(shape)} comes in",
                "images come from data sets of images, and stay images until a flatten or dense layer",
            )
        return shape

    def _window(self, kind: str, kernel: Pair, stride: Pair, padding: str) -> Window:
        window = Window.padded(self._map(kind), kernel, stride, padding)
        if min(window.output_size) < 1:
            raise ShapeError(
                f"network.{self._name()} ({kind}): a window of {kernel[0]} x {kernel[1]} does not fit into the map "
                f"{self.shape} that comes in",
                'use a smaller window, fewer pools before it, or padding = "same"',
            )
        return window

    def build(self, loss: Chosen[Loss]) -> Network:
        """The network made of the layers so far."""
        return Network(self.input_shape, tuple(self.layers), loss)


def _show(shape: Shape) -> str:
    return f"a vector of {shape[0]}" if len(shape) == 1 else f"a map {shape}"


def _stride(layers: tuple[Layer, ...]) -> Pair:
    """Steps in the map that goes in from one cell to the next of the map that comes out."""
    down, across = 1, 1
    for layer in layers:
        if isinstance(layer, Conv2d | Pool2d):
            stride = layer.window.stride
        elif isinstance(layer, Residual):
            stride = _stride(layer.layers)
        else:
            continue
        down, across = down * stride[0], across * stride[1]
    return down, across
