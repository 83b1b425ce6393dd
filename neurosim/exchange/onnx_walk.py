"""The way through a graph from its input to its output; forks that come together again are residual layers."""

from __future__ import annotations

from collections.abc import Sequence

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
    size = 1
    for extent in read.shape:
        size *= extent
    return State((size,), "other", read.shape)


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
                raise refused(f"{place(node)} is not understood: no layer of neurosim does that")
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
        """Two branches that are added up: a residual layer."""
        if forks >= MOST_FORKS:
            raise refused(f"{shown(name)} forks inside more than {MOST_FORKS} other forks")
        if len(users) != 2:
            raise refused(f"{shown(name)} is read by {len(users)} nodes, and only forks into two are understood")
        branches: list[tuple[Chain, State, Node]] = []
        for node in users:
            branch = Chain()
            if node.kind in MERGES and len(self._graph.variables(node)) > 1:
                branches.append((branch, state, node))
                continue
            _, after, merge = self.walk(branch, name, state, forks + 1, node)
            if merge is None:
                raise refused(f"the fork at {shown(name)} does not come together again")
            branches.append((branch, after, merge))
        (first, one, merge), (second, other, same) = branches
        if merge is not same or merge.kind == "Concat" or len(merge.inputs) != 2:
            raise refused(f"the fork at {shown(name)} comes together in a way that is not understood: {place(merge)}")
        if one != other:
            raise refused(f"{place(merge)} adds tensors that do not lie alike")
        main, skip = (first, second) if len(first.tables) >= len(second.tables) else (second, first)
        if not main.tables:
            raise refused(f"{place(merge)} adds a tensor to itself")
        self._residual(chain, main, skip, state, one, merge)
        return merge.outputs[0], one

    def _residual(self, chain: Chain, main: Chain, skip: Chain, before: State, after: State, merge: Node) -> None:
        number = len(chain.tables)
        chain.hold("residual", main)
        if not skip.tables:
            if before != after:
                raise refused(f"{place(merge)} adds tensors of different shapes")
            return
        (table, *others) = skip.tables
        weighted = not others and table["kind"] in ("conv2d", "dense")
        fits = weighted and table["activation"] == "identity" and not table["bias"]
        if not fits or before.shape == after.shape or table.get("kernel", [1, 1]) != [1, 1]:
            what = "adds what layers make of the shortcut, and only a projection without a bias is understood"
            raise refused(f"{place(merge)} {what}")
        chain.arrays[f"{number}.projection.weight"] = skip.arrays["0.weight"]
