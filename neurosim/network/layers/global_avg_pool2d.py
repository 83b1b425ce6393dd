"""GlobalAvgPool2d: the mean of each channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from neurosim.network.layers.base import Layer, Shape
from neurosim.network.layers.stack import Stack


@dataclass(frozen=True)
class GlobalAvgPool2d(Layer):
    """The mean of each channel over the whole map: a vector."""

    kind: ClassVar[str] = "global_avg_pool2d"
    name: str
    shape: Shape

    @classmethod
    def put_on(cls, stack: Stack) -> None:
        """Put such a layer on a stack; raises ShapeError where no map comes in."""
        stack.add(cls(stack.name, stack.map(cls.kind)))

    @property
    def output_shape(self) -> Shape:
        """Shape of one row that leaves the layer."""
        return self.shape[-1:]
