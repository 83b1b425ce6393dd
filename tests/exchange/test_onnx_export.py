"""ONNX files: onnxruntime and ONNX's own reference give what the network gives, from raw rows."""

import json
import sys

import numpy as np
import onnx
import pytest
from onnx_files import CLOSE, agrees, all_plugins, answers, raw_rows
from scripts import exported, simulator

import neurosim
from neurosim.errors import PluginError, UsageError
from neurosim.exchange import export
from neurosim.exchange.onnx_file import onnx_files
from neurosim.exchange.onnx_graph import Graph
from neurosim.formulas.operators import OperatorPrinter, Tensor
from neurosim.formulas.reader import read
from neurosim.scenario import shipped

END = {"kind": "dense", "units": 3, "activation": "softmax"}
DIGITS = {"kind": "dense", "units": 10, "activation": "softmax"}


def of_layers(name, *layers, registry=None, **more):
    return simulator(name, {"network.layers": [*layers], **more}, registry=registry)


def first_of(name, backend="reference"):
    return simulator(name, None, next(iter(neurosim.load_scenario(name).variants), ""), backend=backend)


@pytest.mark.parametrize("name", ["and", "sine", "digits-cnn"])
def test_shipped_networks(name):
    agrees(first_of(name), 8)


@pytest.mark.ci
@pytest.mark.parametrize("name", sorted(shipped()))
def test_all_shipped_networks_on_many_rows(name):
    """Those with convolutions compiled, and fewer rows in ONNX's reference: both are slow in Python."""
    maps = "cnn" in name or name in ("mnist-resnet", "mnist-vgg")
    agrees(first_of(name, "cpu" if maps else "reference"), 1000, 8 if maps or "mnist" in name else 1000)


def test_all_activations():
    """The built-in ones and those of the plugins, each as that of a layer and on its own."""
    registry, found = all_plugins(), set()
    for entry in registry.activations:
        name = entry.record.name
        network = of_layers(
            "iris", {"kind": "dense", "units": 7, "activation": name}, {"kind": "activation", "activation": name}, END,
            registry=registry,
        )  # fmt: skip
        agrees(network)
        found.add(name)
    assert found > {"softmax", "prelu", "mish", "snake", "sparsemax", "entmax15", "gaussian", "pade"}


@pytest.mark.parametrize("kind", ["gates", "maxout"])
def test_units_of_several_numbers(kind, registry):
    layers = [{"kind": "gated", "gate": entry.record.name} for entry in registry.gates]
    for layer in [{"kind": "maxout", "pieces": 3}] if kind == "maxout" else layers:
        agrees(of_layers("iris", {"kind": "dense", "units": 6}, layer, END))


def test_layers_of_vectors():
    inner = [{"kind": "dense", "units": 5, "activation": "tanh"}, {"kind": "dropout", "rate": 0.5}]
    model = agrees(
        of_layers(
            "iris",
            {"kind": "dense", "units": 6, "bias": False, "activation": {"name": "prelu", "per": "unit"}},
            {"kind": "layer_norm", "epsilon": 0.1},
            {"kind": "batch_norm", "epsilon": 0.1, "momentum": 0.2},
            {"kind": "residual", "layers": inner},
            {"kind": "residual", "layers": [{"kind": "dense", "units": 5}]},
            {"kind": "residual", "layers": [{"kind": "layer_norm"}], "shortcut": [*inner[:1], {"kind": "batch_norm"}]},
            {"kind": "concatenation", "branches": [[], [{"kind": "dense", "units": 2}], [{"kind": "layer_norm"}]]},
            {"kind": "activation", "activation": {"name": "swish", "beta": 2.0}},
            END,
        )
    )
    assert [node.name for node in model.graph.node[4:9]] == [
        "layers.0/MatMul",
        "layers.0/PRelu",
        "layers.1/LayerNormalization",
        "layers.2/BatchNormalization",
        "layers.3.layers.0/Gemm",
    ]
    names = {tensor.name for tensor in model.graph.initializer}
    assert {"layers.0.weight", "layers.0.alpha", "layers.2.mean", "layers.3.projection.weight"} <= names


@pytest.mark.parametrize("activation", ["relu", {"name": "pade", "per": "unit"}])
def test_layers_of_maps(activation):
    """With the channels first and last, and numbers of their own for each channel."""
    odd = {"kind": "conv2d", "channels": 3, "kernel": [1, 2], "activation": activation, "bias": False}
    same = {"kind": "conv2d", "channels": 4, "kernel": 3, "stride": 2, "padding": "same", "activation": "selu"}
    pools = [
        {"kind": "max_pool2d", "size": 3, "stride": 2, "padding": "same"},
        {"kind": "avg_pool2d", "size": 2, "padding": "same"},
    ]
    alone = {"kind": "activation", "activation": activation}
    for layers in (
        [odd, {"kind": "batch_norm"}, {"kind": "layer_norm"}, alone, *pools, {"kind": "flatten"}, DIGITS],
        [{"kind": "layer_norm"}, {"kind": "residual", "layers": [{"kind": "layer_norm"}, same]}, DIGITS],
        [same, {"kind": "global_avg_pool2d"}, {"kind": "activation", "activation": "tanh"}, DIGITS],
        [
            same,
            {"kind": "concatenation", "branches": [[{"kind": "batch_norm"}, same], [{"kind": "layer_norm"}, same]]},
            {"kind": "residual", "layers": [same], "shortcut": [same, {"kind": "batch_norm"}]},
            {"kind": "flatten"},
            DIGITS,
        ],
        [{"kind": "flatten"}, DIGITS],
    ):
        if layers[-2]["kind"] == "residual":
            layers.insert(-1, {"kind": "flatten"})
        agrees(of_layers("digits", *layers, registry=all_plugins()))


def test_windows():
    """Padding side by side, dilation, groups, last windows that reach beyond the map, and means that count zeros."""
    conv = {"kind": "conv2d", "channels": 4, "padding": [0, 2, 1, 3], "dilation": [2, 1], "activation": "tanh"}
    depthwise = {"kind": "conv2d", "channels": 8, "groups": 4, "padding": 1, "stride": [1, 2], "dilation": 2}
    pools = [
        {"kind": "max_pool2d", "size": [2, 3], "stride": 1, "padding": [1, 0, 0, 1], "dilation": [2, 1], "ceil": True},
        {"kind": "avg_pool2d", "size": 2, "stride": [1, 2], "padding": [0, 1, 1, 0], "count_padding": True},
        {"kind": "avg_pool2d", "size": [3, 2], "stride": [2, 1], "padding": 1, "ceil": True},
    ]
    agrees(of_layers("digits", conv, depthwise, *pools, {"kind": "flatten"}, DIGITS))
    beyond = {"kind": "avg_pool2d", "size": 3, "stride": 2, "padding": 1, "ceil": True, "count_padding": True}
    with pytest.raises(UsageError, match="an average pool that counts its padding and reaches beyond it"):
        onnx_files(of_layers("digits", beyond, {"kind": "flatten"}, DIGITS))


def test_what_netron_shows(tmp_path):
    network = simulator("iris")
    model = onnx.load(exported(network, "onnx", tmp_path, "iris"))
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(facts["classes"]) == ["setosa", "versicolor", "virginica"]
    assert facts["title"] == network.scenario.scenario.headline
    assert facts["scaling"].startswith("the graph scales its inputs: raw * scale + shift, scale [")
    assert (model.opset_import[0].version, model.producer_name) == (17, "neurosim")
    assert model.ir_version <= 10
    (given,) = model.graph.input
    assert [size.dim_param or size.dim_value for size in given.type.tensor_type.shape.dim] == ["batch", 4]


def test_values_come_out_in_the_units_of_the_data_too():
    """Years as inputs, whose digits float32 arithmetic would lose, and targets that are scaled."""
    years = np.linspace(1990, 2020, 40)[:, None]
    scenario = neurosim.scenario(
        data={"standardize": True, "standardize_targets": True},
        network={"loss": "gaussian_nll", "layers": [{"kind": "dense", "units": 2}]},
        optimizer={"name": "sgd", "lr": 0.01},
        training={"epochs": 1},
    )
    result = neurosim.run(scenario, data=(years, 1000 + years * 3))
    (content,) = onnx_files(result.simulator).values()
    found = answers(content, years.astype(np.float32))
    np.testing.assert_allclose(found["values"], result.predict(years.astype(np.float32)), rtol=1e-6)
    ours = result.simulator.forward(result.simulator.data.to_input(years))
    np.testing.assert_allclose(found["outputs"], ours, rtol=0, atol=CLOSE)


def test_what_is_not_a_graph(tmp_path, monkeypatch):
    long = [{"kind": "dense", "units": 600}, {"kind": "activation", "activation": "sparsemax"}, END]
    with pytest.raises(PluginError, match="a formula of rows of 600 numbers is too long to be written out"):
        onnx_files(of_layers("iris", *long, registry=all_plugins()))
    with pytest.raises(UsageError, match="is not the name of an ONNX file"):
        export(simulator("and"), "onnx", tmp_path / "and.py")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UsageError, match="need a library that is not installed") as error:
        onnx_files(simulator("and"))
    assert error.value.hint == 'pip install "neurosim-edu[onnx]"'


def branches(z):
    a = b = c = d = e = 0.0
    if z > 1.0:
        e = z * 1.5
        a = z * 2.5
        d = z * 3.5
        b = z * 4.5
        c = z * 5.5
    return a + b + c + d + e


def test_the_order_of_nodes_is_that_of_the_formula():
    """And so the same in every process: files are recognized by it when they come in."""
    graph = Graph()
    OperatorPrinter(read(branches), graph).result([Tensor("z")])
    of_products = {node.outputs[0]: node.inputs[1] for node in graph.nodes if node.kind == "Mul"}
    chosen = [of_products[node.inputs[1]] for node in graph.nodes if node.kind == "Where"]
    assert chosen == ["2.5", "4.5", "5.5", "3.5", "1.5"]


def root(z, x):
    return z + x**0.5 + x**-1.0


def test_what_python_has_no_number_for_is_left_to_the_graph():
    """Of a negative number Python's root is complex, and 0 to the power of -1 an error."""
    for x, kinds in ((-2.0, ["Sqrt", "Add", "Add"]), (0.0, ["Add", "Pow", "Add"])):
        graph = Graph()
        OperatorPrinter(read(root), graph).result([Tensor("z"), x])
        assert [node.kind for node in graph.nodes] == kinds


def test_the_same_network_gives_the_same_bytes():
    assert onnx_files(simulator("iris")) == onnx_files(simulator("iris"))
    assert raw_rows(simulator("iris"), 2).dtype == np.float32
