"""The kinds of layers that a scenario can name, as pydantic models, and walking through nested ones.

A `group` or `residual` layer holds layers of its own, of any kind; the models are recursive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, get_args

from pydantic import Discriminator, Field, Tag

from neurosim.network.sections import Choice, Number, Section, Weight, choice

# More than anybody means; each layer costs memory and time before training begins.
MAX_LAYERS = 10_000
MAX_REPEAT = 1000


def _bias_form(value: object) -> str | None:
    return "values" if isinstance(value, list) else "switch" if isinstance(value, bool) else None


Bias = Annotated[
    Annotated[bool, Tag("switch")] | Annotated[list[Weight], Tag("values")],
    Discriminator(
        _bias_form, custom_error_type="bias", custom_error_message="true, false or a list of start values, one per unit"
    ),
]

Cells = Annotated[int, Field(ge=1, le=10_000)]


def _pair_form(value: object) -> str | None:
    if isinstance(value, list):
        return "two" if len(value) == 2 else None
    return "one" if isinstance(value, int) and not isinstance(value, bool) else None


# One number for both directions, or [vertical, horizontal].
Pair = Annotated[
    Annotated[Cells, Tag("one")] | Annotated[list[Cells], Field(min_length=2, max_length=2), Tag("two")],
    Discriminator(
        _pair_form, custom_error_type="pair", custom_error_message="a whole number, or two: [vertical, horizontal]"
    ),
]
Padding = Literal["valid", "same"]

_KIND = "Kind of layer."
_PADDING = '"valid": stay inside the map; "same": continue it beyond its edges, so that the stride alone sets the size.'
_INIT = "How the start values are drawn; left out: the usual way for the activation."
_L1 = "What large weights cost, added to the loss: l1 * sum(|weight|); biases are free."
_L2 = "What large weights cost, added to the loss: l2 / 2 * sum(weight ** 2); biases are free."
_EPSILON = "Added to the variance, so that nothing is divided by zero."


def pair(value: int | list[int]) -> tuple[int, int]:
    """The numbers of a `Pair`: (vertical, horizontal)."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


class Dense(Section):
    """Every unit sees all inputs: activation(inputs @ weight + bias)."""

    kind: Literal["dense"] = Field(description=_KIND)
    units: int = Field(ge=1, le=1_000_000, description="Number of units, which is the number of outputs.")
    activation: Choice = choice(
        "activations", "Function applied to each weighted sum.", default=Choice(name="identity")
    )
    init: Choice | None = choice("initializers", _INIT, default=None)
    weight: list[list[Weight]] | None = Field(
        default=None, description="Start values instead of random ones: one row per input, one number per unit."
    )
    bias: Bias = Field(default=True, description="Whether units have a bias, or its start values, one per unit.")
    l1: Number = Field(default=0.0, ge=0, description=_L1)
    l2: Number = Field(default=0.0, ge=0, description=_L2)


class Conv2d(Section):
    """Convolution: the same small set of weights looks at every place of an image."""

    kind: Literal["conv2d"] = Field(description=_KIND)
    channels: int = Field(ge=1, le=1_000_000, description="Number of channels of the map that comes out.")
    kernel: Pair = Field(default=3, description="Cells that one output sees, such as 3 for 3 x 3, or [3, 5].")
    stride: Pair = Field(default=1, description="Steps of the kernel, such as 2 for every other cell.")
    padding: Padding = Field(default="valid", description=_PADDING)
    activation: Choice = choice(
        "activations", "Function applied to each weighted sum.", default=Choice(name="identity")
    )
    init: Choice | None = choice("initializers", _INIT, default=None)
    bias: bool = Field(default=True, description="Whether each channel has a bias.")
    l1: Number = Field(default=0.0, ge=0, description=_L1)
    l2: Number = Field(default=0.0, ge=0, description=_L2)


class _Pool2d(Section):
    kind: str
    size: Pair = Field(default=2, description="Cells under the window, such as 2 for 2 x 2, or [2, 3].")
    stride: Pair | None = Field(default=None, description="Steps of the window; left out: its size.")
    padding: Padding = Field(default="valid", description=_PADDING)


class MaxPool2d(_Pool2d):
    """Keeps the largest cell under a window, for each channel."""

    kind: Literal["max_pool2d"] = Field(description=_KIND)


class AvgPool2d(_Pool2d):
    """Takes the mean of the cells under a window, for each channel."""

    kind: Literal["avg_pool2d"] = Field(description=_KIND)


class GlobalAvgPool2d(Section):
    """Takes the mean of each channel over the whole image."""

    kind: Literal["global_avg_pool2d"] = Field(description=_KIND)


class BatchNorm(Section):
    """Scales each unit or channel to mean 0 and variance 1 over the batch, then to what it learns."""

    kind: Literal["batch_norm"] = Field(description=_KIND)
    momentum: Number = Field(
        default=0.1, gt=0, le=1, description="How far each step moves the running mean and variance to the batch's."
    )
    epsilon: Number = Field(default=1e-5, gt=0, description=_EPSILON)


class LayerNorm(Section):
    """Scales the units or channels of each row to mean 0 and variance 1, then to what it learns."""

    kind: Literal["layer_norm"] = Field(description=_KIND)
    epsilon: Number = Field(default=1e-5, gt=0, description=_EPSILON)


class Activate(Section):
    """An activation on its own."""

    kind: Literal["activation"] = Field(description=_KIND)
    activation: Choice = choice("activations", "Function applied to each number, or to the row.")


class Dropout(Section):
    """Sets a random share of its inputs to zero while training, and scales up the others."""

    kind: Literal["dropout"] = Field(description=_KIND)
    rate: Number = Field(ge=0, lt=1, description="Share of the inputs set to zero.")


class Flatten(Section):
    """Turns an image into one row of numbers."""

    kind: Literal["flatten"] = Field(description=_KIND)


class Residual(Section):
    """Layers with a skip around them: what comes in is added to what comes out."""

    kind: Literal["residual"] = Field(description=_KIND)
    repeat: int = Field(default=1, ge=1, le=MAX_REPEAT, description="How many of these follow each other.")
    activation: Choice | None = choice("activations", "Function applied to the sum; left out: none.", default=None)
    init: Choice | None = choice(
        "initializers",
        "Start values of the projection on the skip, which is there where the shapes differ; "
        "left out: the usual way for no activation.",
        default=None,
    )
    layers: list[Layer] = Field(min_length=1, description="The layers that the skip goes around.")


class Group(Section):
    """Stands for its layers, written out one or more times."""

    kind: Literal["group"] = Field(description=_KIND)
    repeat: int = Field(default=1, ge=1, le=MAX_REPEAT, description="How many times the layers follow each other.")
    layers: list[Layer] = Field(min_length=1, description="The layers, from the input to the output.")


# A new kind of layer is a class above and a name here.
Layer = Annotated[
    Dense
    | Conv2d
    | MaxPool2d
    | AvgPool2d
    | GlobalAvgPool2d
    | BatchNorm
    | LayerNorm
    | Activate
    | Dropout
    | Flatten
    | Residual
    | Group,
    Field(discriminator="kind"),
]
Residual.model_rebuild()
Group.model_rebuild()


def layer_kinds() -> list[tuple[str, list[str], str]]:
    """Each kind of layer: its name, its keys besides ``kind``, and what it does."""
    union, *_ = get_args(Layer)
    kinds = []
    for model in get_args(union):
        (name,) = get_args(model.model_fields["kind"].annotation)
        keys = [key for key in model.model_fields if key != "kind"]
        kinds.append((name, keys, (model.__doc__ or "").partition("\n")[0].rstrip(".")))
    return kinds


def walk(layers: Iterable[Any]) -> Iterator[Any]:
    """Every layer, and after each one that holds others those inside it."""
    for layer in layers:
        yield layer
        yield from walk(getattr(layer, "layers", ()))
