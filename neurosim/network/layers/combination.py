"""What the layers have in common whose units each make one number of several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from neurosim.errors import ShapeError
from neurosim.network.layers.base import Chosen, Layer, Shape
from neurosim.network.layers.section import LayerSection
from neurosim.network.layers.stack import Stack
from neurosim.plugin import Gate


class CombinationSection(LayerSection):
    """Base of their tables."""

    rows: ClassVar[Literal["vector"]] = "vector"

    @classmethod
    def pieces_of(cls, table: Mapping[str, Any]) -> int:
        """How many numbers go into one, as the table says; 1 where it does not say it rightly."""
        return 2

    @classmethod
    def outputs_of(cls, table: Mapping[str, Any], inputs: int | None) -> int | None:
        """Numbers in a row that goes out; None where the table does not say it."""
        return None if inputs is None else max(inputs // cls.pieces_of(table), 1)

    @classmethod
    def faults_of(cls, table: Mapping[str, Any], inputs: int | None) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Inputs that cannot be divided."""
        pieces = cls.pieces_of(table)
        if inputs is not None and inputs % pieces:
            what = f"it divides its inputs into {pieces} parts of the same size, and there are {inputs}"
            yield ("kind",), f"{what}; give the layer before it a multiple of {pieces} units"


@dataclass(frozen=True)
class Combination(Layer):
    """Base of the layers whose units each make one number of several, with a formula of two.

    Of ``pieces * units`` inputs unit j has number j, ``units + j``, ``2 * units + j`` and so on; from left to right the
    formula makes one number of two until one is left.
    """

    name: str
    units: int
    gate: Chosen[Gate]
    pieces: int

    @classmethod
    def put_on(cls, stack: Stack, gate: Chosen[Gate], pieces: int) -> None:
        """Put such a layer on a stack; raises ShapeError where it does not fit."""
        inputs = stack.vector(cls.kind)
        if inputs % pieces:
            raise ShapeError(
                f"network.{stack.name} ({cls.kind}) divides its inputs into {pieces} parts of the same size, "
                f"and there are {inputs}",
                f"give the layer before it a multiple of {pieces} units",
            )
        stack.add(cls(stack.name, inputs // pieces, gate, pieces))

    @property
    def output_shape(self) -> Shape:
        """Shape of one row that leaves the layer."""
        return (self.units,)
