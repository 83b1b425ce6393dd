"""Flatten: a map read as a vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from neurosim.network.layers.base import SameShape, Shape
from neurosim.network.layers.section import KIND, Builder, SameWidthSection
from neurosim.network.layers.stack import Stack


class FlattenSection(SameWidthSection, title="Flatten"):
    """Turns an image into one row of numbers."""

    rows: ClassVar[Literal["map"]] = "map"
    any_axes: ClassVar[bool] = True

    kind: Literal["flatten"] = Field(description=KIND)

    def build(self, builder: Builder) -> None:
        """Put the layer on the builder's stack."""
        Flatten.put_on(builder.stack)


@dataclass(frozen=True)
class Flatten(SameShape):
    """Reads a row of any shape as one vector, in the order height, width, channels."""

    kind: ClassVar[str] = "flatten"
    moves_data: ClassVar[bool] = False
    passes_through: ClassVar[bool] = True

    @classmethod
    def put_on(cls, stack: Stack) -> None:
        """Put such a layer on a stack."""
        stack.add(cls(stack.name, stack.shape))

    def source_index(self, index: tuple[int, ...]) -> tuple[int, ...]:
        """Which of the numbers that come in goes out at `index`."""
        return tuple(int(part) for part in np.unravel_index(index[0], self.shape))

    @property
    def output_shape(self) -> Shape:
        """Shape of one row that leaves the layer."""
        return (self.units,)
