"""ONNX files come in: our own with the same bits, PyTorch's, ONNX's own cases; what is not understood is named."""

import importlib.util
import itertools
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch_models
from onnx import TensorProto, helper, numpy_helper
from onnx_files import all_plugins, raw_rows
from scripts import simulator

from neurosim.errors import UsageError
from neurosim.exchange.onnx_file import Scaling, network_graph, onnx_files
from neurosim.exchange.onnx_import import import_onnx
from neurosim.exchange.onnx_operators import HANDLERS
from neurosim.problem.building import build_network
from neurosim.problem.outlines import data_or_outline
from neurosim.runs.model import read_model
from neurosim.runs.prediction import load_model
from neurosim.scenario import load_scenario
from neurosim.training.simulator import Simulator

NO_TORCH = importlib.util.find_spec("torch") is None


@pytest.fixture
def imported(tmp_path, registry):
    """Import a file; gives what came of it and the model."""
    numbers = itertools.count()

    def do(content, known=registry, backend="reference"):
        number = next(numbers)
        file = tmp_path / f"{number}.onnx"
        file.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
        found = import_onnx(file, tmp_path / f"{number}", registry=known)
        return found, load_model(tmp_path / f"{number}", registry=known, backend=backend)

    return do


# Our own ----------------------------------------------------------------------------------------------------


def same_bits(network, imported, *, exact, content=None, known=None):
    raw = raw_rows(network, 20)
    content = content or onnx_files(network)[".onnx"]
    found, model = imported(content, **({} if known is None else {"known": known}))
    assert found.exact == exact
    for name, array in network.parameters.items():
        np.testing.assert_array_equal(model.network.named(model._backend.parameters)[name], np.float32(array))
    # The parameters of the reference backend have more digits than any file.
    np.testing.assert_allclose(model.outputs(raw), network.forward(network.data.to_input(raw)), rtol=0, atol=1e-5)
    return model


@pytest.mark.parametrize("name", ["xor", "iris", "sine", "digits-cnn"])
def test_our_own_files_come_back_with_or_without_their_description(name, imported):
    network = simulator(name)
    (content,) = onnx_files(network).values()
    model = same_bits(network, imported, exact=True)
    assert model.classes == network.data.classes
    assert model.features == network.data.feature_names
    bare = onnx.load_model_from_string(content)
    del bare.metadata_props[:]
    model = same_bits(network, imported, exact=False, content=bare)
    assert len(model.classes) == len(network.data.classes)


def test_outputs_have_the_same_bits(imported):
    network = simulator("iris", backend="cpu")
    _, model = imported(onnx_files(network)[".onnx"], backend="cpu")
    raw = raw_rows(network, 50)
    np.testing.assert_array_equal(model.outputs(raw), network.forward(network.data.to_input(raw)))


def test_formulas_of_plugins_and_gates_come_back(imported):
    known = all_plugins()
    layers = [{"kind": "dense", "units": 8, "activation": name} for name in ("pade", "snake", "sparsemax")]
    layers += [{"kind": "gated", "gate": "swiglu"}, {"kind": "maxout"}, {"kind": "dense", "units": 3}]
    network = simulator("iris", {"network.layers": layers, "network.loss": "mse"}, registry=known)
    same_bits(network, imported, exact=True, known=known)


@pytest.mark.parametrize("bare", [False, True])
def test_branches_come_back(imported, bare):
    """Shortcuts with layers and branches side by side, read from the graph alone too."""
    conv = {"kind": "conv2d", "channels": 3, "padding": "same", "activation": "relu"}
    one, norm = {**conv, "kernel": 1, "activation": "identity"}, {"kind": "batch_norm"}
    inner = {"kind": "concatenation", "branches": [[conv], [], [{"kind": "max_pool2d", "size": 1}, one]]}
    layers = [
        {"kind": "residual", "layers": [conv, inner], "shortcut": [{**one, "channels": 9}, norm]},
        {"kind": "flatten"},
        {"kind": "concatenation", "branches": [[{"kind": "dense", "units": 5}], [{"kind": "dense", "units": 2}]]},
        {"kind": "dense", "units": 10, "activation": "softmax"},
    ]
    network = simulator("digits", {"network.layers": layers})
    model = onnx.load_model_from_string(onnx_files(network)[".onnx"])
    if bare:
        del model.metadata_props[:]
    same_bits(network, imported, exact=not bare, content=model)


def test_training_goes_on_from_there(imported):
    """The simulator of the scenario takes the weights of the model, and the next losses are those of the first one."""
    layers = [{"kind": "dense", "units": 4}, {"kind": "batch_norm"}, {"kind": "dense", "units": 3}]
    network = simulator("iris", {"network.layers": layers, "network.loss": "mse"})
    network.train_epoch()
    bare = onnx.load_model_from_string(onnx_files(network)[".onnx"])
    del bare.metadata_props[:]
    found, model = imported(bare)
    data = {"source": "iris", "test_fraction": 0.2, "standardize": True}
    again = Simulator(load_scenario(found.files[0], overrides={"data": data, "network.loss": "mse"}), "reference")
    again.set_parameters(model.parameters)
    again.set_statistics(model.statistics)
    np.testing.assert_allclose(again.evaluate("train")["loss"], network.evaluate("train")["loss"], rtol=1e-5)


@pytest.mark.ci
@pytest.mark.parametrize("name", ["mobilenet-v1", "resnet18"])
def test_published_architectures_are_read_from_their_graphs(name, tmp_path, registry):
    scenario = load_scenario(name)
    network = build_network(scenario, data_or_outline(scenario))
    arrays = {**network.named(network.start_values(0)), **network.named_statistics(network.start_statistics())}
    nothing = Scaling(np.ones(()), np.zeros(()), np.ones(0), np.zeros(0))
    (tmp_path / "a.onnx").write_bytes(
        network_graph(network, arrays, nothing).message({"inputs": network.input_shape}, {}, name)
    )
    found = import_onnx(tmp_path / "a.onnx", tmp_path / "a", registry=registry)
    read, _ = read_model(found.files[1])
    assert (found.exact, found.network.size) == (False, network.size)
    assert read.keys() == arrays.keys()
    assert all(np.array_equal(read[key], array) for key, array in arrays.items())


def test_a_description_of_another_graph_counts_for_nothing(imported):
    """The graph is what is true: with other weights, operators or scaling it is read as any other."""
    network = simulator("iris")
    for change in ("weights", "operators", "scaling"):
        model = onnx.load_model_from_string(onnx_files(network)[".onnx"])
        if change == "operators":
            next(node for node in model.graph.node if node.op_type == "Tanh").op_type = "Sigmoid"
        name = "scale" if change == "scaling" else "layers.0.weight"
        if change != "operators":
            tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * 2, name))
        found, read = imported(model)
        assert found.exact == (change == "weights")
        raw = raw_rows(network, 5)
        assert not np.allclose(read.outputs(raw), network.forward(network.data.to_input(raw)), atol=1e-3)


# Others' ----------------------------------------------------------------------------------------------------


def agree(cases, imported):
    for name, content, rows, outputs in cases:
        _, model = imported(content)
        given = rows.transpose(0, 2, 3, 1) if rows.ndim == 4 else rows
        np.testing.assert_allclose(model.outputs(given), outputs, rtol=0, atol=1e-5, err_msg=name)


def test_stored_models_of_pytorch(imported):
    agree(torch_models.stored(), imported)


@pytest.mark.ci
@pytest.mark.skipif(NO_TORCH, reason="PyTorch is an optional peer: pip install neurosim-edu[peers]")
def test_models_of_pytorch_as_it_exports_them_now(imported):
    agree(torch_models.exported(), imported)


def graph_of(nodes, shape, weights=(), output="y"):
    """A model with one input ``x``."""
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in dict(weights).items()]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "g", inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


ARRAY = numpy_helper.from_array(np.array([2, 3]))
# How many of ONNX's cases, of one operator on float32 numbers, are a layer of neurosim: docs/exchange.md says so too.
CASES = 91


@pytest.mark.ci
def test_cases_of_onnx(imported):
    """Every case that is imported gives ONNX's own outputs. A dense layer that changes nothing comes behind each."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what they convert on purpose
        cases = collect_testcases(None)
    passed = 0
    for case in cases:
        (inputs, (expected, *_)), model = case.data_sets[0], onnx.ModelProto()
        if not {node.op_type for node in case.model.graph.node} <= HANDLERS.keys() or not inputs:
            continue
        if not all(isinstance(array, np.ndarray) for array in (inputs[0], expected)):
            continue
        model.CopyFrom(case.model)
        rows, *weights = inputs
        for value, array in zip([*model.graph.input][1:], weights, strict=True):
            if not isinstance(array, list):
                model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), value.name))
        if rows.ndim == 1:
            # One row of several numbers.
            dims = model.graph.input[0].type.tensor_type.shape.dim
            dims.add(dim_value=dims[0].dim_value)
            dims[0].dim_value = 1
            rows, expected = rows[None], expected[None]
        size = int(np.prod(expected.shape[1:]))
        if size > 3000 or rows.dtype != np.float32 or expected.dtype != np.float32:
            continue
        del model.graph.output[1:]
        names = model.graph.output[0].name, "as a row", "unchanged"
        model.graph.node.append(helper.make_node("Flatten", [names[0]], [names[1]]))
        model.graph.node.append(helper.make_node("MatMul", [names[1], "eye"], [names[2]]))
        model.graph.initializer.append(numpy_helper.from_array(np.eye(size, dtype=np.float32), "eye"))
        model.graph.output[0].name = names[2]
        try:
            _, read = imported(model)
        except UsageError:
            continue
        first = len(read.network.input_shape) == 3 and read.network.input_shape != rows.shape[1:]
        given = rows.transpose(0, 2, 3, 1) if first else rows
        np.testing.assert_allclose(
            read.outputs(given.reshape(len(given), -1)), expected.reshape(len(expected), -1), rtol=case.rtol, atol=1e-6,
            err_msg=case.name,
        )  # fmt: skip
        passed += 1
    assert passed == CASES
    assert f"{CASES} of the cases" in (Path(__file__).parents[2] / "docs" / "exchange.md").read_text()


# What is refused --------------------------------------------------------------------------------------------


def node(kind, *inputs, output="y", name="here", **attributes):
    return helper.make_node(kind, list(inputs), [output], name=name, **attributes)


EYE = {"w": np.eye(3, dtype=np.float32)}
FIRST = node("MatMul", "x", "w", output="a", name="first")
IMAGES = [1, 2, 6, 6]
KERNEL = {"k": np.ones((2, 2, 3, 3), np.float32)}


@pytest.mark.parametrize(
    ("nodes", "shape", "weights", "words"),
    [
        ([FIRST, node("Softsign", "a")], [1, 3], EYE, 'node "here" (Softsign) is not understood: no layer of neurosim'),
        ([FIRST, node("LogSoftmax", "a")], [1, 3], EYE, 'node "here" (LogSoftmax) is not understood'),
        ([node("MatMul", "x", "v")], [1, 3], EYE, 'reads "v", which nothing before it puts out'),
        ([node("Add", "b", "x", output="a"), node("Relu", "a", output="b"), node("Relu", "b")], [1, 3], {},
         'reads "b", which nothing before it puts out'),
        ([FIRST, node("Relu", "x", output="a"), node("Relu", "a")], [1, 3], EYE, 'two tensors are called "a"'),
        ([node("MatMul", "x", "w")], [1, 4], EYE, "needs weights of shape (4, 3), and has of shape (3, 3)"),
        ([node("MatMul", "w", "x")], [1, 3], EYE, 'takes its weights from "x", which is no array'),
        ([node("MatMul", "x", "w")], [1, "n"], EYE, "no fixed shape besides the number of rows"),
        ([node("MatMul", "x", "w")], [3], EYE, "has 1 axes: it needs one of rows, and others"),
        ([FIRST, node("Mul", "a", "a")], [1, 3], EYE, "puts several tensors together"),
        ([FIRST, node("Relu", "a", output="b"), node("Tanh", "a", output="c"), node("Mul", "b", "c")], [1, 3], EYE,
         "puts several tensors together in a way that is not understood"),
        ([FIRST, node("Relu", "a", output="b"), node("Concat", "a", "b", axis=0)], [1, 3], EYE, "along another axis"),
        ([FIRST, node("Flatten", "a", axis=0)], [1, 3], EYE, "does not keep the rows apart"),
        ([node("Conv", "x", "k", pads=[0, -2, 0, 1])], IMAGES, KERNEL, "is padded by (0, -2, 0, 1) cells"),
        ([node("Conv", "x", "k", group=3)], IMAGES, KERNEL, "divides its channels into 3 groups, which cannot be"),
        ([node("Conv", "x", "k", strides=[0, 1])], IMAGES, KERNEL, "has a window that cannot be"),
        ([node("Conv", "x", "k")], [1, 2, 2, 2], KERNEL, "has a window that is larger than its map"),
        ([node("Conv", "x", "k"), ], [1, 3, 6, 6], KERNEL, "needs weights of shape (2, 3, 3, 3)"),
        ([FIRST, node("Elu", "a", alpha=float("nan"))], [1, 3], EYE, "has alpha = nan, which is no number"),
        ([FIRST, node("Cast", "a", to=ARRAY)], [1, 3], EYE, "makes other numbers of its inputs"),
        ([FIRST, node("Gelu", "a", approximate=ARRAY)], [1, 3], EYE,
         "has approximate = 'an array of shape (2,)', and only 'none' and 'tanh' are understood"),
        ([node("Conv", "x", "k", auto_pad=ARRAY)], [1, 3, 6, 6], {"k": np.ones((2, 3, 3, 3), np.float32)},
         "has auto_pad = 'an array of shape (2,)'"),
        ([node("ReduceMean", "x", axes=3)], IMAGES, {}, "has axes = 3: whole numbers are expected"),
        ([node("ReduceMean", "x", "f")], IMAGES, {"f": np.array([np.nan, 2])}, "has axes = (nan, 2.0)"),
        ([FIRST, node("Relu", "a")], [1, 3], {"w": np.full((3, 3), np.nan, np.float32)}, "is not of finite float32"),
        ([FIRST, node("Relu", "a")], [1, 3], {"w": np.ones((3, 3), np.complex64)}, "of a type that is not understood"),
        ([node("Relu", "x")], [1, 3], {}, "there is nothing to train"),
        ([node("Softmax", "x", name="\x1b[31m" * 40)], [1, 3, 3], {}, 'node "\\x1b[31m\\x1b[31m'),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_named(imported, tmp_path, nodes, shape, weights, words):
    with pytest.raises(UsageError) as error:
        imported(graph_of(nodes, shape, weights))
    assert error.value.message.startswith("this ONNX file cannot be imported: ")
    assert words in error.value.message
    assert not (tmp_path / "0" / "model.safetensors").exists()


def test_what_helps_with_a_logarithm_at_the_end(imported):
    with pytest.raises(UsageError) as error:
        imported(graph_of([FIRST, node("LogSoftmax", "a")], [1, 3], EYE))
    assert error.value.hint == "Export the network with a softmax, or up to what goes into it."


def test_claims_and_other_files(imported, tmp_path):
    def changed(change):
        model = graph_of([FIRST, node("Relu", "a")], [1, 3], EYE)
        change(model.graph)
        return model

    def outside(graph):
        graph.initializer[0].data_location = TensorProto.EXTERNAL
        graph.initializer[0].external_data.add(key="location", value="../secrets.bin")

    def huge(graph):
        del graph.initializer[0].dims[:]
        graph.initializer[0].dims.extend([1 << 40, 1 << 40])

    def negative(graph):
        graph.initializer[0].dims[:] = [-3, -3]

    def inner(graph):
        graph.node[1].attribute.append(helper.make_attribute("body", graph_of([FIRST], [1, 3]).graph))

    (tmp_path / "secrets.bin").write_bytes(bytes(36))
    for change, words in (
        (outside, 'the weights "w" are in another file'),
        (huge, "have a shape that cannot be: 1099511627776 x 1099511627776"),
        (negative, "have a shape that cannot be: -3 x -3"),
        (lambda graph: graph.initializer[0].ClearField("raw_data"), "should be 9 numbers, and the file has 0"),
        (inner, 'has more inside it than numbers: "body"'),
        (lambda graph: graph.output.add(name="a"), "it has 2 outputs"),
        (lambda graph: graph.input.add(name="z"), "it has 2 inputs, and needs exactly one"),
        (lambda graph: graph.node.extend([graph.node[1]] * 10_000), "and at most 10,000 are read"),
    ):
        with pytest.raises(UsageError) as error:
            imported(changed(change))
        assert words in error.value.message
    functions = graph_of([FIRST, node("Relu", "a")], [1, 3], EYE)
    functions.functions.add(name="f")
    for content, words in (
        (b"", "it has no nodes"),
        (b"\xff" * 50, "no ONNX file at all"),
        (b'[scenario]\nname = "x"\n', "no ONNX file at all"),
        (functions, "functions of its own"),
    ):
        with pytest.raises(UsageError, match=words):
            imported(content)
    (tmp_path / "model.pt").write_bytes(b"PK\3\4" + bytes(60))
    with pytest.raises(UsageError, match="no ONNX file at all") as error:
        import_onnx(tmp_path / "model.pt", tmp_path / "model")
    assert error.value.hint == "Export the network as an ONNX file from where it was trained."
