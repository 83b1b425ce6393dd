"""Dense: a fully connected layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Discriminator, Field, Tag

from neurosim.errors import ShapeError
from neurosim.network.layers.base import Chosen, ChosenActivation, Layer, Parameter, Shape
from neurosim.network.layers.section import FROZEN, KIND, LayerSection, chosen_of
from neurosim.network.layers.stack import Stack
from neurosim.network.layers.weighted import (
    INIT,
    L1,
    L2,
    NO_PENALTY,
    SUMS,
    Penalty,
    Weighted,
    learned_parameters,
)
from neurosim.network.sections import ActivationChoice, Choice, Number, Weight, choice
from neurosim.plugin import Initializer


def _bias_form(value: object) -> str | None:
    return "values" if isinstance(value, list) else "switch" if isinstance(value, bool) else None


Bias = Annotated[
    Annotated[bool, Tag("switch")] | Annotated[list[Weight], Tag("values")],
    Discriminator(
        _bias_form,
        custom_error_type="bias",
        custom_error_message="expected true, false or a list of initial values, one per unit",
    ),
]


class DenseSection(LayerSection, title="Dense"):
    """Every unit sees all inputs: activation(inputs @ weight + bias)."""

    rows: ClassVar[Literal["vector"]] = "vector"
    learns: ClassVar[bool] = True
    width_key: ClassVar[str] = "units"

    kind: Literal["dense"] = Field(description=KIND)
    units: int = Field(ge=1, le=1_000_000, description="Number of units, which is the number of outputs.")
    activation: ActivationChoice = choice("activations", SUMS, default=ActivationChoice(name="identity"))
    init: Choice | None = choice("initializers", INIT, default=None)
    weight: list[list[Weight]] | None = Field(
        default=None, description="Initial values instead of random ones: one row per input, one number per unit."
    )
    bias: Bias = Field(default=True, description="Whether units have a bias, or its initial values, one per unit.")
    l1: Number = Field(default=0.0, ge=0, description=L1)
    l2: Number = Field(default=0.0, ge=0, description=L2)
    frozen: bool = Field(default=False, description=FROZEN)

    def build(self, stack: Stack) -> None:
        """Put the layer on a stack; raises ShapeError where it does not fit."""
        Dense.put_on(
            stack,
            self.units,
            chosen_of(self.activation),
            chosen_of(self.initializer),
            bias=self.bias is not False,
            start_weight=self.weight,
            start_bias=self.bias if isinstance(self.bias, list) else None,
            penalty=Penalty(self.l1, self.l2),
        )

    @property
    def drawn_for(self) -> str | None:
        """Name of the activation whose usual initializer draws the initial values; None where that is not left open."""
        return self.activation.name if self.init is None else None

    @property
    def starts_given(self) -> bool:
        """Whether the table gives initial values of its own, beside which no initializer is written."""
        return self.weight is not None

    def without_start_values(self) -> Self:
        """The table of a trained layer, which says nothing of how its weights began."""
        return self.model_copy(update={"init": None, "weight": None, "bias": self.bias is not False})

    @classmethod
    def outputs_of(cls, table: Mapping[str, Any], inputs: int | None) -> int | None:
        """Numbers in a row that goes out; None where the table does not say it."""
        units = table.get("units")
        return units if isinstance(units, int) and units >= 1 else None

    @classmethod
    def faults_of(cls, table: Mapping[str, Any], inputs: int | None) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Initial values that are not as many as there are inputs and units."""
        units, weight, bias = cls.outputs_of(table, inputs), table.get("weight"), table.get("bias")
        if isinstance(bias, list) and units is not None and len(bias) != units:
            yield ("bias",), f"expected one number for each of the {units} units, not {len(bias)}"
        if not isinstance(weight, list):
            return
        if inputs is not None and len(weight) != inputs:
            yield ("weight",), f"expected one row for each of the {inputs} inputs, not {len(weight)}"
        for index, row in enumerate(weight):
            if isinstance(row, list) and units is not None and len(row) != units:
                yield ("weight", index), f"expected one number for each of the {units} units, not {len(row)}"


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
    learned: tuple[Parameter, ...] = ()

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
                learned_parameters(stack, activation, units),
            )
        )

    @property
    def output_shape(self) -> Shape:
        """Shape of one row that leaves the layer."""
        return (self.units,)

    @property
    def details(self) -> tuple[str, ...]:
        """Units and activation."""
        return f"{self.units} unit" + "s" * (self.units != 1), self.activation.name

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
        """Initial values of the weight and of the bias that are given, not drawn."""
        return self.start_weight, self.start_bias

    @property
    def multiply_adds(self) -> int:
        """Multiplications with a weight for one row."""
        return self.inputs * self.units

    def differs_in_numbers(self, other: Layer) -> bool:
        """Whether `other` differs in initial values at most, and in penalties where both have some."""
        if not isinstance(other, Dense):
            return False
        drawn = replace(self, init=other.init, start_weight=other.start_weight, start_bias=other.start_bias)
        return replace(drawn, penalty=other.penalty) == other and bool(self.penalty) == bool(other.penalty)
