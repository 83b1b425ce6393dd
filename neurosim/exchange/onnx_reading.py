"""An ONNX file from anyone as plain data: checked, and nothing read but the file itself.

Weights in other files are refused, and so are graphs inside graphs, functions, and names that are not there or there
twice. Nothing is made of a size that the file only claims to have. A node may read only what stands before it, so there
are no circles.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.errors import UsageError
from neurosim.exchange.onnx_file import check_onnx
from neurosim.exchange.onnx_graph import DOUBLE, FLOAT, Array, Node
from neurosim.files.inputs import open_ordinary, unreadable
from neurosim.printable import label, shortened

# Largest file that is read, in bytes, and how many nodes it may have.
LARGEST = 1 << 30
MOST_NODES = 10_000
MOST_NUMBERS = 1 << 28
# Versions of the operators before this one mean other things by the same names.
OLDEST = 9
LONGEST_NAME = 80
# How ONNX numbers types, and where it keeps such numbers when they are not raw bytes.
_TYPES: Mapping[int, tuple[str, str]] = {
    FLOAT: ("<f4", "float_data"),
    6: ("<i4", "int32_data"),
    7: ("<i8", "int64_data"),
    9: ("?", "int32_data"),
    10: ("<f2", ""),
    DOUBLE: ("<f8", "double_data"),
}
_EXTERNAL = 1


@dataclass(frozen=True)
class Read:
    """What a file holds.

    Attributes
    ----------
    given : str
        Name of the only input.
    shape : tuple of int
        Its shape for one row.
    rows : int or None
        How many rows it says it takes at a time; None where it leaves that open.
    nodes : tuple of Node
        The operators that the outputs depend on, in their order.
    arrays : dict of str to array
        The numbers that they read, those of Constant nodes among them.
    outputs : tuple of str
        Names of the outputs.
    facts : dict of str to str
        The metadata.
    """

    given: str
    shape: tuple[int, ...]
    rows: int | None
    nodes: tuple[Node, ...]
    arrays: dict[str, Array]
    outputs: tuple[str, ...]
    facts: dict[str, str] = field(default_factory=dict)

    def listed(self, name: str) -> tuple[str, ...]:
        """The names in an entry of the metadata; empty where it has none."""
        try:
            found = json.loads(self.facts.get(name, "[]"))
        except (ValueError, RecursionError):
            return ()
        return tuple(found) if isinstance(found, list) and all(isinstance(entry, str) for entry in found) else ()


def refused(what: str, hint: str = "docs/exchange.md says what can be imported.") -> UsageError:
    """The error for a file that cannot be imported."""
    return UsageError(f"this ONNX file cannot be imported: {what}", hint)


def shown(name: str) -> str:
    """A name from a file, as messages have it."""
    return f'"{label(name, LONGEST_NAME)}"'


def place(node: Node) -> str:
    """A node as messages name it."""
    return f"node {shown(node.name)} ({label(node.kind, LONGEST_NAME)})"


def read_onnx(path: Path) -> Read:
    """Read a file.

    Raises
    ------
    UsageError
        When it is not a graph that can be understood, or ONNX's library is not installed.
    DataError
        When it cannot be read.
    """
    check_onnx()
    import onnx
    from google.protobuf.message import DecodeError

    with open_ordinary(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > LARGEST:
            raise refused(f"it has {size:,} bytes, and at most {LARGEST:,} are read")
        try:
            content = file.read(LARGEST)
        except OSError as error:
            raise unreadable(path, error) from error
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except (DecodeError, ValueError, MemoryError) as error:
        # Files that programs keep their networks in have other names, and beginners try them.
        again = "Write or download it again."
        hint = again if path.suffix == ".onnx" else "Export the network as an ONNX file from where it was trained."
        raise refused("it is damaged, or no ONNX file at all", hint) from error
    try:
        return _Reader(model).read()
    except (UnicodeDecodeError, OverflowError) as error:
        raise refused(f"it is damaged: {error}", "Write or download it again.") from error


class _Reader:
    def __init__(self, model: Any) -> None:
        self._model = model
        self._arrays: dict[str, Array] = {}
        self._known: set[str] = set()
        self._numbers = 0

    def read(self) -> Read:
        graph = self._model.graph
        self._check_whole(graph)
        for tensor in graph.initializer:
            name = _text(tensor.name)
            self._define(name, "weights")
            self._arrays[name] = self._array(tensor, f"the weights {shown(name)}")
        inputs = [entry for entry in graph.input if _text(entry.name) not in self._arrays]
        if len(inputs) != 1:
            raise refused(f"it has {len(inputs)} inputs, and needs exactly one")
        (given,) = inputs
        self._define(_text(given.name), "inputs")
        rows, shape = _input_shape(given)
        nodes = [node for number, entry in enumerate(graph.node, 1) if (node := self._node(entry, number)) is not None]
        outputs = tuple(_text(entry.name) for entry in graph.output)
        if not outputs or len(set(outputs)) != len(outputs) or len(outputs) > 2:
            raise refused(f"it has {len(outputs)} outputs, and needs one")
        for name in outputs:
            if name not in self._known:
                raise refused(f"nothing puts out {shown(name)}, which is an output")
        facts = {_text(entry.key): _text(entry.value) for entry in self._model.metadata_props}
        return Read(_text(given.name), shape, rows, _needed(nodes, outputs), self._arrays, outputs, facts)

    def _check_whole(self, graph: Any) -> None:
        versions = [entry.version for entry in self._model.opset_import if entry.domain in ("", "ai.onnx")]
        if not graph.node or not versions:
            raise refused("it has no nodes", "Is it an ONNX file?")
        if len(graph.node) > MOST_NODES:
            raise refused(f"it has {len(graph.node):,} nodes, and at most {MOST_NODES:,} are read")
        if max(versions) < OLDEST:
            raise refused(
                f"its operators are those of version {max(versions)}, and {OLDEST} is the oldest that is understood",
                "Export it again with a newer opset, such as 17.",
            )
        if self._model.functions:
            raise refused("it defines functions of its own", "Export it again without functions.")
        if graph.sparse_initializer:
            raise refused("it has sparse weights", "Export it again with dense weights.")

    def _define(self, name: str, what: str) -> None:
        if not name or name in self._known:
            raise refused(f"two {what} are called {shown(name)}" if name else f"one of its {what} has no name")
        self._known.add(name)

    def _array(self, tensor: Any, what: str) -> Array:
        """The numbers of a tensor, whose claims are checked before anything of its size is made."""
        if tensor.data_location == _EXTERNAL or tensor.external_data:
            raise refused(f"{what} are in another file", "Save the model as one file, without external data.")
        if tensor.data_type not in _TYPES:
            raise refused(f"{what} are of a type that is not understood (number {tensor.data_type})")
        kind, where = _TYPES[tensor.data_type]
        shape = tuple(tensor.dims)
        count = math.prod(shape)
        self._numbers += max(count, 0)
        if any(size < 0 for size in shape) or len(shape) > 8 or self._numbers > MOST_NUMBERS:
            raise refused(f"{what} have a shape that cannot be: {_sizes(shape)}")
        dtype = np.dtype(kind)
        raw: bytes | None = tensor.raw_data if tensor.HasField("raw_data") else None
        given: Any = raw if raw is not None else getattr(tensor, where) if where else ()
        there = len(given) / (1 if raw is None else dtype.itemsize)
        if there != count:
            raise refused(f"{what} should be {count:,} numbers, and the file has {there:,g}")
        array = np.frombuffer(raw, dtype) if raw is not None else np.array(given).astype(dtype)
        return array.reshape(shape)

    def _node(self, entry: Any, number: int) -> Node | None:
        """A node; None for one that only holds numbers."""
        kind, domain = _text(entry.op_type), _text(entry.domain)
        kind = kind if domain in ("", "ai.onnx") else f"{domain}.{kind}"
        inputs, outputs = (tuple(map(_text, names)) for names in (entry.input, entry.output))
        node = Node(kind, _text(entry.name) or f"number {number}", inputs, outputs)
        for name in node.inputs:
            if name and name not in self._known:
                raise refused(f"{place(node)} reads {shown(name)}, which nothing before it puts out")
        for name in node.outputs:
            if name:
                self._define(name, "tensors")
        attributes = {_text(attribute.name): self._attribute(attribute, node) for attribute in entry.attribute}
        if kind == "Constant":
            self._constant(node, attributes)
            return None
        if len(node.outputs) == 1 and (known := self._known_already(node, attributes)) is not None:
            self._arrays[node.outputs[0]] = known
            return None
        return Node(node.kind, node.name, node.inputs, node.outputs, attributes)

    def _constant(self, node: Node, attributes: Mapping[str, Any]) -> None:
        values = list(attributes.items())
        if len(values) != 1 or len(node.outputs) != 1 or isinstance(values[0][1], str):
            raise refused(f"{place(node)} does not hold numbers")
        ((name, value),) = values
        kind = np.float32 if name.startswith("value_float") else np.int64
        self._arrays[node.outputs[0]] = value if isinstance(value, np.ndarray) else np.array(value, kind)

    def _known_already(self, node: Node, attributes: Mapping[str, Any]) -> Array | None:
        """What a node makes of an array of the file, if it is the same numbers."""
        array = self._arrays.get(node.inputs[0]) if len(node.inputs) == 1 else None
        if array is None:
            return None
        match node.kind:
            case "Identity":
                return array
            case "Cast" if attributes.get("to") == FLOAT and array.dtype.kind == "f":
                return array.astype(np.float32)
            case "Transpose" if array.ndim == 2 and attributes.get("perm", (1, 0)) == (1, 0):
                return array.T
        return None

    def _attribute(self, attribute: Any, node: Node) -> Any:
        match attribute.type:
            case 1:
                return float(attribute.f)
            case 2:
                return int(attribute.i)
            case 3:
                return attribute.s.decode()
            case 4:
                array = self._array(attribute.t, f"the numbers of {place(node)}")
                # Nobody else has an attribute that may be an array; words differ from whatever is expected.
                return array if node.kind == "Constant" else f"an array of shape {array.shape}"
            case 6:
                return tuple(map(float, attribute.floats))
            case 7:
                return tuple(map(int, attribute.ints))
            case 8:
                return tuple(text.decode() for text in attribute.strings)
        raise refused(f"{place(node)} has more inside it than numbers: {shown(_text(attribute.name))}")


def _text(given: str | bytes) -> str:
    """A name; where it is not in UTF-8, protobuf gives bytes."""
    return given if isinstance(given, str) else given.decode(errors="backslashreplace")


def _input_shape(given: Any) -> tuple[int | None, tuple[int, ...]]:
    """Rows, if the file says how many, and the shape of one."""
    kind = given.type.tensor_type
    name = shown(_text(given.name))
    if not given.type.HasField("tensor_type") or kind.elem_type != FLOAT:
        raise refused(f"its input {name} is not of float32 numbers")
    dims = list(kind.shape.dim)
    sizes = [size.dim_value if size.HasField("dim_value") else 0 for size in dims]
    if len(sizes) < 2:
        raise refused(f"its input {name} has {len(sizes)} axes: it needs one of rows, and others")
    if any(size < 1 for size in sizes[1:]) or math.prod(sizes[1:]) > MOST_NUMBERS:
        raise refused(
            f"its input {name} has no fixed shape besides the number of rows",
            "Export it with a fixed size of images.",
        )
    return (sizes[0] if sizes[0] > 0 else None), tuple(sizes[1:])


def _needed(nodes: Sequence[Node], outputs: Iterable[str]) -> tuple[Node, ...]:
    """Those of the nodes that the outputs depend on."""
    wanted, kept = set(outputs), list[Node]()
    for node in reversed(nodes):
        if wanted & set(node.outputs):
            wanted |= set(node.inputs)
            kept.append(node)
    return tuple(kept[::-1])


def _sizes(shape: Sequence[int]) -> str:
    return shortened(" x ".join(map(str, shape)), LONGEST_NAME)
