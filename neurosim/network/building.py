"""The ``[network]`` section, and the network that it describes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, Self

from pydantic import Field

from neurosim.errors import PluginError
from neurosim.network.layers import Shape, Stack, choose
from neurosim.network.layers.kinds import AnyLayer
from neurosim.network.layers.section import (
    Builder,
    LayerSection,
    completed_choice,
    usual_initializer,
    walk_sections,
)
from neurosim.network.network import Network
from neurosim.network.sections import Choice, Section, choice
from neurosim.plugin import Loss
from neurosim.plugin.host import Entry, Registry


class NetworkSection(Section):
    """The network and what it is to make small."""

    loss: Choice = choice("losses", "How far off the outputs are: what training makes small.")
    layers: list[AnyLayer] = Field(min_length=1, description="Layers, from the input to the output.")

    @property
    def rows(self) -> Literal["map", "vector", "either"]:
        """How the first layer that cares takes rows that are images."""
        return _rows(self.layers)

    def completed(self, registry: Registry) -> Self:
        """The section with all parameters of its records."""
        loss = completed_choice(self.loss, registry.losses)
        return self.model_copy(update={"loss": loss, "layers": [layer.completed(registry) for layer in self.layers]})

    def without_start_values(self) -> Self:
        """The section of a trained network, which says nothing of how its weights began."""
        return self.model_copy(update={"layers": [layer.without_start_values() for layer in self.layers]})

    def entries(self, registry: Registry) -> Iterator[Entry]:
        """The records that it names, as the registry has them."""
        for layer in walk_sections(self.layers):
            activation = getattr(layer, "activation", None)
            if activation is not None:
                yield registry.activations.entry(activation.name)
            if "init" not in type(layer).model_fields:
                continue
            init = getattr(layer, "init", None)
            if init is not None:
                yield registry.initializers.entry(init.name)
            elif activation is not None:  # a layer with start values of its own
                yield usual_initializer(activation.name, registry)
        yield registry.losses.entry(self.loss.name)


def _rows(layers: Sequence[LayerSection]) -> Literal["map", "vector", "either"]:
    for layer in layers:
        rows = _rows(layer.inside) if layer.inside else layer.rows
        if rows != "either":
            return rows
    return "either"


class NetworkBuilder(Builder):
    """Builds a network from its section; `place` is that of the latest layer, for messages.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one input row.
    registry : Registry
        Where the section's names are looked up.
    """

    def __init__(self, input_shape: Shape, registry: Registry) -> None:
        super().__init__(Stack(input_shape), registry)

    def build(self, section: NetworkSection) -> Network:
        """The network that a section describes; raises ShapeError where layers do not fit each other or the rows."""
        self.add(section.layers)
        return Network.of(self.stack, choose(self._loss(section.loss), section.loss.params))

    def _loss(self, chosen: Choice) -> Loss:
        """The loss, without its pairs from logits where they mean another activation of the output's name."""
        entry = self.registry.losses.entry(chosen.name)
        loss: Loss = entry.record
        if self.output is None or loss.pair_for(self.output.record.name) is None:
            return loss
        try:
            meant = self.registry.activations.meant_by(entry.plugin, self.output.record.name)
        except PluginError:  # several plugins give it, none of them the loss's own
            meant = None
        return loss if meant is self.output else replace(loss, from_logits=())
