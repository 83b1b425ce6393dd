"""What all kinds of layers have in common, as pure data; nothing here computes.

Rows that enter and leave a layer are vectors, shape (units,), or feature maps, shape (height, width,
channels). The last axis is that of the channels in either case: a vector is a map of one position.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from neurosim.plugin import Activation, RowActivation
from neurosim.plugin.vectors import with_vectors

Record = TypeVar("Record")
Shape = tuple[int, ...]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Chosen(Generic[Record]):
    """A record and the values of its parameters, in the record's own order.

    Of an activation, `per` says whether a layer or each of its units has what is learned; empty as the record says.
    """

    record: Record
    values: tuple[float, ...]
    per: str = ""

    @property
    def name(self) -> str:
        """Name of the record."""
        return str(getattr(self.record, "name"))  # noqa: B009

    @property
    def params(self) -> dict[str, float]:
        """The parameters' values by name."""
        return dict(zip(getattr(self.record, "params"), self.values, strict=True))  # noqa: B009


def choose(record: Any, params: Mapping[str, Any] | None = None, per: str = "") -> Chosen[Any]:
    """`record` with its defaults, some of them replaced by `params`; its formulas have vectors as constants."""
    given = params or {}
    made = with_vectors(record, given)
    return Chosen(made, tuple(_value(given.get(name, default)) for name, default in made.params.items()), per)


def _value(given: Any) -> Any:
    """The value of a parameter: a number, or a tuple of them where a function of the host takes a vector."""
    return tuple(map(float, given)) if isinstance(given, list | tuple) else float(given)


ChosenActivation = Chosen[Activation | RowActivation]


@dataclass(frozen=True)
class Parameter:
    """One named array of numbers, and where it lies in the flat vector."""

    name: str
    shape: Shape
    offset: int
    # Kept as it is: training computes no gradient for it and does not change it.
    frozen: bool = False

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)

    @property
    def span(self) -> slice:
        """Its place in the flat vector."""
        return slice(self.offset, self.offset + self.size)

    @property
    def is_bias(self) -> bool:
        """Whether it is anything but a weight: a bias, or gamma and beta of a normalization."""
        return not self.name.endswith(".weight")

    @property
    def matrix(self) -> tuple[int, int]:
        """Rows and columns of it as a matrix: a row for each input of a unit or channel, a column for each of these.

        Anything but a weight is a single column.
        """
        columns = 1 if self.is_bias else self.shape[-1]
        return self.size // columns, columns


class Layer(ABC):
    """Base of all kinds of layers.

    Attributes
    ----------
    kind : str
        What a scenario calls it.
    name : str
        Its place in the network: ``layers.0``, ``layers.2.layers.1``, ``layers.2.projection``.
    multiply_adds : int
        Multiplications with a weight for one row.
    moves_data : bool
        Whether its outputs need memory of their own.
    passes_through : bool
        Whether, but for training, the numbers that go out are those that come in.
    """

    kind: ClassVar[str]
    moves_data: ClassVar[bool] = True
    passes_through: ClassVar[bool] = False
    name: str

    @property
    def words(self) -> str:
        """The kind as a reader would write it: ``max pool2d``."""
        return self.kind.replace("_", " ")

    @property
    @abstractmethod
    def output_shape(self) -> Shape:
        """Shape of one row that leaves the layer."""

    @property
    def settings(self) -> tuple[str, ...]:
        """What tells it from others of its kind, besides its shape: words for a narrow column."""
        return ()

    @property
    def details(self) -> tuple[str, ...]:
        """The same in words for a sentence."""
        return self.settings

    @property
    def branches(self) -> tuple[tuple[Layer, ...], ...]:
        """The layers inside it, as chains each of which is given what comes in."""
        return ()

    @property
    def parts(self) -> tuple[Layer, ...]:
        """The layers inside it, in the order of their parameters."""
        return tuple(layer for branch in self.branches for layer in branch)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the layer learns."""
        return ()

    @property
    def is_frozen(self) -> bool:
        """Whether it has parameters, all of which stay as they are."""
        return bool(self.parameters) and all(parameter.frozen for parameter in self.parameters)

    @property
    def statistics(self) -> tuple[Parameter, ...]:
        """What it measures in training and keeps; it lies in a flat vector of its own."""
        return ()

    @property
    def multiply_adds(self) -> int:
        """Multiplications with a weight for one row."""
        return 0

    @property
    def stride(self) -> Pair:
        """Steps in the map that goes in from one cell to the next of the map that comes out."""
        return 1, 1

    def differs_in_numbers(self, other: Layer) -> bool:
        """Whether `other` differs in initial values at most, and in penalties where both have some."""
        return self == other

    def source_index(self, index: tuple[int, ...]) -> tuple[int, ...]:
        """Which of the numbers that come in goes out at `index`, of a layer that passes them through."""
        return index

    def start(self, seeds: Sequence[int], values: NDArray[np.float32]) -> None:  # noqa: B027 (most have no parameters)
        """Enter the initial values of its own parameters, but not those of its parts, into zeros (seeds, size)."""

    def start_statistics(self, values: NDArray[np.float32]) -> None:  # noqa: B027 (nor statistics)
        """Enter the initial values of its statistics into a flat vector of zeros."""


@dataclass(frozen=True)
class SameShape(Layer):
    """Base of the layers whose rows leave as they came."""

    name: str
    shape: Shape

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


Kind = TypeVar("Kind", bound=Layer)


def of_kind(layers: Iterable[Layer], kind: type[Kind]) -> tuple[Kind, ...]:
    """Those of the layers that are of one kind, or have one base."""
    return tuple(layer for layer in layers if isinstance(layer, kind))


def as_kind(layer: Layer, kind: type[Kind]) -> Kind | None:
    """The layer if it is of this kind, or has this base."""
    return layer if isinstance(layer, kind) else None


def in_order(layers: Iterable[Layer]) -> Iterator[Layer]:
    """Every layer in the order in which they compute: one that holds others after those inside it."""
    for layer in layers:
        yield from in_order(layer.parts)
        yield layer


def walk(layers: Iterable[Layer]) -> Iterator[Layer]:
    """Every layer, and after each one that holds others those inside it, in the order of their parameters."""
    for layer in layers:
        yield layer
        yield from walk(layer.parts)
