"""Concatenation: branches side by side, whose outputs follow each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from neurosim.errors import ShapeError
from neurosim.network.layers.base import Layer, Pair, Parameter, SameShape, Shape
from neurosim.network.layers.section import KIND, MAX_REPEAT, LayerSection, build_layers
from neurosim.network.layers.stack import Stack, show_shape

if TYPE_CHECKING:
    from neurosim.network.layers.section import AnyLayer

MOST_BRANCHES = 100


class ConcatenationSection(LayerSection, title="Concatenation"):
    """Branches side by side: each is given what comes in, and their channels, or units, follow each other."""

    holds: ClassVar[bool] = True

    kind: Literal["concatenation"] = Field(description=KIND)
    repeat: int = Field(default=1, ge=1, le=MAX_REPEAT, description="How many of these follow each other.")
    frozen: bool = Field(default=False, description="Whether the parameters of all layers inside stay as they are.")
    branches: list[list[AnyLayer]] = Field(
        min_length=2,
        max_length=MOST_BRANCHES,
        description="The layers of each branch; an empty branch, [], passes on what comes in.",
    )

    def build(self, stack: Stack) -> None:
        """Put the layer on a stack; raises ShapeError where it does not fit."""
        place = stack.place

        def put(sections: Sequence[LayerSection], key: str) -> Callable[[], None]:
            def layers() -> None:
                build_layers(sections, stack, key)
                stack.place = place

            return layers

        Concatenation.put_on(stack, [put(chain, key) for key, chain in self.chains.items()])

    @property
    def chains(self) -> Mapping[str, Sequence[LayerSection]]:
        """The layers of each branch."""
        return {f"branches.{place}": branch for place, branch in enumerate(self.branches)}

    @property
    def times(self) -> int:
        """How many times it stands in the network."""
        return self.repeat

    @classmethod
    def joined(cls, widths: Sequence[int | None]) -> int | None:
        """Numbers in a row that goes out: those of all branches."""
        return None if None in widths else sum(width or 0 for width in widths)

    @classmethod
    def faults_of(cls, table: Mapping[str, Any], inputs: int | None) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Branches all of which are empty."""
        branches = table.get("branches")
        if isinstance(branches, list) and len(branches) > 1 and not any(branches):
            yield ("branches",), "all of them are empty; expected layers in at least one"


@dataclass(frozen=True)
class Concatenation(SameShape):
    """Branches side by side: ``a = [branch1(x), branch2(x), ...]`` along the last axis."""

    kind: ClassVar[str] = "concatenation"
    chains: tuple[tuple[Layer, ...], ...]

    @classmethod
    def put_on(cls, stack: Stack, branches: Sequence[Callable[[], None]]) -> None:
        """Put such a layer on a stack; each of `branches` puts its layers on it.

        Raises ShapeError where they do not fit.
        """
        name, before = stack.name, stack.shape
        if len(before) == 2:
            before = stack.map(cls.kind)
        chains, shapes = [], []
        for number, put in enumerate(branches):
            stack.begin_inside(f"branches.{number}")
            try:
                put()
                shapes.append(stack.shape)
            finally:
                layers = stack.end_inside()
            chains.append(layers)
        for number, shape in enumerate(shapes):
            if len(shape) != len(before):
                raise ShapeError(
                    f"network.{name} (concatenation): branch {number} makes {show_shape(shape)} of "
                    f"{show_shape(before)}; maps have to stay maps inside",
                    'put "flatten" or "global_avg_pool2d" behind it',
                )
            if shape[:-1] != shapes[0][:-1]:
                raise ShapeError(
                    f"network.{name} (concatenation): {show_shape(shapes[0])} comes out of branch 0 and "
                    f"{show_shape(shape)} out of branch {number}; height and width must be the same",
                    'pad the convolutions and pools inside with padding = "same"',
                )
        stack.add(cls(name, before, tuple(chains)))

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels, or units, of each branch."""
        return tuple(chain[-1].output_shape[-1] if chain else self.shape[-1] for chain in self.chains)

    @property
    def starts(self) -> tuple[int, ...]:
        """Where the channels of each branch begin among those that go out."""
        widths = self.widths
        return tuple(sum(widths[:place]) for place in range(len(widths)))

    @property
    def output_shape(self) -> Shape:
        """Shape of one row that leaves the layer."""
        longest = max(self.chains, key=len)
        return (*longest[-1].output_shape[:-1], sum(self.widths))

    @property
    def branches(self) -> tuple[tuple[Layer, ...], ...]:
        """The layers of each branch."""
        return self.chains

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What its branches learn."""
        return tuple(parameter for part in self.parts for parameter in part.parameters)

    @property
    def stride(self) -> Pair:
        """Steps in the map that goes in from one cell to the next of the map that comes out."""
        longest = max(self.chains, key=len)
        return math.prod(layer.stride[0] for layer in longest), math.prod(layer.stride[1] for layer in longest)
