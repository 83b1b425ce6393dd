"""Group: a way to write layers that follow each other, once or more times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from neurosim.network.layers.section import KIND, MAX_REPEAT, LayerSection, build_layers
from neurosim.network.layers.stack import Stack

if TYPE_CHECKING:
    from neurosim.network.layers.section import AnyLayer


class GroupSection(LayerSection, title="Group"):
    """Stands for its layers, written out one or more times."""

    in_network: ClassVar[bool] = False
    holds: ClassVar[bool] = True

    kind: Literal["group"] = Field(description=KIND)
    repeat: int = Field(default=1, ge=1, le=MAX_REPEAT, description="How many times the layers follow each other.")
    frozen: bool = Field(default=False, description="Whether the parameters of all layers inside stay as they are.")
    layers: list[AnyLayer] = Field(min_length=1, description="The layers, from the input to the output.")

    def build(self, stack: Stack) -> None:
        """Put the layers on a stack; raises ShapeError where they do not fit."""
        build_layers(self.layers, stack)

    @property
    def chains(self) -> Mapping[str, Sequence[LayerSection]]:
        """The layers that it holds."""
        return {"layers": self.layers}

    @property
    def times(self) -> int:
        """How many times it stands in the network."""
        return self.repeat

    @classmethod
    def layers_of(cls, table: Mapping[str, Any]) -> int:
        """Layers of the network that it stands for, besides those inside it."""
        return 0
