"""The sections of a scenario that make a study of it: variants, what to record, and what is claimed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from neurosim.network.sections import Number, Section
from neurosim.scenario.pictures import PICTURES

SPLITS = ("train", "validation", "test")
# What every run measures in each epoch; `training.metrics` adds to it.
METRICS = tuple(f"{split}_{name}" for split in SPLITS for name in ("loss", "accuracy"))
# What a run can promise: these, and what is measured at its end only.
PROMISES = (*METRICS, *(f"{split}_{name}" for split in SPLITS for name in ("rmse", "r2")))
# What can be recorded of every layer: a number of each, and more.
_OfLayers = Literal[
    "gradient_norm", "weight_norm", "update_ratio", "activation_mean", "activation_std", "dead", "saturated",
    "selectivity",
]  # fmt: skip
Quantity = Literal[_OfLayers, "activation_histogram", "weight_histogram", "parameters", "confusion", "optimizer"]
LAYER_MEASURES: tuple[str, ...] = get_args(_OfLayers)
MEASURES = (*PROMISES, *LAYER_MEASURES)


def _one_of(names: tuple[str, ...]) -> WithJsonSchema:
    """The schema of a measure, to which that of the whole scenario adds what the metrics measure."""
    return WithJsonSchema({"type": "string", "enum": list(names), "measures": True})


# Whether there is such a measure depends on `training.metrics`, so `measures.py` checks it.
Metric = Annotated[str, _one_of(METRICS)]
Promise = Annotated[str, _one_of(PROMISES)]
Measure = Annotated[str, _one_of(MEASURES)]
# Checked against the names of the records; a literal of names that stand elsewhere is nothing to a type checker.
if TYPE_CHECKING:
    Picture = str
else:
    Picture = Literal[tuple(PICTURES)]
QUANTITIES: tuple[str, ...] = get_args(Quantity)

MAX_VARIANTS = 100
# What a variant may change: everything that decides on a run, but not what the scenario is called.
CHANGEABLE = ("data", "augmentation", "network", "optimizer", "training", "expect", "record")


class Variant(Section):
    """One of several versions of the scenario; keys besides these replace values of the file.

    A section (``optimizer = { lr = 0.1 }``, ``training.epochs = 30``) is merged key by key; one that names a
    record (``optimizer.name``, ``data.source``) replaces the whole section. A quoted key path
    (``"network.layers.0.activation" = "relu"``) sets the value at that place, as ``--set`` does.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Any] = Field(init=False)

    name: str = Field(
        pattern="^[a-z0-9][a-z0-9.+-]*$",
        max_length=40,
        description="Name of the variant: lower-case letters, digits, hyphens, dots and plus signs.",
    )
    group: str = Field(
        default="", max_length=40, description="Variants of one group are one line where they are drawn by value."
    )
    value: Number | None = Field(
        default=None, description="The number that this variant is about, such as its depth: its place on the axis."
    )


class RecordSection(Section):
    """What to record of every layer while the network is trained, into record.npz of the run folder."""

    quantities: list[Quantity] = Field(min_length=1, description="What to record.")
    per: Literal["epoch", "step"] = Field(default="epoch", description="Whether to record at epochs or at steps.")
    every: int = Field(
        default=1, ge=1, le=2**31 - 1, description="Record at each n-th; the start and the end are always there."
    )
    rows: int = Field(
        default=256, ge=1, le=100_000, description="Training rows that gradients and activations are measured on."
    )


class PlotsSection(Section):
    """Which pictures a run writes, and how variants are drawn together."""

    pictures: list[Picture] | None = Field(
        default=None, description="The pictures of a single run; left out: the usual ones for its kind of problem."
    )
    formats: list[Literal["png", "svg"]] = Field(
        default=["png"], min_length=1, description="What they are written as; SVG can be scaled."
    )
    measure: Measure | None = Field(
        default=None, description="What is drawn against the variants' values; left out: the accuracy, else the loss."
    )
    layer: str = Field(default="mean", description="Of a recorded measure: which layer, as in a claim.")
    against: str = Field(default="value", max_length=60, description="What the variants' values are, for the axis.")
    scale: Literal["linear", "logarithmic"] = Field(default="linear", description="Scale of that axis.")


Names = str | list[str]


class Claim(Section):
    """Something that the scenario claims: checked when all is trained, as [expect] is."""

    measure: Measure = Field(description="A measure of the run, or a recorded quantity.")
    of: Names | None = Field(default=None, description="The variant it is about, or several; left out: all.")
    layer: str | None = Field(
        default=None,
        description='Of a recorded quantity: "first", "last", "mean", "max" or "min" of the layers that have it, '
        'or the name of a layer such as "layers.2".',
    )
    epoch: int | None = Field(default=None, ge=0, description="After which epoch; left out: at the end.")
    at_least: Number | None = Field(default=None, description="Smallest value that is right.")
    at_most: Number | None = Field(default=None, description="Largest value that is right.")
    exceeds: Names | None = Field(default=None, description="The variant, or several, whose value is smaller.")
    exceeds_layer: str | None = Field(default=None, description="The layer of the same network whose value is smaller.")
    by: Number | None = Field(default=None, ge=0, description="By how much it exceeds at the least.")
    times: Number | None = Field(default=None, gt=0, description="How many times as large it is at the least.")

    @model_validator(mode="after")
    def _says_one_thing(self) -> Claim:
        bounds = self.at_least is not None or self.at_most is not None
        if sum((bounds, self.exceeds is not None, self.exceeds_layer is not None)) != 1:
            raise PydanticCustomError(
                "claim", "expected either bounds (at_least, at_most), or exceeds, or exceeds_layer"
            )
        distances = sum(distance is not None for distance in (self.by, self.times))
        if distances > (0 if bounds else 1):
            words = "expected by or times beside exceeds or exceeds_layer, not both"
            raise PydanticCustomError("claim_distance", words)
        return self

    @property
    def subjects(self) -> tuple[str, ...]:
        """The variants it is about; none means all."""
        return names_in(self.of)

    @property
    def recorded(self) -> bool:
        """Whether it is about something recorded."""
        return self.measure in LAYER_MEASURES


def names_in(names: Names | None) -> tuple[str, ...]:
    """One name or a list of them as a tuple."""
    return () if names is None else (names,) if isinstance(names, str) else tuple(names)
