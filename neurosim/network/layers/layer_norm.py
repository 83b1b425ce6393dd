"""LayerNorm: normalization within each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from neurosim.network.layers.normalization import Normalization
from neurosim.network.layers.stack import Stack


@dataclass(frozen=True)
class LayerNorm(Normalization):
    """Scales the channels of each position of each row to mean 0 and variance 1, then to what it learns.

    ``a = gamma * (x - mean) / sqrt(variance + epsilon) + beta`` over the last axis (Ba, Kiros and Hinton
    2016, arXiv:1607.06450).
    """

    kind: ClassVar[str] = "layer_norm"

    @classmethod
    def put_on(cls, stack: Stack, epsilon: float = 1e-5) -> None:
        """Put such a layer on a stack."""
        gamma, beta = (stack.parameter(name, stack.shape[-1:]) for name in ("gamma", "beta"))
        stack.add(cls(stack.name, stack.shape, gamma, beta, epsilon))
