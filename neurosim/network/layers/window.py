"""Kernels that slide over feature maps, and what the layers that have one have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Discriminator, Field, Tag

from neurosim.errors import ShapeError
from neurosim.network.layers.base import Layer, Pair, Shape
from neurosim.network.layers.section import LayerSection
from neurosim.network.layers.stack import Stack
from neurosim.plugin.host import Registry

Cells = Annotated[int, Field(ge=1, le=10_000)]


def _extent_form(value: object) -> str | None:
    if isinstance(value, list):
        return "two" if len(value) == 2 else None
    return "one" if isinstance(value, int) and not isinstance(value, bool) else None


# One number for both directions, or [vertical, horizontal].
Extent = Annotated[
    Annotated[Cells, Tag("one")] | Annotated[list[Cells], Field(min_length=2, max_length=2), Tag("two")],
    Discriminator(
        _extent_form,
        custom_error_type="pair",
        custom_error_message="expected a whole number, or two: [vertical, horizontal]",
    ),
]
Padding = Literal["valid", "same"]
PADDING = '"valid": stay inside the map; "same": continue it beyond its edges, so that the stride alone sets the size.'


def pair(extent: int | list[int]) -> Pair:
    """The numbers of an `Extent`: (vertical, horizontal)."""
    return (extent, extent) if isinstance(extent, int) else (extent[0], extent[1])


class Pool2dSection(LayerSection):
    """Base of the tables of pools."""

    rows: ClassVar[Literal["map"]] = "map"

    size: Extent = Field(default=2, description="Cells under the window, such as 2 for 2 x 2, or [2, 3].")
    stride: Extent | None = Field(default=None, description="Steps of the window; left out: its size.")
    padding: Padding = Field(default="valid", description=PADDING)

    @property
    def steps(self) -> int | list[int]:
        """The stride; where none is given, the size."""
        return self.size if self.stride is None else self.stride

    def window(self, stack: Stack) -> Window:
        """The window on the map that comes in; raises ShapeError where it does not fit."""
        return Window.over(stack, self.kind, pair(self.size), pair(self.steps), self.padding)

    def completed(self, registry: Registry) -> Self:
        """The table with its stride."""
        return self.model_copy(update={"stride": self.steps})


@dataclass(frozen=True)
class Window:
    """How a kernel slides over a feature map.

    With "valid" padding the kernel stays inside the map. With "same" padding there is an output for
    each `stride`-th input: the map is continued beyond its edges, by one more cell at the bottom and at
    the right where the number of cells to add is odd.

    Attributes
    ----------
    input_shape : (height, width, channels)
        What comes in.
    kernel, stride : (vertical, horizontal)
        Size of the kernel, and its steps.
    padding : (top, bottom, left, right)
        Cells added at each edge.
    """

    input_shape: Shape
    kernel: Pair
    stride: Pair
    padding: tuple[int, int, int, int]

    @classmethod
    def padded(cls, shape: Shape, kernel: Pair, stride: Pair, padding: str) -> Window:
        """The window with "valid" or "same" padding on a map of this shape."""
        cells: list[int] = []
        for size, reach, step in zip(shape, kernel, stride, strict=False):
            added = max((-(-size // step) - 1) * step + reach - size, 0) if padding == "same" else 0
            cells += [added // 2, added - added // 2]
        return cls(shape, kernel, stride, (cells[0], cells[1], cells[2], cells[3]))

    @classmethod
    def over(cls, stack: Stack, kind: str, kernel: Pair, stride: Pair, padding: str) -> Window:
        """The window of the next layer; raises ShapeError where no map comes in, or one that is too small."""
        window = cls.padded(stack.map(kind), kernel, stride, padding)
        if min(window.output_size) < 1:
            raise ShapeError(
                f"network.{stack.name} ({kind}): a window of {kernel[0]} x {kernel[1]} does not fit into the map "
                f"{stack.shape} that comes in",
                'use a smaller window, fewer pools before it, or padding = "same"',
            )
        return window

    @property
    def channels(self) -> int:
        """Channels of the map that comes in."""
        return self.input_shape[2]

    @property
    def output_size(self) -> Pair:
        """Height and width of the map that goes out; below 1 where the kernel does not fit."""
        height, width, _ = self.input_shape
        top, bottom, left, right = self.padding
        down, across = height + top + bottom - self.kernel[0], width + left + right - self.kernel[1]
        return down // self.stride[0] + 1, across // self.stride[1] + 1

    def words(self, usual_stride: Pair) -> tuple[str, ...]:
        """Kernel and stride in words, the stride only where it is not the usual one."""
        (high, wide), (down, across) = self.kernel, self.stride
        stride = f"stride {down}" if down == across else f"stride {down} x {across}"
        return (f"{high} x {wide}",) if self.stride == usual_stride else (f"{high} x {wide}", stride)


class Windowed(Layer):
    """Base of the layers that slide a kernel over a map."""

    window: Window

    @property
    def stride(self) -> Pair:
        """Steps in the map that goes in from one cell to the next of the map that comes out."""
        return self.window.stride


@dataclass(frozen=True)
class Pool2d(Windowed):
    """Base of the layers that summarize the cells of each channel under a window."""

    name: str
    window: Window

    @property
    def settings(self) -> tuple[str, ...]:
        """Window and stride."""
        return self.window.words(self.window.kernel)

    @property
    def details(self) -> tuple[str, ...]:
        """The window."""
        return self.settings[:1]

    @property
    def output_shape(self) -> Shape:
        """Shape of one row that leaves the layer."""
        return (*self.window.output_size, self.window.channels)
