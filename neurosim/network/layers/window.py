"""Kernels that slide over feature maps, and what the layers that have one have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Discriminator, Field, Tag

from neurosim.errors import ShapeError
from neurosim.network.layers.base import Layer, Pair, Shape
from neurosim.network.layers.section import LayerSection
from neurosim.network.layers.stack import Stack
from neurosim.plugin.host import Registry

# Cells at the edges of a map: (top, bottom, left, right); as a word, "valid" or "same".
Sides = tuple[int, int, int, int]
Padded = str | Sides
Cells = Annotated[int, Field(ge=1, le=10_000)]
Added = Annotated[int, Field(ge=0, le=10_000)]


def _numbers_form(value: object, lengths: Mapping[int, str]) -> str | None:
    """A whole number is "one"; a list is what `lengths` calls its length."""
    if isinstance(value, list):
        return lengths.get(len(value))
    return "one" if isinstance(value, int) and not isinstance(value, bool) else None


def _extent_form(value: object) -> str | None:
    return _numbers_form(value, {2: "two"})


def _padding_form(value: object) -> str | None:
    return "word" if isinstance(value, str) else _numbers_form(value, {2: "two", 4: "four"})


# One number for both directions, or [vertical, horizontal].
Extent = Annotated[
    Annotated[Cells, Tag("one")] | Annotated[list[Cells], Field(min_length=2, max_length=2), Tag("two")],
    Discriminator(
        _extent_form,
        custom_error_type="pair",
        custom_error_message="expected a whole number, or two: [vertical, horizontal]",
    ),
]
Padding = Annotated[
    Annotated[Literal["valid", "same"], Tag("word")]
    | Annotated[Added, Tag("one")]
    | Annotated[list[Added], Field(min_length=2, max_length=2), Tag("two")]
    | Annotated[list[Added], Field(min_length=4, max_length=4), Tag("four")],
    Discriminator(
        _padding_form,
        custom_error_type="padding",
        custom_error_message=(
            'expected "valid", "same", a whole number, or a list of two or four: [vertical, horizontal] or '
            "[top, bottom, left, right]"
        ),
    ),
]
PADDING = (
    '"valid": stay inside the map; "same": go beyond its edges, so that the stride alone sets the size; or how '
    "many cells to add at each edge: 1, [1, 2] for vertical and horizontal, or [0, 1, 0, 1] for top, bottom, left "
    "and right."
)
DILATION = "How far apart the cells under the kernel are, such as 2 for every other cell."


def pair(extent: int | list[int]) -> Pair:
    """The numbers of an `Extent`: (vertical, horizontal)."""
    return (extent, extent) if isinstance(extent, int) else (extent[0], extent[1])


def edges(padding: str | int | list[int]) -> Padded:
    """A `Padding` as a window takes it: a word, or (top, bottom, left, right)."""
    if isinstance(padding, str):
        return padding
    if isinstance(padding, int):
        return padding, padding, padding, padding
    top, bottom, left, right = padding if len(padding) == 4 else (padding[0], padding[0], padding[1], padding[1])
    return top, bottom, left, right


class Pool2dSection(LayerSection):
    """Base of the tables of pools."""

    rows: ClassVar[Literal["map"]] = "map"

    size: Extent = Field(default=2, description="Cells under the window, such as 2 for 2 x 2, or [2, 3].")
    stride: Extent | None = Field(default=None, description="Steps of the window; left out: its size.")
    padding: Padding = Field(default="valid", description=PADDING)
    ceil: bool = Field(
        default=False, description="Whether the last window may reach beyond the map, so that no cell is left out."
    )

    @property
    def steps(self) -> int | list[int]:
        """The stride; where none is given, the size."""
        return self.size if self.stride is None else self.stride

    def window(self, stack: Stack, dilation: Pair = (1, 1)) -> Window:
        """The window on the map that comes in; raises ShapeError where it does not fit."""
        how = {"dilation": dilation, "ceil": self.ceil}
        window = Window.over(stack, self.kind, pair(self.size), pair(self.steps), edges(self.padding), **how)
        if not window.sees_the_map:
            raise ShapeError(
                f"network.{stack.name} ({self.kind}): with this padding some windows see no cell of the map "
                f"{stack.shape} that comes in, and so have nothing to put out",
                "pad by half of the window at most",
            )
        return window

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
    dilation : (vertical, horizontal)
        From one cell under the kernel to the next.
    ceil : bool
        Whether a last window that begins inside the map or the padding before it may reach beyond the padding.
    """

    input_shape: Shape
    kernel: Pair
    stride: Pair
    padding: Sides
    dilation: Pair = (1, 1)
    ceil: bool = False

    @classmethod
    def padded(
        cls, shape: Shape, kernel: Pair, stride: Pair, padding: Padded, dilation: Pair = (1, 1), *, ceil: bool = False
    ) -> Window:
        """The window with this padding, in words or in cells, on a map of this shape."""
        if not isinstance(padding, str):
            return cls(shape, kernel, stride, padding, dilation, ceil)
        cells: list[int] = []
        for size, step, reach in zip(shape, stride, _reach(kernel, dilation), strict=False):
            added = max((-(-size // step) - 1) * step + reach - size, 0) if padding == "same" else 0
            cells += [added // 2, added - added // 2]
        return cls(shape, kernel, stride, (cells[0], cells[1], cells[2], cells[3]), dilation, ceil)

    @classmethod
    def over(cls, stack: Stack, kind: str, kernel: Pair, stride: Pair, padding: Padded, **how: Any) -> Window:
        """The window of the next layer; raises ShapeError where no map comes in, or one that is too small."""
        window = cls.padded(stack.map(kind), kernel, stride, padding, **how)
        if min(window.output_size) < 1:
            high, wide = window.reach
            raise ShapeError(
                f"network.{stack.name} ({kind}): a window of {high} x {wide} does not fit into the map "
                f"{stack.shape} that comes in",
                'use a smaller window, fewer pools before it, or padding = "same"',
            )
        return window

    @property
    def channels(self) -> int:
        """Channels of the map that comes in."""
        return self.input_shape[2]

    @property
    def reach(self) -> Pair:
        """Height and width of what the kernel spans, with the cells that it leaves out."""
        return _reach(self.kernel, self.dilation)

    @property
    def output_size(self) -> Pair:
        """Height and width of the map that goes out; below 1 where the kernel does not fit."""
        top, bottom, left, right = self.padding
        return self._outputs(0, top, bottom), self._outputs(1, left, right)

    def _outputs(self, axis: int, before: int, after: int) -> int:
        size, step = self.input_shape[axis], self.stride[axis]
        room = size + before + after - self.reach[axis]
        if not self.ceil:
            return room // step + 1
        outputs = -(-room // step) + 1
        return outputs - ((outputs - 1) * step >= size + before)

    @property
    def border(self) -> Sides:
        """Cells beyond each edge of the map that the kernel reaches: (top, bottom, left, right)."""
        top, _, left, _ = self.padding
        (height, width, _), (high, wide) = self.input_shape, self.output_size
        bottom = max((high - 1) * self.stride[0] + self.reach[0] - height - top, 0)
        return top, bottom, left, max((wide - 1) * self.stride[1] + self.reach[1] - width - left, 0)

    @property
    def sees_the_map(self) -> bool:
        """Whether there is a cell of the map under the kernel at every place."""
        befores = self.padding[0], self.padding[2]
        axes = zip(self.input_shape, befores, self.output_size, self.kernel, self.stride, self.dilation, strict=False)
        for size, before, outputs, kernel, step, apart in axes:
            for place in range(outputs):
                start = place * step - before
                skipped = max(-(start // apart), 0)  # taps before the map
                if skipped >= kernel or start + skipped * apart >= size:
                    return False
        return True

    def words(self, usual_stride: Pair) -> tuple[str, ...]:
        """Kernel and stride in words, the stride only where it is not the usual one; and the dilation if there is."""
        high, wide = self.kernel
        stride = () if self.stride == usual_stride else (f"stride {_by(self.stride)}",)
        return f"{high} x {wide}", *stride, *self.dilation_words

    @property
    def dilation_words(self) -> tuple[str, ...]:
        """The dilation in words, if there is one."""
        return () if self.dilation == (1, 1) else (f"dilation {_by(self.dilation)}",)


def _reach(kernel: Pair, dilation: Pair) -> Pair:
    return (kernel[0] - 1) * dilation[0] + 1, (kernel[1] - 1) * dilation[1] + 1


def _by(numbers: Pair) -> str:
    down, across = numbers
    return f"{down}" if down == across else f"{down} x {across}"


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
