"""Conv2d: a convolution over feature maps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field

from neurosim.errors import ShapeError
from neurosim.network.layers.base import Chosen, ChosenActivation, Pair, Parameter, Shape
from neurosim.network.layers.section import FROZEN, KIND, LayerSection, chosen_of
from neurosim.network.layers.stack import Stack
from neurosim.network.layers.weighted import (
    INIT,
    L1,
    L2,
    NO_PENALTY,
    SUMS,
    Penalty,
    Weighted,
    learned_parameters,
)
from neurosim.network.layers.window import DILATION, PADDING, Extent, Padded, Padding, Window, Windowed, edges, pair
from neurosim.network.sections import ActivationChoice, Choice, Number, choice
from neurosim.plugin import Initializer, RowActivation


class Conv2dSection(LayerSection, title="Conv2d"):
    """Convolution: the same small set of weights looks at every place of an image."""

    rows: ClassVar[Literal["map"]] = "map"
    learns: ClassVar[bool] = True
    width_key: ClassVar[str] = "channels"

    kind: Literal["conv2d"] = Field(description=KIND)
    channels: int = Field(ge=1, le=1_000_000, description="Number of channels of the map that comes out.")
    kernel: Extent = Field(default=3, description="Cells that one output sees, such as 3 for 3 x 3, or [3, 5].")
    stride: Extent = Field(default=1, description="Steps of the kernel, such as 2 for every other cell.")
    padding: Padding = Field(default="valid", description=PADDING)
    dilation: Extent = Field(default=1, description=DILATION)
    groups: int = Field(
        default=1,
        ge=1,
        le=1_000_000,
        description=(
            "In how many groups the channels are divided, each seeing only its own; as many as channels come in for a "
            "depthwise convolution."
        ),
    )
    activation: ActivationChoice = choice("activations", SUMS, default=ActivationChoice(name="identity"))
    init: Choice | None = choice("initializers", INIT, default=None)
    bias: bool = Field(default=True, description="Whether each channel has a bias.")
    l1: Number = Field(default=0.0, ge=0, description=L1)
    l2: Number = Field(default=0.0, ge=0, description=L2)
    frozen: bool = Field(default=False, description=FROZEN)

    def build(self, stack: Stack) -> None:
        """Put the layer on a stack; raises ShapeError where it does not fit."""
        Conv2d.put_on(
            stack,
            self.channels,
            pair(self.kernel),
            chosen_of(self.activation),
            chosen_of(self.initializer),
            stride=pair(self.stride),
            padding=edges(self.padding),
            dilation=pair(self.dilation),
            groups=self.groups,
            bias=self.bias,
            penalty=Penalty(self.l1, self.l2),
        )

    @property
    def drawn_for(self) -> str | None:
        """Name of the activation whose usual initializer draws the initial values; None where that is not left open."""
        return self.activation.name if self.init is None else None


@dataclass(frozen=True)
class Conv2d(Weighted, Windowed):
    """A convolution: each output sees the cells under a kernel, with the same weights everywhere.

    ``z[y, x, o] = bias[o] + sum over i, j, c of weight[i, j, c, o] * map[y * stride + i * dilation, x * stride +
    j * dilation, c]`` and ``a = f(z)``: a cross-correlation, as in all frameworks. Weight (kernel height, kernel width,
    channels in, channels out). With groups the channels that come in and those that go out are divided among them in
    order; a channel that goes out sees those of its own group, and the weight has only these as its channels in.
    """

    kind: ClassVar[str] = "conv2d"
    name: str
    window: Window
    channels: int
    activation: ChosenActivation
    weight: Parameter
    bias: Parameter | None
    init: Chosen[Initializer]
    penalty: Penalty = NO_PENALTY
    learned: tuple[Parameter, ...] = ()
    groups: int = 1

    @classmethod
    def put_on(
        cls,
        stack: Stack,
        channels: int,
        kernel: Pair,
        activation: Chosen[Any],
        init: Chosen[Initializer],
        *,
        stride: Pair = (1, 1),
        padding: Padded = "valid",
        dilation: Pair = (1, 1),
        groups: int = 1,
        bias: bool = True,
        penalty: Penalty = NO_PENALTY,
    ) -> None:
        """Put such a layer on a stack; raises ShapeError where it does not fit."""
        name = stack.name
        if isinstance(activation.record, RowActivation):
            raise ShapeError(
                f"network.{name} (conv2d): {activation.name} works on a whole row, not on a map",
                'put it into an "activation" layer behind a "flatten" or "global_avg_pool2d" layer',
            )
        window = Window.over(stack, cls.kind, kernel, stride, padding, dilation=dilation)
        for count, where in ((window.channels, "come in"), (channels, "go out")):
            if count % groups:
                raise ShapeError(
                    f"network.{name} (conv2d): {count} channels {where}, which {groups} groups cannot share equally",
                    f"choose a number of groups that divides {count}",
                )
        weight = stack.parameter("weight", (*kernel, window.channels // groups, channels))
        own_bias = stack.parameter("bias", (channels,)) if bias else None
        learned = learned_parameters(stack, activation, channels)
        stack.add(cls(name, window, channels, activation, weight, own_bias, init, penalty, learned, groups))

    @property
    def is_plain(self) -> bool:
        """Whether every output sees all channels of adjacent cells: there are no groups and no dilation."""
        return self.groups == 1 and self.window.dilation == (1, 1)

    def first_input(self, channel: int) -> int:
        """The first of the input channels that an output channel sees: those of its group."""
        return channel // (self.channels // self.groups) * self.weight.shape[2]

    @property
    def output_shape(self) -> Shape:
        """Shape of one row that leaves the layer."""
        return (*self.window.output_size, self.channels)

    @property
    def settings(self) -> tuple[str, ...]:
        """Kernel, stride, groups and activation."""
        return *self.window.words((1, 1)), *self._in_groups, *super().settings

    @property
    def details(self) -> tuple[str, ...]:
        """Channels, kernel and activation."""
        high, wide = self.window.kernel
        channels = f"{self.channels} channel" + "s" * (self.channels != 1)
        return channels, f"kernel {high} x {wide}", *self.window.dilation_words, *self._in_groups, *super().settings

    @property
    def _in_groups(self) -> tuple[str, ...]:
        return () if self.groups == 1 else (f"{self.groups} groups",)

    @property
    def width(self) -> int:
        """Outputs that have weights of their own."""
        return self.channels

    @property
    def fans(self) -> tuple[int, int]:
        """Inputs of one output, and outputs that one input takes part in; for the initializer."""
        cells = math.prod(self.window.kernel)
        return cells * self.window.channels // self.groups, cells * self.channels // self.groups

    @property
    def multiply_adds(self) -> int:
        """Multiplications with a weight for one row, those with padding included."""
        return math.prod(self.window.output_size) * self.weight.size
