"""Activate: an activation as a layer of its own, which scenarios call ``activation``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field

from neurosim.errors import ShapeError
from neurosim.network.layers.base import Chosen, ChosenActivation, Parameter, SameShape
from neurosim.network.layers.section import FROZEN, KIND, SameWidthSection, chosen_of
from neurosim.network.layers.stack import Stack, show_shape
from neurosim.network.layers.weighted import Activated, learned_parameters
from neurosim.network.sections import ActivationChoice, choice
from neurosim.plugin import RowActivation


class ActivateSection(SameWidthSection, title="Activate"):
    """An activation on its own."""

    kind: Literal["activation"] = Field(description=KIND)
    activation: ActivationChoice = choice("activations", "Function applied to each number, or to the row.")
    frozen: bool = Field(default=False, description=FROZEN)

    def build(self, stack: Stack) -> None:
        """Put the layer on a stack; raises ShapeError where it does not fit."""
        Activate.put_on(stack, chosen_of(self.activation))


@dataclass(frozen=True)
class Activate(SameShape, Activated):
    """An activation on its own: ``a = f(x)``."""

    kind: ClassVar[str] = "activation"
    activation: ChosenActivation
    learned: tuple[Parameter, ...] = ()

    @classmethod
    def put_on(cls, stack: Stack, activation: Chosen[Any]) -> None:
        """Put such a layer on a stack; raises ShapeError for an activation of whole rows on a map."""
        if isinstance(activation.record, RowActivation) and len(stack.shape) != 1:
            raise ShapeError(
                f"network.{stack.name} (activation): {activation.name} needs a vector, "
                f"but {show_shape(stack.shape)} comes in",
                'put a "flatten" or "global_avg_pool2d" layer before it',
            )
        stack.add(cls(stack.name, stack.shape, activation, learned_parameters(stack, activation, stack.shape[-1])))

    @property
    def details(self) -> tuple[str, ...]:
        """The activation."""
        return (self.activation.name,)
