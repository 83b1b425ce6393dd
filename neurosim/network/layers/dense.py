"""Dense: a fully connected layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from neurosim.errors import ShapeError
from neurosim.network.layers.base import Chosen, ChosenActivation, Parameter, Shape
from neurosim.network.layers.stack import Stack
from neurosim.network.layers.weighted import NO_PENALTY, Penalty, Weighted
from neurosim.plugin import Initializer


@dataclass(frozen=True)
class Dense(Weighted):
    """A fully connected layer: ``a = f(x @ weight + bias)``, weight (inputs, units)."""

    kind: ClassVar[str] = "dense"
    name: str
    inputs: int
    units: int
    activation: ChosenActivation
    weight: Parameter
    bias: Parameter | None
    init: Chosen[Initializer]
    start_weight: tuple[tuple[float, ...], ...] | None = None
    start_bias: tuple[float, ...] | None = None
    penalty: Penalty = NO_PENALTY

    @classmethod
    def put_on(
        cls,
        stack: Stack,
        units: int,
        activation: Chosen[Any],
        init: Chosen[Initializer],
        *,
        bias: bool = True,
        start_weight: Sequence[Sequence[float]] | None = None,
        start_bias: Sequence[float] | None = None,
        penalty: Penalty = NO_PENALTY,
    ) -> None:
        """Put such a layer on a stack; raises ShapeError where it does not fit."""
        name, inputs = stack.name, stack.vector(cls.kind)
        weight = None if start_weight is None else tuple(tuple(float(value) for value in row) for row in start_weight)
        if weight is not None and (len(weight) != inputs or any(len(row) != units for row in weight)):
            raise ShapeError(
                f"network.{name}.weight has shape ({len(weight)}, {len(weight[0]) if weight else 0}), "
                f"this layer needs ({inputs}, {units}): one row per input, one column per unit"
            )
        if start_bias is not None and len(start_bias) != units:
            raise ShapeError(f"network.{name}.bias has {len(start_bias)} values, this layer needs {units}")
        stack.add(
            cls(
                name,
                inputs,
                units,
                activation,
                stack.parameter("weight", (inputs, units)),
                stack.parameter("bias", (units,)) if bias else None,
                init,
                weight,
                None if start_bias is None else tuple(float(value) for value in start_bias),
                penalty,
            )
        )

    @property
    def output_shape(self) -> Shape:
        """Shape of one row that leaves the layer."""
        return (self.units,)

    @property
    def width(self) -> int:
        """Outputs that have weights of their own."""
        return self.units

    @property
    def fans(self) -> tuple[int, int]:
        """Inputs of one unit, and outputs that one input takes part in; for the initializer."""
        return self.inputs, self.units

    @property
    def given(self) -> tuple[Sequence[Any] | None, Sequence[Any] | None]:
        """Start values of the weight and of the bias that are given, not drawn."""
        return self.start_weight, self.start_bias

    @property
    def multiply_adds(self) -> int:
        """Multiplications with a weight for one row."""
        return self.inputs * self.units
