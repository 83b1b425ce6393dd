"""Layers put on top of each other: the shape that each one sees, and the layout of their parameters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from neurosim.errors import ShapeError
from neurosim.network.layers.base import Layer, Parameter, Shape


@dataclass
class _Level:
    """Layers that follow each other: the network's, or those inside one of its layers."""

    prefix: str
    input_shape: Shape
    layers: list[Layer] = field(default_factory=list)


@dataclass(frozen=True)
class Place:
    """Where a layer stands: its name in the network, its key path in the file, and which repetition it is."""

    name: str = ""
    path: str = "network"
    copies: tuple[str, ...] = ()

    @property
    def remark(self) -> str:
        """The place in the file, for the end of a message; empty where the layer's name says so."""
        return "" if self.name == self.path else f"; in the file this is {', '.join([self.path, *self.copies])}"


class Stack:
    """Layers so far, one on top of the other; `place` is that of the latest in a scenario.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one input row: (units,) or (height, width, channels); (height, width) only where it is
        flattened at once.
    """

    def __init__(self, input_shape: Shape) -> None:
        self.input_shape = input_shape
        self._learned = 0
        self._freezing = False
        self._begin()

    def _begin(self) -> None:
        self._size = self._frozen = self._statistics = self._masks = 0
        self._levels = [_Level("layers", self.input_shape)]
        self.place = Place()

    @property
    def needs_another_pass(self) -> bool:
        """Whether there are frozen parameters that have been placed before it was known how many are learned."""
        return self._frozen > 0 and self._learned != self._size

    @property
    def is_frozen(self) -> bool:
        """Whether there are parameters, and all of them stay as they are."""
        return self._frozen > 0 and self._size == 0

    def begin_again(self) -> None:
        """Have no layers; those that come, the same once more, have their frozen parameters behind all others."""
        self._learned = self._size
        self._begin()

    @contextmanager
    def freezing(self, frozen: bool) -> Iterator[None]:
        """Have the parameters of layers that come inside stay as they are."""
        before = self._freezing
        self._freezing = before or frozen
        try:
            yield
        finally:
            self._freezing = before

    @property
    def layers(self) -> list[Layer]:
        """The layers so far; inside one that holds others, those inside."""
        return self._levels[-1].layers

    @property
    def shape(self) -> Shape:
        """Shape of one row after the layers so far."""
        return self.layers[-1].output_shape if self.layers else self._levels[-1].input_shape

    @property
    def name(self) -> str:
        """Name of the layer that comes next."""
        return f"{self._levels[-1].prefix}.{len(self.layers)}"

    def go_to(self, place: Place) -> None:
        """Note where the next layer stands in the scenario."""
        self.place = Place(f"network.{self.name}", place.path, place.copies)

    def add(self, layer: Layer) -> None:
        """Put a layer on top, which is named and shaped for its place."""
        self.layers.append(layer)

    def parameter(self, name: str, shape: Shape) -> Parameter:
        """An array that the next layer learns, behind those of the layers so far; frozen ones are behind all others."""
        offset = self._learned + self._frozen if self._freezing else self._size
        parameter = Parameter(f"{self.name}.{name}", shape, offset, self._freezing)
        if self._freezing:
            self._frozen += parameter.size
        else:
            self._size += parameter.size
        return parameter

    def statistic(self, name: str, shape: Shape) -> Parameter:
        """An array that the next layer measures in training, behind those of the layers so far."""
        statistic = Parameter(f"{self.name}.{name}", shape, self._statistics)
        self._statistics += statistic.size
        return statistic

    def mask(self) -> int:
        """Number of the next layer's random mask among those of the network."""
        self._masks += 1
        return self._masks - 1

    def begin_inside(self, key: str = "layers") -> None:
        """Have the next layer hold the layers that follow, until `end_inside`; `key` is what it calls them."""
        self._levels.append(_Level(f"{self.name}.{key}", self.shape))

    def end_inside(self) -> tuple[Layer, ...]:
        """The layers since `begin_inside`."""
        return tuple(self._levels.pop().layers)

    def vector(self, kind: str) -> int:
        """Units of the vector that comes in; raises ShapeError for a map."""
        if len(self.shape) != 1:
            raise ShapeError(
                f"network.{self.name} ({kind}) needs a vector, but {show_shape(self.shape)} comes in",
                'put a "flatten" or "global_avg_pool2d" layer before it',
            )
        return self.shape[0]

    def map(self, kind: str) -> Shape:
        """Shape of the map that comes in; raises ShapeError for a vector, and for a map without channels."""
        if len(self.shape) != 3:
            raise ShapeError(
                f"network.{self.name} ({kind}) needs a map (height, width, channels), "
                f"but {show_shape(self.shape)} comes in",
                "images come from data sets of images, and stay images until a flatten or dense layer",
            )
        return self.shape


def show_shape(shape: Shape) -> str:
    """A shape in words: ``a vector of 3`` or ``a map (8, 8, 1)``."""
    return f"a vector of {shape[0]}" if len(shape) == 1 else f"a map {shape}"
