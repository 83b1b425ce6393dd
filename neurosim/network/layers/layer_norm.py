"""LayerNorm: normalization within each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from neurosim.network.layers.normalization import EPSILON, Normalization
from neurosim.network.layers.section import FROZEN, KIND, SameWidthSection
from neurosim.network.layers.stack import Stack
from neurosim.network.sections import Number


class LayerNormSection(SameWidthSection, title="LayerNorm"):
    """Scales the units or channels of each row to mean 0 and variance 1, then to what it learns."""

    learns: ClassVar[bool] = True

    kind: Literal["layer_norm"] = Field(description=KIND)
    epsilon: Number = Field(default=1e-5, gt=0, description=EPSILON)
    frozen: bool = Field(default=False, description=FROZEN)

    def build(self, stack: Stack) -> None:
        """Put the layer on a stack."""
        gamma, beta = (stack.parameter(name, stack.shape[-1:]) for name in ("gamma", "beta"))
        stack.add(LayerNorm(stack.name, stack.shape, gamma, beta, self.epsilon))


@dataclass(frozen=True)
class LayerNorm(Normalization):
    """Scales the channels of each position of each row to mean 0 and variance 1, then to what it learns.

    ``a = gamma * (x - mean) / sqrt(variance + epsilon) + beta`` over the last axis (Ba, Kiros and Hinton
    2016, arXiv:1607.06450).
    """

    kind: ClassVar[str] = "layer_norm"
    over: ClassVar[str] = "its channels"
    shared_by: ClassVar[str] = "all places"
