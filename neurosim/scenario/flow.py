"""How wide the rows are on their way through the layers, as far as the file alone says.

Reads the values as they stand in the file and passes over wrong types, like `name_checks.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from neurosim.network.layers.kinds import section_of
from neurosim.network.layers.section import MAX_REPEAT
from neurosim.scenario.locate import KeyPath
from neurosim.scenario.name_checks import chains_in, layers_in, table


@dataclass(frozen=True)
class Step:
    """One layer on the way.

    Attributes
    ----------
    path : tuple of str and int
        Where it stands in the file.
    layer : mapping
        Its values.
    inputs, outputs : int or None
        Numbers in a row that comes in and goes out; None where it depends on the data, and for maps.
    """

    path: KeyPath
    layer: Mapping[str, Any]
    inputs: int | None
    outputs: int | None


def flow(tree: Mapping[str, Any]) -> Iterator[Step]:
    """The layers in the order in which data flow: those of a group in its place, those of a residual layer before it.

    Repeated layers come twice, the second time with the width that the first time left.
    """
    yield from _through(layers_in(table(tree, "network"), ("network",)), None)


def _through(layers: Iterable[tuple[KeyPath, Mapping[str, Any]]], width: int | None) -> Iterator[Step]:
    for place, layer in layers:
        section = section_of(layer)
        for _ in range(2 if repeats(layer) > 1 else 1):
            before = width
            if section is not None and section.holds:
                widths = []
                for chain in chains_in(layer, place):
                    width = before
                    for step in _through(chain, before):
                        width = step.outputs
                        yield step
                    widths.append(width)
                width = section.joined(widths)
            else:
                width = None if section is None else section.outputs_of(layer, before)
            if section is None or section.in_network:
                yield Step(place, layer, before, width)


def repeats(layer: Mapping[str, Any]) -> int:
    """How many times a layer stands in the network."""
    repeat = layer.get("repeat", 1)
    return repeat if isinstance(repeat, int) and 1 <= repeat <= MAX_REPEAT else 1


def written_out(holder: Mapping[str, Any]) -> int:
    """How many layers there are inside a table once every repetition is written out."""
    count = 0
    for _, layer in layers_in(holder, ()):
        section = section_of(layer)
        own = 1 if section is None else section.layers_of(layer)
        count += repeats(layer) * (own + written_out(layer))
    return count
