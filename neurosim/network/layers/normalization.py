"""What the layers that normalize their numbers have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from neurosim.network.layers.base import Parameter, SameShape

EPSILON = "Added to the variance, so that nothing is divided by zero."


@dataclass(frozen=True)
class Normalization(SameShape):
    """Base of the layers that put out ``gamma * (x - mean) / sqrt(variance + epsilon) + beta``.

    `over` says what mean and variance are taken over, `shared_by` what shares one gamma and one beta.
    """

    over: ClassVar[str]
    shared_by: ClassVar[str]
    gamma: Parameter
    beta: Parameter
    epsilon: float

    @property
    def keeps_statistics(self) -> bool:
        """Whether it normalizes with statistics that it has been given, in training too."""
        return self.is_frozen and bool(self.statistics)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the layer learns."""
        return self.gamma, self.beta

    def start(self, seeds: Sequence[int], values: NDArray[np.float32]) -> None:
        """Enter the initial values: gamma 1, beta 0."""
        values[:, self.gamma.span] = 1.0
