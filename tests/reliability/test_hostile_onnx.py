"""Damaged and hostile ONNX files: imported or refused in a sentence, and no other file is looked at."""

import itertools
import os
import random
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from mutants import changed_bytes
from sizes import sizes
from support import BUILTINS

import neurosim
from neurosim.errors import UsageError
from neurosim.exchange.onnx_file import onnx_files
from neurosim.exchange.onnx_import import import_onnx

# Of neurosim's own files, that of the schema is looked into for names that are misspelled.
PACKAGE = Path(neurosim.__file__).parent
STORED = Path(__file__).parents[1] / "exchange" / "pytorch"
NAMES = ("../secrets", "/etc/passwd", "", "x", "y", "é" * 300, "\x1b[2J", "layers.0.weight")
NUMBERS = (0, 1, -1, 2, 3, 7, 1 << 31, 1 << 62, -(1 << 63))
ARRAY = onnx.numpy_helper.from_array(np.array([2, 3]))
KINDS = ("Relu", "Conv", "Gemm", "Add", "MatMul", "Reshape", "Loop", "If", "Flatten", "Softmax", "Concat", "Transpose")

_opened: list[str] = []
_armed = False


def _heard(event, arguments):
    if _armed and event == "open" and isinstance(arguments[0], str | bytes):
        _opened.append(os.fsdecode(arguments[0]))


@pytest.fixture(scope="module", autouse=True)
def _hook():
    # It cannot be taken off again, and does nothing unless it is armed.
    sys.addaudithook(_heard)


def good_files():
    files = [path.read_bytes() for path in sorted(STORED.glob("*.onnx")) if path.stat().st_size < 3000]
    networks = [neurosim.Simulator(name, backend="reference") for name in ("xor", "iris")]
    return [*files, *(onnx_files(network)[".onnx"] for network in networks)]


def damaged(rng, content):
    """The content with up to four changes."""
    return changed_bytes(rng, content, rng.choice((1, 1, 2, 4)))


def messages(message):
    """A message and all that are inside it."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            # Maps have none in ONNX; what is not repeated is one message.
            for inner in value if hasattr(value, "__len__") else [value]:
                yield from messages(inner)


def changed_structure(rng, content):
    """Names, numbers, operators and shapes changed where they stand; nodes and weights twice, or not at all."""
    model = onnx.load_model_from_string(content)
    for _ in range(rng.choice((1, 1, 2, 3))):
        fields = [(message, field, value) for message in messages(model) for field, value in message.ListFields()]
        message, field, value = rng.choice(fields)
        if isinstance(message, onnx.AttributeProto) and rng.random() < 0.3:
            other = rng.choice((rng.choice(NUMBERS), 0.5, b"SAME_LOWER", [2, 3], [0.5, 1.0], ARRAY))
            message.CopyFrom(onnx.helper.make_attribute(message.name, other))
            continue
        repeated = hasattr(value, "__len__") and not isinstance(value, str | bytes)
        if repeated and rng.random() < 0.3:
            del value[rng.randrange(len(value))]
        elif repeated and field.message_type is not None:
            value.extend([value[rng.randrange(len(value))]])
        elif repeated:
            number = isinstance(value[0], int | float)
            value[rng.randrange(len(value))] = type(value[0])(rng.choice(NUMBERS)) if number else rng.choice(NAMES)
        elif isinstance(value, bytes):
            setattr(message, field.name, damaged(rng, value))
        elif isinstance(value, str):
            setattr(message, field.name, rng.choice(KINDS if field.name == "op_type" else NAMES))
        elif isinstance(value, float):
            setattr(message, field.name, rng.choice((0.0, -1.0, 1e30, float("nan"), float("inf"))))
        elif isinstance(value, int) and field.enum_type is None:
            setattr(message, field.name, rng.choice(NUMBERS[:6] if field.name != "i" else NUMBERS))
        else:
            message.ClearField(field.name)
    return model.SerializeToString()


def attempts(count, seed, tmp_path):
    """Import so many mutants; gives what is said of those that are refused."""
    global _armed
    rng, files, refused = random.Random(seed), good_files(), list[str]()
    file = tmp_path / "mutant.onnx"
    import_into(tmp_path / "warm", files[0], file)
    for number in range(count):
        base, change = rng.choice(files), rng.choice((damaged, changed_structure))
        try:
            content = change(rng, base)
        except (ValueError, TypeError):  # what Python's side of protobuf does not allow
            continue
        file.write_bytes(content)
        _opened.clear()
        _armed = True
        try:
            import_onnx(file, tmp_path / str(number), registry=BUILTINS)
        except UsageError as error:
            refused.append(error.message)
        finally:
            _armed = False
        own = {file, tmp_path / str(number)}
        others = [name for name in map(Path, _opened) if not own & {name, name.parent} and PACKAGE not in name.parents]
        assert not others, others
    return refused


def import_into(folder, content, file):
    """A good file first: what is loaded when it is first needed is there then."""
    file.write_bytes(content)
    import_onnx(file, folder, registry=BUILTINS)


@sizes(short=2_000, full=50_000, ci=True)
def test_mutants_are_imported_or_refused(count, tmp_path):
    refused = attempts(count, 0, tmp_path)
    assert len(refused) > count // 2
    for message in refused:
        assert message.startswith("this ONNX file cannot be imported: ")
        assert message.isprintable()


def test_a_chain_of_forks_and_a_deep_one_end(tmp_path):
    """Neither many forks nor forks inside each other take the time, or the levels, that they seem to ask for."""
    helper = onnx.helper
    for depth, words in ((40, "inside more than 16 other forks"), (3, None)):
        nodes, last = [], "x"
        for level in range(depth):
            nodes.append(helper.make_node("MatMul", [last, "w"], [f"d{level}"]))
            last = f"d{level}"
        for level in reversed(range(depth)):
            before = f"d{level - 1}" if level else "x"
            nodes.append(helper.make_node("Add", [last, before], [f"u{level}"]))
            last = f"u{level}"
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            nodes, "g", [value("x", 1, [1, 2])], [value(last, 1, None)],
            [onnx.numpy_helper.from_array(np.eye(2, dtype=np.float32), "w")],
        )  # fmt: skip
        file = tmp_path / f"{depth}.onnx"
        file.write_bytes(helper.make_model(graph).SerializeToString())
        if words is None:
            assert len(import_onnx(file, tmp_path / "out", registry=BUILTINS).network.parts) == 2 * depth
        else:
            with pytest.raises(UsageError, match=words):
                import_onnx(file, tmp_path / "none", registry=BUILTINS)


def test_recursion_in_the_file_itself(tmp_path):
    """Messages inside messages: a graph in an attribute of a graph, a thousand times."""
    content = b""
    for _ in itertools.repeat(None, 1000):
        attribute = b"\x32" + _length(content) + content
        node = b"\x2a" + _length(attribute) + attribute
        content = b"\x0a" + _length(node) + node
    file = tmp_path / "deep.onnx"
    file.write_bytes(b"\x3a" + _length(content) + content)
    with pytest.raises(UsageError, match="cannot be imported"):
        import_onnx(file, tmp_path / "out", registry=BUILTINS)


def _length(content):
    size, found = len(content), bytearray()
    while size > 127:
        found.append(size & 127 | 128)
        size >>= 7
    return bytes([*found, size])
