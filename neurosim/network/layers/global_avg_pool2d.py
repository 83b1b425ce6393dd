"""GlobalAvgPool2d: the mean of each channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from neurosim.network.layers.base import Layer, Shape
from neurosim.network.layers.section import KIND, LayerSection
from neurosim.network.layers.stack import Stack
from neurosim.network.layers.window import Window


class GlobalAvgPool2dSection(LayerSection, title="GlobalAvgPool2d"):
    """Takes the mean of each channel over the whole image."""

    rows: ClassVar[Literal["map"]] = "map"

    kind: Literal["global_avg_pool2d"] = Field(description=KIND)

    def build(self, stack: Stack) -> None:
        """Put the layer on a stack; raises ShapeError where it does not fit."""
        stack.add(GlobalAvgPool2d(stack.name, stack.map(self.kind)))


@dataclass(frozen=True)
class GlobalAvgPool2d(Layer):
    """The mean of each channel over the whole map: a vector."""

    kind: ClassVar[str] = "global_avg_pool2d"
    name: str
    shape: Shape

    @property
    def window(self) -> Window:
        """A window as large as the map."""
        height, width, _ = self.shape
        return Window(self.shape, (height, width), (1, 1), (0, 0, 0, 0))

    @property
    def output_shape(self) -> Shape:
        """Shape of one row that leaves the layer."""
        return self.shape[-1:]
