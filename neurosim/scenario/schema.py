"""The shape of a scenario file: its sections, keys and types, as pydantic models.

The models know nothing of the registry: whether a name exists and which parameters it takes is
checked in `names.py`. The descriptions are what editors show, by way of the JSON Schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

Number = Annotated[float, Field(allow_inf_nan=False)]


def _switch_to_number(value: object) -> object:
    return float(value) if isinstance(value, bool) else value


# Parameters of formulas are numbers; true and false are a readable way to write 1 and 0.
Parameter = Annotated[Number, BeforeValidator(_switch_to_number, json_schema_input_type=float | bool)]
Option = str | int | float | bool | list[Any]


class Section(BaseModel):
    """Base of all parts of a scenario: exact types, no unknown keys, no later changes."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Choice(Section):
    """The name of a record and the values of its parameters.

    Written as a name (``"relu"``) or as a table (``{ name = "leaky_relu", alpha = 0.01 }``).
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Parameter] = Field(init=False)

    name: str = Field(description="Name of the record, see `neurosim list`.")

    @property
    def params(self) -> dict[str, float]:
        """Parameters by name: after loading, all that the record has, in its order."""
        return dict(self.__pydantic_extra__ or {})

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: object) -> object:
        if isinstance(value, str):
            return {"name": value}
        if not isinstance(value, Mapping | Choice):
            raise PydanticCustomError("choice", "a name or a table {{ name = ..., parameter = number }}")
        return value


def _choice(catalog: str, description: str, **others: Any) -> Any:
    """Field of a `Choice` whose name is looked up in this catalog of the registry."""
    return Field(description=description, json_schema_extra={"names": catalog}, **others)


class ScenarioSection(Section):
    """What the scenario is called and what it teaches."""

    name: str = Field(
        pattern="^[a-z0-9-]+$",
        max_length=64,
        description="Short name, part of the run folder's name: lower-case letters, digits and hyphens.",
    )
    title: str = Field(description="One line that says what the scenario shows.")
    seed: int = Field(default=0, ge=0, le=2**63 - 1, description="All randomness follows from this number.")
    lesson: str = Field(default="", description="What to look for; printed after the run.")


class Normalize(Section):
    """Fixed numbers to scale every feature with: (value - mean) / std."""

    mean: Number = Field(description="Subtracted from every feature.")
    std: Number = Field(gt=0, description="Every feature is divided by it.")


class DataSection(Section):
    """What the network learns from; options of the data set stand beside these keys."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Any] = Field(init=False)

    source: str = Field(description="A registered data set, see `neurosim list datasets`.")
    validation_fraction: Number = Field(
        default=0.0, ge=0, lt=1, description="Share of the training rows kept apart to watch the run."
    )
    test_fraction: Number = Field(
        default=0.0, ge=0, lt=1, description="Share of the rows kept apart for the final test."
    )
    normalize: Normalize | None = Field(
        default=None, description="Scale every feature with the same fixed numbers: (value - mean) / std."
    )
    standardize: bool = Field(
        default=False,
        description="Scale each feature to mean 0 and standard deviation 1, as measured on the training rows.",
    )

    @property
    def options(self) -> dict[str, Any]:
        """Options of the data set: after loading, all that it has, in its order."""
        return dict(self.__pydantic_extra__ or {})


def _bias_form(value: object) -> str | None:
    return "values" if isinstance(value, list) else "switch" if isinstance(value, bool) else None


Bias = Annotated[
    Annotated[bool, Tag("switch")] | Annotated[list[Number], Tag("values")],
    Discriminator(
        _bias_form, custom_error_type="bias", custom_error_message="true, false or a list of start values, one per unit"
    ),
]


class Dense(Section):
    """Every unit sees all inputs: activation(inputs @ weight + bias)."""

    kind: Literal["dense"] = Field(description="Kind of layer.")
    units: int = Field(ge=1, le=1_000_000, description="Number of units, which is the number of outputs.")
    activation: Choice = _choice(
        "activations", "Function applied to each weighted sum.", default=Choice(name="identity")
    )
    init: Choice | None = _choice(
        "initializers", "How the start values are drawn; left out: the usual way for the activation.", default=None
    )
    weight: list[list[Number]] | None = Field(
        default=None, description="Start values instead of random ones: one row per input, one number per unit."
    )
    bias: Bias = Field(default=True, description="Whether units have a bias, or its start values, one per unit.")


class Dropout(Section):
    """Sets a random share of its inputs to zero while training, and scales up the others."""

    kind: Literal["dropout"] = Field(description="Kind of layer.")
    rate: Number = Field(ge=0, lt=1, description="Share of the inputs set to zero.")


class Flatten(Section):
    """Turns an image into one row of numbers."""

    kind: Literal["flatten"] = Field(description="Kind of layer.")


# A new kind of layer is a class above and a name here.
Layer = Annotated[Dense | Dropout | Flatten, Field(discriminator="kind")]


def layer_kinds() -> list[tuple[str, list[str], str]]:
    """Each kind of layer: its name, its keys besides ``kind``, and what it does."""
    union, *_ = get_args(Layer)
    kinds = []
    for model in get_args(union):
        (name,) = get_args(model.model_fields["kind"].annotation)
        keys = [key for key in model.model_fields if key != "kind"]
        kinds.append((name, keys, (model.__doc__ or "").partition("\n")[0].rstrip(".")))
    return kinds


class NetworkSection(Section):
    """The network and what it is to make small."""

    loss: Choice = _choice("losses", "How far off the outputs are: what training makes small.")
    layers: list[Layer] = Field(min_length=1, description="Layers, from the input to the output.")


class OptimizerSection(Section):
    """How the gradients change the parameters; parameters of the optimizer stand beside these keys."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Parameter] = Field(init=False)

    name: str = Field(
        description="A registered optimizer, see `neurosim list optimizers`.",
        json_schema_extra={"names": "optimizers"},
    )
    schedule: Choice | None = _choice(
        "schedules", "How the learning rate changes over the run; left out: not at all.", default=None
    )

    @property
    def params(self) -> dict[str, float]:
        """Parameters by name: after loading, all that the optimizer has, in its order."""
        return dict(self.__pydantic_extra__ or {})


class TrainingSection(Section):
    """How long and in which portions to train."""

    epochs: int = Field(ge=0, le=2**31 - 1, description="Passes over the training rows; 0 just looks.")
    batch_size: int = Field(default=32, ge=1, le=2**31 - 1, description="Rows per step of the optimizer.")
    shuffle: bool = Field(default=True, description="Whether each epoch has a new random order of the rows.")


class Bound(Section):
    """What a measure at the end of the run must be."""

    at_least: Number | None = Field(default=None, description="Smallest value that is right.")
    at_most: Number | None = Field(default=None, description="Largest value that is right.")

    @model_validator(mode="after")
    def _says_something(self) -> Bound:
        if self.at_least is None and self.at_most is None:
            raise PydanticCustomError("bound", "at_least or at_most, or both")
        return self


Metric = Literal["train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "test_loss", "test_accuracy"]


class RequiresSection(Section):
    """What must be there for the scenario to run."""

    plugins: list[str] = Field(
        default=[], description='Plugins and their versions, such as "neurosim-swish>=1.0"; never loaded from here.'
    )


class ScenarioFile(Section):
    """A neurosim scenario: what to train, on what, how, and what must come of it."""

    scenario: ScenarioSection = Field(description="What the scenario is called and what it teaches.")
    data: DataSection = Field(description="What the network learns from.")
    network: NetworkSection = Field(description="The network and what it is to make small.")
    optimizer: OptimizerSection = Field(description="How the gradients change the parameters.")
    training: TrainingSection = Field(description="How long and in which portions to train.")
    expect: dict[Metric, Bound] = Field(
        default={}, description="What the run must show, such as train_accuracy = { at_least = 1.0 }."
    )
    requires: RequiresSection = Field(
        default=RequiresSection(), description="What must be there for the scenario to run."
    )
