"""Flatten: a map read as a vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from neurosim.network.layers.base import SameShape, Shape
from neurosim.network.layers.stack import Stack


@dataclass(frozen=True)
class Flatten(SameShape):
    """Reads a row of any shape as one vector, in the order height, width, channels."""

    kind: ClassVar[str] = "flatten"
    moves_data: ClassVar[bool] = False

    @classmethod
    def put_on(cls, stack: Stack) -> None:
        """Put such a layer on a stack."""
        stack.add(cls(stack.name, stack.shape))

    @property
    def output_shape(self) -> Shape:
        """Shape of one row that leaves the layer."""
        return (self.units,)
