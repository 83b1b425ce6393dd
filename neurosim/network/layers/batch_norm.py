"""BatchNorm: normalization over the rows of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from neurosim.network.layers.base import Parameter
from neurosim.network.layers.normalization import EPSILON, Normalization
from neurosim.network.layers.section import FROZEN, KIND, SameWidthSection
from neurosim.network.layers.stack import Stack
from neurosim.network.sections import Number


class BatchNormSection(SameWidthSection, title="BatchNorm"):
    """Scales each unit or channel to mean 0 and variance 1 over the batch, then to what it learns."""

    learns: ClassVar[bool] = True

    kind: Literal["batch_norm"] = Field(description=KIND)
    momentum: Number = Field(
        default=0.1, gt=0, le=1, description="How far each step moves the running mean and variance to the batch's."
    )
    epsilon: Number = Field(default=1e-5, gt=0, description=EPSILON)
    frozen: bool = Field(default=False, description=FROZEN)

    def build(self, stack: Stack) -> None:
        """Put the layer on a stack."""
        shape = stack.shape
        gamma, beta = (stack.parameter(name, shape[-1:]) for name in ("gamma", "beta"))
        mean, variance = (stack.statistic(name, shape[-1:]) for name in ("mean", "variance"))
        stack.add(BatchNorm(stack.name, shape, gamma, beta, self.epsilon, mean, variance, self.momentum))


@dataclass(frozen=True)
class BatchNorm(Normalization):
    """Scales each channel to mean 0 and variance 1 over the batch, then to what it learns.

    ``a = gamma * (x - mean) / sqrt(variance + epsilon) + beta`` (Ioffe and Szegedy 2015, arXiv:1502.03167,
    algorithm 1). In training, mean and variance (divided by n) are those of the batch's rows and
    positions; each step moves the running ones by `momentum` toward them, the variance divided by
    n - 1. Evaluation uses the running ones.
    """

    kind: ClassVar[str] = "batch_norm"
    over: ClassVar[str] = "the batch"
    shared_by: ClassVar[str] = "the batch"
    mean: Parameter
    variance: Parameter
    momentum: float

    @property
    def statistics(self) -> tuple[Parameter, ...]:
        """Running mean and variance: kept, not learned."""
        return self.mean, self.variance

    def start_statistics(self, values: NDArray[np.float32]) -> None:
        """Enter the initial values: mean 0, variance 1."""
        values[self.variance.span] = 1.0
