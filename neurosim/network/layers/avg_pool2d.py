"""AvgPool2d: the mean of the cells under a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from neurosim.network.layers.section import KIND
from neurosim.network.layers.stack import Stack
from neurosim.network.layers.window import Pool2d, Pool2dSection, Sides


class AvgPool2dSection(Pool2dSection, title="AvgPool2d"):
    """Takes the mean of the cells under a window, for each channel."""

    kind: Literal["avg_pool2d"] = Field(description=KIND)
    count_padding: bool = Field(
        default=False,
        description="Whether cells of the padding count, as zeros; if not, means are of cells of the map.",
    )

    def build(self, stack: Stack) -> None:
        """Put the layer on a stack; raises ShapeError where it does not fit."""
        stack.add(AvgPool2d(stack.name, self.window(stack), self.count_padding))


@dataclass(frozen=True)
class AvgPool2d(Pool2d):
    """The mean of the cells under the window.

    Attributes
    ----------
    counts_padding : bool
        Whether cells of the padding count, as zeros; what a window reaches beyond them never does.
    """

    kind: ClassVar[str] = "avg_pool2d"
    counts_padding: bool = False

    @property
    def counted(self) -> Sides:
        """Cells beyond each edge of the map that count: (top, bottom, left, right)."""
        return self.window.padding if self.counts_padding else (0, 0, 0, 0)

    def counts(self, axis: int) -> list[int]:
        """How many rows (axis 0) or columns (axis 1) of cells count in the mean at each place."""
        window, size = self.window, self.window.input_shape[axis]
        before, after = self.counted[2 * axis : 2 * axis + 2]
        begins = [place * window.stride[axis] - window.padding[2 * axis] for place in range(window.output_size[axis])]
        return [min(begin + window.kernel[axis], size + after) - max(begin, -before) for begin in begins]
