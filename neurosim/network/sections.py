"""What the models of a scenario are made of: numbers, choices of records, and the base of all sections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PrivateAttr,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from neurosim.plugin.host import Entry

Number = Annotated[float, Field(allow_inf_nan=False)]
# A number that float32 holds, which networks are made of.
Weight = Annotated[Number, Field(ge=-3.4e38, le=3.4e38)]


def _switch_to_number(value: object) -> object:
    return float(value) if isinstance(value, bool) else value


def _each_number(value: object, number: ValidatorFunctionWrapHandler) -> Any:
    return [number(entry) for entry in value] if isinstance(value, list) and value else number(value)


def _number_to_label(value: object) -> object:
    return str(value) if type(value) is int else value


# The name of a class, which may be a whole number.
Label = Annotated[str, BeforeValidator(_number_to_label, json_schema_input_type=str | int)]


def _as_it_is(value: Any) -> Any:
    return value


# Parameters of formulas are numbers, or lists of numbers; true and false are a readable way to write 1 and 0.
Parameter = Annotated[
    Weight,
    BeforeValidator(_switch_to_number, json_schema_input_type=float | bool),
    WrapValidator(_each_number),
    PlainSerializer(_as_it_is),
]


class Section(BaseModel):
    """Base of all parts of a scenario: exact types, no unknown keys, no later changes."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    def __eq__(self, other: object) -> bool:
        """Whether both say the same; which records were found for the names does not matter."""
        if not isinstance(other, Section) or type(self) is not type(other):
            return NotImplemented
        return self.__dict__ == other.__dict__ and self.__pydantic_extra__ == other.__pydantic_extra__


class Naming(Section):
    """Base of the parts that name a record. Once a scenario is loaded, each carries what was found for the name."""

    _entry: Entry | None = PrivateAttr(default=None)

    def found(self, entry: Entry) -> Self:
        """The same, carrying what was found for its name."""
        carrying = self.model_copy()
        carrying._entry = entry
        return carrying

    @property
    def entry(self) -> Entry:
        """The record that is named, and the plugin it comes from."""
        assert self._entry is not None, f"the name of {self!r} was not looked up"
        return self._entry

    @property
    def record(self) -> Any:
        """The record that is named."""
        return self.entry.record


class Choice(Naming):
    """The name of a record and the values of its parameters.

    Written as a name (``"relu"``) or as a table (``{ name = "leaky_relu", alpha = 0.01 }``).
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Parameter] = Field(init=False)

    name: str = Field(description="Name of the record, see `neurosim list`.")

    @property
    def params(self) -> dict[str, Any]:
        """Parameters by name: after loading, all that the record has, in its order."""
        return dict(self.__pydantic_extra__ or {})

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: object) -> object:
        if isinstance(value, str):
            return {"name": value}
        if not isinstance(value, Mapping | Choice):
            raise PydanticCustomError("choice", "expected a name or a table { name = ..., parameter = number }")
        return value


class ActivationChoice(Choice):
    """The name of an activation, the values of its parameters, and how many of those that it learns there are."""

    per: Literal["layer", "unit"] | None = Field(
        default=None,
        description="Whether a layer or each of its units has learned parameters; left out: as the activation says.",
    )


def choice(catalog: str, description: str, **others: Any) -> Any:
    """Field of a `Choice` whose name is looked up in this catalog of the registry."""
    return Field(description=description, json_schema_extra={"names": catalog}, **others)
