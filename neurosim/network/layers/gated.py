"""Gated: units of two numbers, one of which gates the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from neurosim.network.layers.combination import Combination, CombinationSection
from neurosim.network.layers.section import KIND, chosen_of
from neurosim.network.layers.stack import Stack
from neurosim.network.sections import Choice, choice


class GatedSection(CombinationSection, title="Gated"):
    """Gated units: gate(u, v), where u is the first half of the inputs and v the second."""

    kind: Literal["gated"] = Field(description=KIND)
    gate: Choice = choice("gates", "Formula of u and v, such as glu: u times the sigmoid of v.")

    def build(self, stack: Stack) -> None:
        """Put the layer on a stack; raises ShapeError where it does not fit."""
        Gated.put_on(stack, chosen_of(self.gate), 2)


@dataclass(frozen=True)
class Gated(Combination):
    """Gated units: ``a = gate(u, v)`` of the two halves u and v of a row."""

    kind: ClassVar[str] = "gated"

    @property
    def settings(self) -> tuple[str, ...]:
        """The gate."""
        return (self.gate.name,)

    @property
    def details(self) -> tuple[str, ...]:
        """Units and gate."""
        return f"{self.units} unit" + "s" * (self.units != 1), self.gate.name
