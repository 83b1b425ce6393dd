"""What the layers with an activation, and among them those with weights, have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.network.layers.base import Chosen, ChosenActivation, Layer, Parameter
from neurosim.plugin import Initializer
from neurosim.plugin.answers import initial_values
from neurosim.randomness import Stream

# Of the keys that their tables have in common.
SUMS = "Function applied to each weighted sum."
INIT = "How the initial values are drawn; left out: the usual way for the activation."
L1 = "What large weights cost, added to the loss: l1 * sum(|weight|); biases are free."
L2 = "What large weights cost, added to the loss: l2 / 2 * sum(weight ** 2); biases are free."


@dataclass(frozen=True)
class Penalty:
    """What large weights cost: ``l1 * sum(|w|) + l2 / 2 * sum(w ** 2)``; biases are free."""

    l1: float = 0.0
    l2: float = 0.0

    def __bool__(self) -> bool:
        return self.l1 != 0 or self.l2 != 0


NO_PENALTY = Penalty()


class Activated(Layer):
    """Base of the layers that put out what an activation makes of their numbers."""

    activation: ChosenActivation

    @property
    def settings(self) -> tuple[str, ...]:
        """The activation."""
        return () if self.activation.name == "identity" else (self.activation.name,)


class Weighted(Activated):
    """Base of the layers whose outputs are ``activation(weighted sums + bias)``."""

    weight: Parameter
    bias: Parameter | None
    init: Chosen[Initializer]
    penalty: Penalty

    @property
    @abstractmethod
    def width(self) -> int:
        """Outputs that have weights of their own: the units, or the channels of a map."""

    @property
    @abstractmethod
    def fans(self) -> tuple[int, int]:
        """Inputs of one output, and outputs that one input takes part in; for the initializer."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the layer learns."""
        return (self.weight,) if self.bias is None else (self.weight, self.bias)

    @property
    def given(self) -> tuple[Sequence[Any] | None, Sequence[Any] | None]:
        """Initial values of the weight and of the bias that are given, not drawn."""
        return None, None

    def start(self, seed: int, values: NDArray[np.float32]) -> None:
        """Enter the initial values; each array has random numbers of its own."""
        rules = self.init.record.weight, self.init.record.bias
        for parameter, given, rule in zip((self.weight, self.bias), self.given, rules, strict=True):
            if parameter is None:
                continue
            if given is not None:
                values[parameter.span] = np.asarray(given, np.float64).ravel()
            elif rule is not None:
                random = Stream(seed, "init", parameter.name)
                found = rule(random, parameter.shape, *self.fans, *self.init.values)
                drawn = initial_values(self.init.record, rule, found, parameter.name, parameter.shape)
                values[parameter.span] = drawn.ravel()
