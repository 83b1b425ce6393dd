"""MaxPool2d: the largest of the cells under a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from neurosim.network.layers.section import KIND
from neurosim.network.layers.stack import Stack
from neurosim.network.layers.window import DILATION, Extent, Pool2d, Pool2dSection, pair


class MaxPool2dSection(Pool2dSection, title="MaxPool2d"):
    """Keeps the largest cell under a window, for each channel."""

    kind: Literal["max_pool2d"] = Field(description=KIND)
    dilation: Extent = Field(default=1, description=DILATION)

    def build(self, stack: Stack) -> None:
        """Put the layer on a stack; raises ShapeError where it does not fit."""
        stack.add(MaxPool2d(stack.name, self.window(stack, pair(self.dilation))))


@dataclass(frozen=True)
class MaxPool2d(Pool2d):
    """The largest of the cells under the window; the first of them where several are equal."""

    kind: ClassVar[str] = "max_pool2d"
