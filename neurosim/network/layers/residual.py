"""Residual: layers with a skip around them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, PrivateAttr

from neurosim.errors import ShapeError
from neurosim.network.layers.activation import Activate
from neurosim.network.layers.base import Chosen, Layer, Pair, Parameter, SameShape, Shape, choose
from neurosim.network.layers.conv2d import Conv2d
from neurosim.network.layers.dense import Dense
from neurosim.network.layers.section import IDENTITY, KIND, MAX_REPEAT, LayerSection, build_layers, chosen_of
from neurosim.network.layers.stack import Stack, show_shape
from neurosim.network.layers.window import Window
from neurosim.network.sections import ActivationChoice, Choice, choice
from neurosim.plugin import Activation, Initializer
from neurosim.plugin.host import Registry

if TYPE_CHECKING:
    from neurosim.network.layers.section import AnyLayer

# Activation (the identity) and initializer of a projection.
Projection = tuple[Chosen[Any], Chosen[Initializer]]


class ResidualSection(LayerSection, title="Residual"):
    """Layers with a skip around them: what comes in is added to what comes out."""

    holds: ClassVar[bool] = True

    kind: Literal["residual"] = Field(description=KIND)
    repeat: int = Field(default=1, ge=1, le=MAX_REPEAT, description="How many of these follow each other.")
    activation: ActivationChoice | None = choice(
        "activations", "Function applied to the sum; left out: none.", default=None
    )
    init: Choice | None = choice(
        "initializers",
        "Initial values of the projection on the skip, which is there where the shapes differ; "
        "left out: the usual way for no activation.",
        default=None,
    )
    frozen: bool = Field(default=False, description="Whether the parameters of all layers inside stay as they are.")
    layers: list[AnyLayer] = Field(min_length=1, description="The layers that the skip goes around.")
    shortcut: list[AnyLayer] | None = Field(
        default=None,
        min_length=1,
        description="Layers on the skip, such as a convolution of one cell and batch_norm; left out: none, or the "
        "projection where the shapes differ.",
    )
    _identity: Activation | None = PrivateAttr(default=None)

    def build(self, stack: Stack) -> None:
        """Put the layer and its activation on a stack; raises ShapeError where they do not fit."""
        place, own = stack.place, self.shortcut

        def skip() -> None:
            build_layers(own or (), stack, "shortcut")
            stack.place = place

        projection = None if own else (choose(self._identity), chosen_of(self.initializer))
        with Residual.put_around(stack, projection, skip if own else None):
            build_layers(self.layers, stack)
            stack.place = place
        if self.activation is not None:
            stack.go_to(place)
            Activate.put_on(stack, chosen_of(self.activation))

    def completed(self, registry: Registry) -> Self:
        """The table with the defaults of its records, and the activation and initializer of its projection."""
        completed = super().completed(registry)
        completed._identity = registry.activations.get(IDENTITY)
        return completed

    @property
    def chains(self) -> Mapping[str, Sequence[LayerSection]]:
        """The layers on the skip and those that it goes around."""
        return {**({"shortcut": self.shortcut} if self.shortcut else {}), "layers": self.layers}

    @property
    def times(self) -> int:
        """How many times it stands in the network."""
        return self.repeat

    @property
    def drawn_for(self) -> str | None:
        """Name of the activation whose usual initializer draws the projection; None where that is not left open."""
        return IDENTITY if self.init is None and self.shortcut is None else None

    @classmethod
    def faults_of(cls, table: Mapping[str, Any], inputs: int | None) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Initial values of a projection in whose place there are layers."""
        if table.get("shortcut") is not None and table.get("init") is not None:
            yield ("init",), "it is for the projection, and shortcut has layers in its place; give their init there"

    @classmethod
    def layers_of(cls, table: Mapping[str, Any]) -> int:
        """Layers of the network that it stands for, besides those inside it: itself and its activation."""
        return 2 if "activation" in table else 1


@dataclass(frozen=True)
class Residual(SameShape):
    """Layers with a skip around them: ``a = layers(x) + x``, or ``layers(x) + shortcut(x)``.

    Where a scenario has no layers for the shortcut, and the shape that leaves `layers` is not the one that
    enters them, it is a projection: a dense layer or a convolution with a kernel of one cell, both without
    bias (He et al. 2016, arXiv:1512.03385, equations 1 and 2). Else it is empty.
    """

    kind: ClassVar[str] = "residual"
    layers: tuple[Layer, ...]
    shortcut: tuple[Layer, ...]

    @classmethod
    @contextmanager
    def put_around(
        cls, stack: Stack, projection: Projection | None = None, shortcut: Callable[[], None] | None = None
    ) -> Iterator[None]:
        """Put such a layer around the layers that are put on the stack inside the ``with``.

        `projection` is for where the shapes differ; without it they must be the same. `shortcut` puts layers for
        the skip on the stack. Raises ShapeError where they do not fit.
        """
        name, before = stack.name, stack.shape
        stack.begin_inside()
        try:
            yield
            after = stack.shape
        finally:
            layers = stack.end_inside()
        if not layers:
            raise ShapeError(f"network.{name} (residual) has no layers inside")
        if shortcut is not None:
            skip = _own_shortcut(stack, after, shortcut)
        else:
            skip = () if after == before else (_projection(stack, layers, projection),)
        stack.add(cls(name, before, layers, skip))

    @property
    def output_shape(self) -> Shape:
        """Shape of one row that leaves the layer."""
        return self.layers[-1].output_shape

    @property
    def branches(self) -> tuple[tuple[Layer, ...], ...]:
        """The layers, and those of the shortcut."""
        return (self.layers, self.shortcut) if self.shortcut else (self.layers,)

    @property
    def is_projected(self) -> bool:
        """Whether the shortcut is a projection that stands in no scenario."""
        return any(layer.name == f"{self.name}.projection" for layer in self.shortcut)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What its layers and the shortcut learn."""
        return tuple(parameter for part in self.parts for parameter in part.parameters)

    @property
    def stride(self) -> Pair:
        """Steps in the map that goes in from one cell to the next of the map that comes out."""
        return _stride(self.layers)


def _own_shortcut(stack: Stack, after: Shape, put: Callable[[], None]) -> tuple[Layer, ...]:
    """The layers of a shortcut that must lead to the shape `after`."""
    name = stack.name
    stack.begin_inside("shortcut")
    try:
        put()
        skip = stack.shape
    finally:
        layers = stack.end_inside()
    if skip != after:
        raise ShapeError(
            f"network.{name} (residual): {show_shape(after)} comes out of its layers and {show_shape(skip)} out of its "
            "shortcut; only equal shapes can be added"
        )
    if len(after) != len(stack.shape):
        raise ShapeError(
            f"network.{name} (residual): its branches make {show_shape(after)} of {show_shape(stack.shape)}; maps have "
            "to stay maps inside",
            'put "flatten" or "global_avg_pool2d" behind it',
        )
    return layers


def _projection(stack: Stack, layers: tuple[Layer, ...], chosen: Projection | None) -> Dense | Conv2d:
    """The projection from the shape before `layers` to the one behind them."""
    name, before, after = stack.name, stack.shape, layers[-1].output_shape
    shapes = f"{show_shape(before)} goes in and {show_shape(after)} comes out of its layers"
    if chosen is None:
        raise ShapeError(f"network.{name} (residual): {shapes}; the skip can add equal shapes only")
    if len(before) != len(after):
        raise ShapeError(f"network.{name} (residual): {shapes}; no projection leads from one to the other")
    own_name, (identity, init) = f"{name}.projection", chosen
    if len(before) == 1:
        weight = stack.parameter("projection.weight", (before[0], after[0]))
        return Dense(own_name, before[0], after[0], identity, weight, None, init)
    window = Window.padded(before, (1, 1), _stride(layers), "valid")
    if window.output_size != after[:2]:
        raise ShapeError(
            f"network.{name} (residual): {shapes}; no stride of a 1 x 1 convolution makes one of the other",
            'pad the convolutions inside with padding = "same"',
        )
    weight = stack.parameter("projection.weight", (1, 1, before[2], after[2]))
    return Conv2d(own_name, window, after[2], identity, weight, None, init)


def _stride(layers: tuple[Layer, ...]) -> Pair:
    return math.prod(layer.stride[0] for layer in layers), math.prod(layer.stride[1] for layer in layers)
