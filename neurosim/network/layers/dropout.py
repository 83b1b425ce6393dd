"""Dropout: some of the numbers are left out at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from neurosim.network.layers.base import SameShape
from neurosim.network.layers.section import KIND, SameWidthSection
from neurosim.network.layers.stack import Stack
from neurosim.network.sections import Number


class DropoutSection(SameWidthSection, title="Dropout"):
    """Sets a random share of its inputs to zero while training, and scales up the others."""

    passes_through: ClassVar[bool] = True
    may_be_output: ClassVar[bool] = False

    kind: Literal["dropout"] = Field(description=KIND)
    rate: Number = Field(ge=0, lt=1, description="Share of the inputs set to zero.")

    def build(self, stack: Stack) -> None:
        """Put the layer on a stack."""
        stack.add(Dropout(stack.name, stack.shape, stack.mask(), self.rate))


@dataclass(frozen=True)
class Dropout(SameShape):
    """Sets a share `rate` of its inputs to zero while training, and scales the rest by 1 / (1 - rate)."""

    kind: ClassVar[str] = "dropout"
    passes_through: ClassVar[bool] = True
    index: int
    rate: float

    @property
    def settings(self) -> tuple[str, ...]:
        """The rate."""
        return (f"{self.rate:g}",)

    @property
    def details(self) -> tuple[str, ...]:
        """The rate."""
        return (f"rate {self.rate:g}",)
