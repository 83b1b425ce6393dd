"""Maxout: the largest of several weighted sums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field

from neurosim.network.layers.base import choose
from neurosim.network.layers.combination import Combination, CombinationSection
from neurosim.network.layers.section import KIND
from neurosim.network.layers.stack import Stack
from neurosim.plugin import Gate

MOST_PIECES = 100


def larger(u: float, v: float) -> float:
    """The larger of two numbers; NaN if one of them is."""
    return v if v > u or v != v else u


def larger_du(u: float, v: float) -> float:
    """1 for the number that was taken: of equals the first."""
    return 0.0 if v > u or v != v else 1.0


def larger_dv(u: float, v: float) -> float:
    """The same for the second one."""
    return 1.0 if v > u or v != v else 0.0


LARGER = Gate("larger", larger, larger_du, larger_dv, source="Goodfellow et al. 2013, arXiv:1302.4389")


class MaxoutSection(CombinationSection, title="Maxout"):
    """Maxout: each unit puts out the largest of several weighted sums."""

    kind: Literal["maxout"] = Field(description=KIND)
    pieces: int = Field(default=2, ge=2, le=MOST_PIECES, description="How many numbers each unit takes the largest of.")

    def build(self, stack: Stack) -> None:
        """Put the layer on a stack; raises ShapeError where it does not fit."""
        Maxout.put_on(stack, choose(LARGER), self.pieces)

    @classmethod
    def pieces_of(cls, table: Mapping[str, Any]) -> int:
        """How many numbers go into one, as the table says; 1 where it does not say it rightly."""
        pieces = table.get("pieces", 2)
        return pieces if isinstance(pieces, int) and 2 <= pieces <= MOST_PIECES else 1


@dataclass(frozen=True)
class Maxout(Combination):
    """The largest of several numbers: of `pieces` parts of a row, number by number."""

    kind: ClassVar[str] = "maxout"

    @property
    def settings(self) -> tuple[str, ...]:
        """The number of pieces."""
        return (f"{self.pieces} pieces",)

    @property
    def details(self) -> tuple[str, ...]:
        """Units and pieces."""
        return f"{self.units} unit" + "s" * (self.units != 1), f"{self.pieces} pieces"
