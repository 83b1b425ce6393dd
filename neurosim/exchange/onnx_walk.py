"""The way through a graph from its input to its output; forks that come together again are residual layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from neurosim.exchange.onnx_chain import Chain, Graph, State
from neurosim.exchange.onnx_graph import Node
from neurosim.exchange.onnx_operators import HANDLERS
from neurosim.exchange.onnx_patterns import pattern, sizes
from neurosim.exchange.onnx_reading import Read, place, refused, shown

# Nodes that put several branches together.
MERGES = frozenset({"Add", "Sum", "Concat"})
MOST_FORKS = 16
# Nodes that leave open how their input lies.
_OPEN = frozenset({"Add", "Cast", "Celu", "Div", "Dropout", "Elu", "Gelu", "HardSigmoid", "Identity", "LeakyRelu"})
_OPEN |= {"Mul", "PRelu", "Relu", "Selu", "Shape", "Sigmoid", "Softplus", "Sub", "Swish", "Tanh", "Unsqueeze", "Gather"}
# What to do about nodes that often stand at the end.
_INSTEAD = {
    "ArgMax": ("Export the network without it, up to the probabilities: predict chooses the largest.",),
    "LogSoftmax": ("Export the network with a softmax, or up to what goes into it.",),
}
_LAST = (("LayerNormalization", -1), ("LayerNormalization", 3))
_OF_MAPS = frozenset(
    {"AveragePool", "BatchNormalization", "Conv", "GlobalAveragePool", "GlobalMaxPool", "MaxPool", "ReduceMean"}
)


def layers_of(read: Read) -> tuple[Chain, State, State]:
    """The layers of a file, what goes into them, and what comes out; raises UsageError for what is not understood."""
    if len(read.outputs) > 1:
        raise refused(f"it has {len(read.outputs)} outputs, and needs one")
    chain, given = Chain(), _given(read)
    _, state, _ = Walker(Graph(read)).walk(chain, read.given, given)
    if state.turned:
        raise refused("it puts out a map as one vector, channel by channel")
    if not chain.tables or chain.tables[-1]["kind"] == "dropout":
        # A network needs a last layer.
        chain.tables[-1:] = []
        chain.add("activation", {"activation": "identity"})
    return chain, given, state


def _given(read: Read) -> State:
    """How the input lies: images with the channels first, unless they are turned around, or read as vectors."""
    if len(read.shape) == 1:
        return State(read.shape, "vector", read.shape)
    decisive = next((node for node in read.nodes if node.kind not in _OPEN), None)
    if len(read.shape) == 3 and decisive is not None:
        if decisive.kind in _OF_MAPS:
            channels, height, width = read.shape
            return State((height, width, channels), "first", read.shape)
        if decisive.kind == "Transpose" or (decisive.kind, decisive.attributes.get("axis", -1)) in _LAST:
            return State(read.shape, "last", read.shape)
    return State((math.prod(read.shape),), "other", read.shape)


class Walker:
    """Goes through a graph from its input to its output.

    Parameters
    ----------
    graph : Graph
        The nodes.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def walk(
        self, chain: Chain, name: str, state: State, forks: int = 0, start: Node | None = None
    ) -> tuple[str, State, Node | None]:
        """Add the layers from a tensor on; returns where it ends, and the node that puts branches together there.

        With `start` only that reader of the tensor is followed.
        """
        graph, end = self._graph, self._graph.read.outputs[0]
        while True:
            users = graph.users[name] if start is None else [start]
            users, start = self._without_sizes(users, state), None
            if name == end:
                return name, state, None
            if not users:
                raise refused(f"{shown(name)} leads to no output")
            if (found := pattern(graph, chain, name, users, state)) is not None:
                name, state = found
                continue
            if len(users) > 1:
                name, state = self._fork(chain, name, users, state, forks)
                continue
            (node,) = users
            if len(graph.variables(node)) > 1:
                if forks and node.kind in MERGES:
                    return name, state, node
                raise refused(f"{place(node)} puts several tensors together in a way that is not understood")
            if node.kind not in HANDLERS:
                what = f"{place(node)} is not understood: no layer of neurosim does that"
                raise refused(what, *_INSTEAD.get(node.kind, ()))
            if len(node.outputs) != 1 and any(graph.users[other] for other in node.outputs[1:]):
                raise refused(f"{place(node)} puts out several tensors")
            state = HANDLERS[node.kind](graph, chain, node, state)
            name = node.outputs[0]

    def _without_sizes(self, users: Sequence[Node], state: State) -> list[Node]:
        """The readers of a tensor, but for those that only look at its shape, which is worked out."""
        left = []
        for node in users:
            if node.kind == "Shape":
                sizes(self._graph, node, [None, *state.axes])
            else:
                left.append(node)
        return left

    def _fork(self, chain: Chain, name: str, users: Sequence[Node], state: State, forks: int) -> tuple[str, State]:
        """Branches that are added up, or put side by side."""
        if forks >= MOST_FORKS:
            raise refused(f"{shown(name)} forks inside more than {MOST_FORKS} other forks")
        branches: dict[str, _Branch] = {}
        merges: list[Node] = []
        for node in users:
            branch, end, after, merge = Chain(), name, state, node
            if node.kind not in MERGES or len(self._graph.variables(node)) < 2:
                end, after, found = self.walk(branch, name, state, forks + 1, node)
                if found is None:
                    raise refused(f"the fork at {shown(name)} does not come together again")
                merge = found
            branches[end] = _Branch(branch, after)
            merges.append(merge)
        merge = merges[0]
        if any(other is not merge for other in merges) or sorted(branches) != sorted(merge.inputs):
            raise refused(f"the fork at {shown(name)} comes together in a way that is not understood: {place(merge)}")
        ends = [branches[end] for end in merge.inputs]
        after = _joined(chain, merge, ends) if merge.kind == "Concat" else _added(chain, merge, ends)
        return merge.outputs[0], after


class _Branch(NamedTuple):
    chain: Chain
    state: State


def _added(chain: Chain, merge: Node, branches: Sequence[_Branch]) -> State:
    """A residual layer: the longer branch is inside it, the shorter one is its shortcut."""
    if len(branches) != 2:
        raise refused(f"{place(merge)} adds up {len(branches)} branches, and only two are understood")
    if branches[0].state != branches[1].state:
        raise refused(f"{place(merge)} adds tensors that do not lie alike")
    main, skip = sorted((branch.chain for branch in branches), key=lambda branch: -len(branch.tables))
    if not main.tables:
        raise refused(f"{place(merge)} adds a tensor to itself")
    settings = {"layers": main.tables, **({"shortcut": skip.tables} if skip.tables else {})}
    chain.hold("residual", settings, {"layers": main, "shortcut": skip})
    return branches[0].state


def _joined(chain: Chain, merge: Node, branches: Sequence[_Branch]) -> State:
    """Branches whose channels, or units, follow each other."""
    states = [branch.state for branch in branches]
    first = states[0]
    last = len(first.axes)
    axes = {"vector": (1, -1), "first": (1, -last), "last": (last, -1)}.get(first.layout, ())
    alike = all(
        (state.layout, state.shape[:-1], state.turned) == (first.layout, first.shape[:-1], ()) for state in states
    )
    if merge.attributes.get("axis") not in axes or not alike:
        raise refused(f"{place(merge)} puts tensors together along another axis than that of the channels or units")
    chains = [branch.chain for branch in branches]
    tables = [branch.tables for branch in chains]
    chain.hold(
        "concatenation", {"branches": tables}, {f"branches.{number}": part for number, part in enumerate(chains)}
    )
    width = sum(state.shape[-1] for state in states)
    if first.layout == "vector":
        return first.vector(width)
    height, wide, _ = first.shape
    return (
        first.map(height, wide, width)
        if first.layout == "first"
        else State((height, wide, width), "last", (height, wide, width))
    )
