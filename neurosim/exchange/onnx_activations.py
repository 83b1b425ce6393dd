"""Activations of a file, each an operator of its own; those that are several are in `onnx_patterns`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from neurosim.builtins.activations import SELU_ALPHA, SELU_SCALE
from neurosim.exchange.onnx_attributes import number, whole
from neurosim.exchange.onnx_chain import Chain, Graph, State
from neurosim.exchange.onnx_graph import Node
from neurosim.exchange.onnx_reading import place, refused


def _activation(name: str, **allowed: Any) -> Callable[[Graph, Chain, Node, State], State]:
    def handler(graph: Graph, chain: Chain, node: Node, state: State) -> State:
        for key, value in allowed.items():
            if abs(number(node, key, value[0]) - value[1]) > 1e-6:
                raise refused(
                    f"{place(node)} has {key} = {number(node, key, value[0])}, and only {value[1]:g} is understood"
                )
        chain.activate(name)
        return state

    return handler


def _with_alpha(name: str, usual: float) -> Callable[[Graph, Chain, Node, State], State]:
    def handler(graph: Graph, chain: Chain, node: Node, state: State) -> State:
        alpha = number(node, "alpha", usual)
        chain.activate({"name": name, "alpha": alpha})
        return state

    return handler


def _prelu(graph: Graph, chain: Chain, node: Node, state: State) -> State:
    slope = graph.weights(node, 1, "slopes")
    width = state.shape[-1]
    if slope is None or slope.size not in (1, width):
        raise refused(f"{place(node)} has slopes that are neither one nor one for each unit or channel")
    if slope.size == 1 and width > 1:
        chain.activate({"name": "prelu", "per": "layer"}, alpha=slope.reshape(1))
        return state
    by_channel = {"first": (width, 1, 1), "cell": (width, 1, 1)}.get(state.layout, (width,))
    while slope.ndim > len(by_channel) and slope.shape[0] == 1:
        slope = slope[0]
    if state.layout == "other" or slope.shape not in (by_channel, by_channel[:1] if width == 1 else by_channel):
        raise refused(f"{place(node)} has slopes for another axis than that of the units or channels")
    chain.activate({"name": "prelu", "per": "unit"}, alpha=state.in_our_order(slope.reshape(-1)))
    return state


def _softmax(graph: Graph, chain: Chain, node: Node, state: State) -> State:
    axis = whole(node, "axis", -1)
    if state.layout != "vector" or axis not in (-1, 1):
        raise refused(f"{place(node)} is not over the numbers of a row")
    chain.activate("softmax")
    return state


def _gelu(graph: Graph, chain: Chain, node: Node, state: State) -> State:
    how = node.attributes.get("approximate", "none")
    if how not in ("none", "tanh"):
        raise refused(f"{place(node)} has approximate = {how!r:.80}, and only 'none' and 'tanh' are understood")
    chain.activate("gelu" if how == "none" else "gelu_tanh")
    return state


def _swish(graph: Graph, chain: Chain, node: Node, state: State) -> State:
    chain.activate({"name": "swish", "beta": number(node, "alpha", 1.0)})
    return state


ACTIVATIONS: Mapping[str, Callable[[Graph, Chain, Node, State], State]] = {
    "Celu": _activation("elu", alpha=(1.0, 1.0)),
    "Elu": _with_alpha("elu", 1.0),
    "Gelu": _gelu,
    "HardSigmoid": _activation("hard_sigmoid", alpha=(0.2, 1 / 6), beta=(0.5, 0.5)),
    "LeakyRelu": _with_alpha("leaky_relu", 0.01),
    "PRelu": _prelu,
    "Relu": _activation("relu"),
    "Selu": _activation("selu", alpha=(SELU_ALPHA, SELU_ALPHA), gamma=(SELU_SCALE, SELU_SCALE)),
    "Sigmoid": _activation("sigmoid"),
    "Softmax": _softmax,
    "Softplus": _activation("softplus"),
    "Swish": _swish,
    "Tanh": _activation("tanh"),
}
