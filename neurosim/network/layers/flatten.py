"""Flatten: a map read as a vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from neurosim.network.layers.base import SameShape, Shape
from neurosim.network.layers.section import KIND, SameWidthSection
from neurosim.network.layers.stack import Stack


class FlattenSection(SameWidthSection, title="Flatten"):
    """Turns an image into one row of numbers."""

    rows: ClassVar[Literal["map"]] = "map"
    any_axes: ClassVar[bool] = True
    passes_through: ClassVar[bool] = True

    kind: Literal["flatten"] = Field(description=KIND)

    def build(self, stack: Stack) -> None:
        """Put the layer on a stack."""
        stack.add(Flatten(stack.name, stack.shape))


@dataclass(frozen=True)
class Flatten(SameShape):
    """Reads a row of any shape as one vector, in the order height, width, channels."""

    kind: ClassVar[str] = "flatten"
    moves_data: ClassVar[bool] = False
    passes_through: ClassVar[bool] = True

    def source_index(self, index: tuple[int, ...]) -> tuple[int, ...]:
        """Which of the numbers that come in goes out at `index`."""
        return tuple(int(part) for part in np.unravel_index(index[0], self.shape))

    @property
    def output_shape(self) -> Shape:
        """Shape of one row that leaves the layer."""
        return (self.units,)
