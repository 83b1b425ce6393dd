"""Dropout: some of the numbers are left out at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from neurosim.network.layers.base import SameShape
from neurosim.network.layers.stack import Stack


@dataclass(frozen=True)
class Dropout(SameShape):
    """Sets a share `rate` of its inputs to zero while training, and scales the rest by 1 / (1 - rate)."""

    kind: ClassVar[str] = "dropout"
    index: int
    rate: float

    @classmethod
    def put_on(cls, stack: Stack, rate: float) -> None:
        """Put such a layer on a stack."""
        stack.add(cls(stack.name, stack.shape, stack.mask(), rate))
