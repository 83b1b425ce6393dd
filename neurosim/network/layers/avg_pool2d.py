"""AvgPool2d: the mean of the cells under a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from neurosim.network.layers.section import KIND, Builder
from neurosim.network.layers.window import Pool2d, Pool2dSection, pair


class AvgPool2dSection(Pool2dSection, title="AvgPool2d"):
    """Takes the mean of the cells under a window, for each channel."""

    kind: Literal["avg_pool2d"] = Field(description=KIND)

    def build(self, builder: Builder) -> None:
        """Put the layer on the builder's stack; raises ShapeError where it does not fit."""
        AvgPool2d.put_on(builder.stack, pair(self.size), pair(self.steps), self.padding)


@dataclass(frozen=True)
class AvgPool2d(Pool2d):
    """The mean of the cells under the window; cells of the padding do not count."""

    kind: ClassVar[str] = "avg_pool2d"
