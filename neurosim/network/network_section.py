"""The ``[network]`` section, and the network that it describes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag

from neurosim.errors import PluginError, ShapeError
from neurosim.network.layers import Stack, choose
from neurosim.network.layers.kinds import AnyLayer
from neurosim.network.layers.section import (
    LayerSection,
    build_layers,
    completed_choice,
    walk_sections,
)
from neurosim.network.layers.stack import Place
from neurosim.network.network import Network
from neurosim.network.sections import Choice, Section, Weight, choice
from neurosim.plugin.host import Entry, Registry

ClassWeight = Annotated[Weight, Field(ge=0)]


def _written_as(value: object) -> str:
    return "balanced" if isinstance(value, str) else "by name" if isinstance(value, Mapping) else "in order"


ClassWeights = Annotated[
    Annotated[list[ClassWeight], Field(min_length=2), Tag("in order")]
    | Annotated[dict[str, ClassWeight], Tag("by name")]
    | Annotated[Literal["balanced"], Tag("balanced")],
    Discriminator(_written_as),
]


class NetworkSection(Section):
    """The network and what it is to make small."""

    loss: Choice = choice("losses", "How far off the outputs are: what training makes small.")
    class_weights: ClassWeights | None = Field(
        default=None,
        description="How much the loss of a row counts, by its class: a number for each class, in order; or by name, "
        'such as { rare = 5.0 }, and 1 for the others; or "balanced": as much less as the class has more rows.',
    )
    layers: list[AnyLayer] = Field(min_length=1, description="Layers, from the input to the output.")

    @property
    def rows(self) -> Literal["map", "vector", "either"]:
        """How the first layer that cares takes rows that are images."""
        return _rows(self.layers)

    def completed(self, registry: Registry) -> Self:
        """The section with its records and all their parameters."""
        layers = [layer.completed(registry) for layer in self.layers]
        loss = _with_fitting_pairs(completed_choice(self.loss, registry.losses), _output(layers), registry)
        return self.model_copy(update={"loss": loss, "layers": layers})

    def without_start_values(self) -> Self:
        """The section of a trained network, which says nothing of how its weights began."""
        return self.model_copy(update={"layers": [layer.without_start_values() for layer in self.layers]})

    def build(self, stack: Stack) -> Network:
        """The network of a completed section, whose layers are put on an empty stack.

        Raises
        ------
        ShapeError
            When layers do not fit each other or the rows; the stack's place is that of the layer.
        ValueError
            When class weights are not a list; see `with_class_weights`.
        """
        build_layers(self.layers, stack)
        if stack.needs_another_pass:
            stack.begin_again()
            build_layers(self.layers, stack)
        elif stack.is_frozen:
            raise ShapeError("network.layers: all layers that could learn are frozen, so there is nothing to train")
        outputs = math.prod(stack.shape)
        try:
            loss = choose(self.loss.record, self.loss.record.spread(self.loss.params, outputs))
        except ShapeError as error:
            stack.go_to(Place("network.loss", "network.loss"))
            raise ShapeError(f"network.loss: {error.message}", error.hint) from error
        if self.class_weights is None:
            return Network.of(stack, loss)
        if not isinstance(self.class_weights, list):
            raise ValueError("which class has which weight is not written out")
        loss = replace(loss, record=loss.record.weighted(self.class_weights))
        return replace(Network.of(stack, loss), class_weights=tuple(self.class_weights))

    def with_class_weights(self, weights: Sequence[float]) -> Self:
        """The section with a weight for each class, in their order."""
        return self.model_copy(update={"class_weights": list(weights) or None})

    @property
    def loss_name(self) -> str:
        """What the loss is called where losses are compared; with weights of classes it is another function."""
        return f"{'' if self.class_weights is None else 'weighted_'}{self.loss.record.name}"

    @property
    def entries(self) -> Iterator[Entry]:
        """The records that it names or leaves open."""
        for layer in walk_sections(self.layers):
            yield from layer.entries
        yield self.loss.entry


def _rows(layers: Sequence[LayerSection]) -> Literal["map", "vector", "either"]:
    for layer in layers:
        rows = _rows(layer.inside) if layer.inside else layer.rows
        if rows != "either":
            return rows
    return "either"


def _output(layers: Sequence[LayerSection]) -> Choice | None:
    """The activation that rows pass last."""
    for layer in reversed(layers):
        found: Choice | None = getattr(layer, "activation", None) or _output(layer.inside)
        if found is not None:
            return found
    return None


def _with_fitting_pairs(loss: Choice, output: Choice | None, registry: Registry) -> Choice:
    """The loss, without its pairs from logits where they mean another activation of the output's name."""
    _check_pairs(loss.entry, registry)
    if output is None or loss.record.pair_for(output.record.name) is None:
        return loss
    try:
        meant = registry.activations.meant_by(loss.entry.plugin, output.record.name)
    except PluginError:  # several plugins give it, none of them the loss's own
        meant = None
    if meant is output.entry:
        return loss
    return loss.found(replace(loss.entry, record=replace(loss.record, from_logits=())))


def _check_pairs(loss: Entry, registry: Registry) -> None:
    """Raise PluginError if a pair is for an activation whose name is misspelled; it would never be used."""
    for pair in loss.record.from_logits:
        near = registry.activations.misspelled(pair.activation)
        if near:
            what = f"loss {loss.record.name!r} is paired with activation {pair.activation!r}, which does not exist"
            raise PluginError(f"{pair.place}: {what}", near)
