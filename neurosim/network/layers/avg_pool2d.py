"""AvgPool2d: the mean of the cells under a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from neurosim.network.layers.section import KIND
from neurosim.network.layers.stack import Stack
from neurosim.network.layers.window import Pool2d, Pool2dSection


class AvgPool2dSection(Pool2dSection, title="AvgPool2d"):
    """Takes the mean of the cells under a window, for each channel."""

    kind: Literal["avg_pool2d"] = Field(description=KIND)

    def build(self, stack: Stack) -> None:
        """Put the layer on a stack; raises ShapeError where it does not fit."""
        stack.add(AvgPool2d(stack.name, self.window(stack)))


@dataclass(frozen=True)
class AvgPool2d(Pool2d):
    """The mean of the cells under the window; cells of the padding do not count."""

    kind: ClassVar[str] = "avg_pool2d"
