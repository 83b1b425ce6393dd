"""What the layers with an activation, and among them those with weights, have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.network.layers.base import Chosen, ChosenActivation, Layer, Parameter
from neurosim.network.layers.drawing import drawn
from neurosim.network.layers.stack import Stack
from neurosim.plugin import Activation, Initializer, RowActivation

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


def learned_names(record: Activation | RowActivation) -> tuple[str, ...]:
    """Names of the parameters of an activation that are learned, in its order."""
    return tuple(record.learn) if isinstance(record, Activation) else ()


def learned_parameters(stack: Stack, activation: Chosen[Any], width: int) -> tuple[Parameter, ...]:
    """What the next layer, with `width` units or channels, learns of its activation, behind its other parameters."""
    names = learned_names(activation.record)
    if not names:
        return ()
    count = width if (activation.per or activation.record.per) == "unit" else 1
    return tuple(stack.parameter(name, (count,)) for name in names)


class Activated(Layer):
    """Base of the layers that put out what an activation makes of their numbers.

    Attributes
    ----------
    activation : Chosen
        The activation; of parameters that are learned it has the initial values.
    learned : tuple of Parameter
        The parameters of the activation that are learned, in its order: one number each, or one for each unit.
    """

    activation: ChosenActivation
    learned: tuple[Parameter, ...]

    @property
    def settings(self) -> tuple[str, ...]:
        """The activation."""
        return () if self.activation.name == "identity" else (self.activation.name,)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the layer learns."""
        return self.learned

    def start(self, seeds: Sequence[int], values: NDArray[np.float32]) -> None:
        """Enter the initial values."""
        params = self.activation.params
        for name, parameter in zip(learned_names(self.activation.record), self.learned, strict=True):
            values[:, parameter.span] = params[name]

    def activation_values(self, named: Mapping[str, NDArray[Any]]) -> tuple[Any, ...]:
        """The values of the activation's parameters in the record's order, those that are learned from `named`.

        They are numbers; where each unit has its own, arrays (units,).
        """
        if not self.learned:
            return self.activation.values
        found: dict[str, Any] = dict(self.activation.params)
        for name, parameter in zip(learned_names(self.activation.record), self.learned, strict=True):
            array = named[parameter.name]
            found[name] = array if parameter.size > 1 else array[0]
        return tuple(found.values())


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
        return (self.weight, *(() if self.bias is None else (self.bias,)), *self.learned)

    @property
    def given(self) -> tuple[Sequence[Any] | None, Sequence[Any] | None]:
        """Initial values of the weight and of the bias that are given, not drawn."""
        return None, None

    def start(self, seeds: Sequence[int], values: NDArray[np.float32]) -> None:
        """Enter the initial values; each array has random numbers of its own."""
        super().start(seeds, values)
        rules = self.init.record.weight, self.init.record.bias
        for parameter, given, rule in zip((self.weight, self.bias), self.given, rules, strict=True):
            if parameter is None:
                continue
            if given is not None:
                values[:, parameter.span] = np.asarray(given, np.float64).ravel()
            elif rule is not None:
                values[:, parameter.span] = drawn(self.init, rule, parameter, self.fans, seeds)
