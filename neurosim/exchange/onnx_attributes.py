"""What the attributes and the weights of a node must be; anything else is refused in words that name the node."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from neurosim.exchange.onnx_chain import Graph, State
from neurosim.exchange.onnx_graph import Array, Node
from neurosim.exchange.onnx_reading import place, refused


def as_written(number: Any) -> float:
    """A number as someone would write it: 0.01 for the float32 number that is nearest to it."""
    return float(str(np.float32(number)))


def allow(node: Node, **allowed: Any) -> None:
    """Raise UsageError for an attribute with another value than this one, which is what is meant without it."""
    for name, value in allowed.items():
        given = node.attributes.get(name, value)
        if given != value:
            raise refused(f"{place(node)} has {name} = {given!r:.80}, and only {value!r} is understood")


def number(node: Node, name: str, usual: float) -> float:
    """A number of a node, as someone would write it."""
    given = node.attributes.get(name, usual)
    if not isinstance(given, int | float) or not math.isfinite(given):
        raise refused(f"{place(node)} has {name} = {given!r:.80}, which is no number")
    return as_written(given)


def integers(node: Node, name: str, count: int, usual: int) -> tuple[int, ...]:
    """So many whole numbers; `usual` for each where the node does not say it."""
    given = node.attributes.get(name, (usual,) * count)
    if not isinstance(given, tuple) or len(given) != count or any(type(part) is not int for part in given):
        raise refused(f"{place(node)} has {name} = {given!r:.80}: {count} whole numbers are expected")
    return given


def axes_of(graph: Graph, node: Node) -> tuple[int, ...] | None:
    """The axes that a node is about: an attribute or, in newer files, an input; None where it names none."""
    given = graph.weights(node, 1, "axes")
    axes = node.attributes.get("axes") if given is None else tuple(given.ravel().tolist())
    if axes is not None and not (isinstance(axes, tuple) and all(type(axis) is int for axis in axes)):
        raise refused(f"{place(node)} has axes = {axes!r:.80}: whole numbers are expected")
    return axes


def whole(node: Node, name: str, usual: int) -> int:
    """A whole number of a node."""
    given = node.attributes.get(name, usual)
    if type(given) is not int:
        raise refused(f"{place(node)} has {name} = {given!r:.80}: a whole number is expected")
    return given


def of_shape(node: Node, array: Array | None, shape: tuple[int, ...], what: str) -> Array:
    """Weights, which must have this shape."""
    if array is None or array.shape != shape or array.dtype.kind != "f":
        found = "none" if array is None else f"of shape {array.shape}"
        raise refused(f"{place(node)} needs {what} of shape {shape}, and has {found}"[:400])
    return array


def needs(node: Node, state: State, *layouts: str) -> None:
    """Raise UsageError for a tensor that lies in another way."""
    if state.layout not in layouts:
        there = (
            "a map" if state.is_map else "a vector" if state.layout == "vector" else f"rows of {len(state.axes)} axes"
        )
        raise refused(f"{place(node)} gets {there}, which its layer in neurosim cannot take")
