"""Scripts in PyTorch: true to our reference backend, tidy, with weights that `load_state_dict` takes."""

import ast
import importlib.util

import numpy as np
import pytest
from safetensors.numpy import load_file
from scripts import agree, exported, our_losses, run, simulator, steps_of_shipped, tidy, with_plugins
from support import BUILTINS

from neurosim.errors import UsageError

NO_TORCH = importlib.util.find_spec("torch") is None
# It takes seconds to import, so each test runs many scripts in one process.
needs_torch = pytest.mark.skipif(NO_TORCH, reason="PyTorch is an optional peer: pip install neurosim-edu[peers]")
# 1e-5 would do; sums in another order leave less.
EXACT = 1e-9
FEW = {"data.test_fraction": 0.95}
NORM = {"kind": "batch_norm"}
DIGITS = {"kind": "dense", "units": 10, "activation": "softmax"}


def of_layers(name, *networks, **more):
    """A scenario with other layers."""
    return [simulator(name, {"network.layers": layers, **more}) for layers in networks]


@pytest.mark.ci
@needs_torch
def test_the_losses_are_ours(tmp_path):
    steps = {"xor": 100, "iris": 100, "sine": 100, "digits": 4, "digits-cnn": 2, "mnist": 2}
    agree([simulator(name) for name in steps], "torch", tmp_path, list(steps.values()), EXACT)


@pytest.mark.ci
@needs_torch
def test_layers(tmp_path):
    """Each kind, and orders of layers in which a map becomes a vector."""
    vectors = of_layers(
        "iris",
        [
            {"kind": "dense", "units": 6, "activation": "leaky_relu", "l1": 0.001, "l2": 0.01},
            {"kind": "batch_norm", "momentum": 0.2},
            {"kind": "dropout", "rate": 0.25},
            {"kind": "residual", "layers": [{"kind": "dense", "units": 5, "activation": "elu", "bias": False}]},
            {"kind": "residual", "layers": [
                {"kind": "dense", "units": 5, "activation": "gelu"},
                {"kind": "residual", "layers": [{"kind": "dense", "units": 5, "activation": "hard_sigmoid"}]},
            ]},
            {"kind": "residual", "layers": [{"kind": "dense", "units": 6}], "shortcut": [
                {"kind": "dense", "units": 6, "activation": "tanh"}, {"kind": "batch_norm"},
            ]},
            {"kind": "concatenation", "branches": [
                [], [{"kind": "dense", "units": 3}, {"kind": "concatenation", "branches": [
                    [{"kind": "dense", "units": 2}], [{"kind": "layer_norm"}],
                ]}],
            ]},
            {"kind": "group", "frozen": True, "layers": [
                {"kind": "dense", "units": 5, "activation": "tanh", "l2": 0.1}, {"kind": "batch_norm"},
            ]},
            {"kind": "layer_norm"},
            {"kind": "activation", "activation": {"name": "swish", "beta": 2.0}},
            {"kind": "dense", "units": 3, "activation": "softmax"},
        ],
    )  # fmt: skip
    strided = {"kind": "conv2d", "channels": 4, "kernel": 3, "stride": 2, "padding": "same", "activation": "selu"}
    flat, small = {"kind": "flatten"}, {"kind": "conv2d", "channels": 3, "kernel": [1, 2], "activation": "softplus"}
    maps = of_layers(
        "digits",
        [small, {"kind": "dropout", "rate": 0.5}, {"kind": "avg_pool2d", "size": [2, 1]}, flat, DIGITS],
        [strided, NORM, flat, {"kind": "activation", "activation": "tanh"}, DIGITS],
        [strided, flat, {"kind": "dropout", "rate": 0.5}, DIGITS],
        [small, {"kind": "max_pool2d", "size": 3, "stride": 2, "padding": "same"}, flat, NORM, DIGITS],
        [{"kind": "residual", "layers": [strided]}, {"kind": "avg_pool2d", "size": 3, "stride": 1, "padding": "same"},
         {"kind": "concatenation", "branches": [[{"kind": "conv2d", "channels": 2, "kernel": 1}, NORM], []]},
         {"kind": "global_avg_pool2d"}, DIGITS],
        [{**small, "channels": 4, "kernel": 3, "padding": [2, 1], "dilation": 2},
         {**small, "channels": 8, "groups": 4, "padding": [0, 1, 2, 0]},
         {"kind": "max_pool2d", "size": 2, "stride": 1, "padding": 1, "dilation": 2},
         {"kind": "max_pool2d", "padding": [0, 1, 0, 1], "ceil": True},
         {"kind": "avg_pool2d", "size": 3, "stride": 2, "padding": 1, "ceil": True},
         {"kind": "avg_pool2d", "size": 2, "stride": 1, "padding": [1, 0, 0, 1], "count_padding": True}, flat, DIGITS],
        **FEW,
    )  # fmt: skip
    agree(vectors + maps, "torch", tmp_path, 4, EXACT)
    tidy(tmp_path)


@pytest.mark.ci
@needs_torch
def test_optimizers_schedules_and_losses(tmp_path):
    names = [entry.record.name for entry in BUILTINS.optimizers if not entry.record.looks_at_arrays]
    rules = [{"name": name, "lr": 0.02, "weight_decay": 0.01} for name in names]
    rules += [{"name": "sgd", "momentum": 0.9, "nesterov": nesterov} for nesterov in (0.0, 0.5, 1.0)]
    rules += [{"name": "sgd", "momentum": 0.9, "nesterov": 0.5, "schedule": "one_cycle"}]
    changes = [{"optimizer": rule} for rule in rules]
    schedules = ["cosine", "epoch_decay", "step_decay", {"name": "milestones", "at": [4, 9]}]
    schedules += [{"name": "cosine_restarts", "period": 3, "growth": 2}]
    changes += [{"optimizer.schedule": schedule, "training.epochs": 30} for schedule in schedules]
    changes += [{"training.clip_value": 0.01}]
    for loss, name in [
        ("hinge", "tanh"), ("perceptron", "identity"), ("mse", "sigmoid"), ("binary_cross_entropy", "hard_sigmoid"),
        ({"name": "binary_cross_entropy", "label_smoothing": 0.1}, "sigmoid"), ("mse", "gelu_tanh"),
        ("mse", {"name": "softplus", "beta": 3.0, "threshold": 1.0}),
    ]:  # fmt: skip
        changes.append({"network.loss": loss, "network.layers.1.activation": name})
    networks = [simulator("xor", change) for change in changes]
    for loss in ("mae", "huber"):
        networks.append(simulator("sine", {"network.loss": loss}))
    smoothed = {"name": "categorical_cross_entropy", "label_smoothing": 0.1}
    networks.append(simulator("iris", {"network.loss": smoothed, "training.shuffle": False}))
    networks.append(simulator("iris", {"network.loss": "categorical_cross_entropy", "training.clip_value": 0.1}))
    for loss in (smoothed, "mse"):
        networks.append(simulator("iris", {"network.loss": loss, "network.class_weights": {"setosa": 3.0}}))
    networks.append(simulator("xor", {"network.class_weights": [1, 2]}))
    networks.append(simulator("digits", {"network.class_weights": "balanced"}))
    plugins = {"network.layers.0.activation": "mish", "optimizer": {"name": "lion"}}
    networks.append(simulator("xor", plugins, registry=with_plugins()))
    errors = [EXACT] * len(networks)
    # PyTorch divides by a little more than the norm.
    networks.append(simulator("iris", {"training.clip_norm": 0.1}))
    agree(networks, "torch", tmp_path, 20, [*errors, 1e-5])
    tidy(tmp_path)


@pytest.mark.ci
@needs_torch
def test_every_shipped_scenario_takes_a_step_or_is_refused(tmp_path):
    assert len(steps_of_shipped("torch", "PyTorch", tmp_path)) > 20


@pytest.mark.ci
@needs_torch
def test_the_weights_are_those_that_neurosim_has_trained(tmp_path):
    network = simulator("digits-cnn", FEW)
    our_losses(network, 3)
    exported(network, "torch", tmp_path)
    said = run(tmp_path / "network.py", "import network as n\nn.report(n.trained())").splitlines()
    ours = network.evaluate("train")
    assert said[0] == f"training rows: loss {ours['loss']:.4f}, accuracy {ours['accuracy']:.1%}"


@pytest.mark.parametrize("name", ["xor", "digits-cnn", "sine", "xor-perceptron", "mnist-quick"])
def test_scripts_are_tidy(name, tmp_path):
    exported(simulator(name), "torch", tmp_path)
    tidy(tmp_path)


def test_weights_have_the_names_and_the_layout_of_pytorch(tmp_path):
    layers = [
        {"kind": "conv2d", "channels": 3, "kernel": 2, "activation": "relu"},
        {"kind": "batch_norm"},
        {"kind": "flatten"},
        DIGITS,
    ]
    (network,) = of_layers("digits", layers)
    exported(network, "torch", tmp_path)
    weights = load_file(tmp_path / "network.safetensors")
    ours = network.parameters
    assert set(weights) == {
        "conv1.weight", "conv1.bias", "norm1.weight", "norm1.bias", "norm1.running_mean", "norm1.running_var",
        "norm1.num_batches_tracked", "dense2.weight", "dense2.bias",
    }  # fmt: skip
    assert weights["conv1.weight"].shape == (3, 1, 2, 2)
    assert weights["conv1.weight"][2, 0, 1, 0] == np.float32(ours["layers.0.weight"][1, 0, 0, 2])
    # Row 4, column 5, channel 1 of the map: channels come first there, last here.
    assert weights["dense2.weight"][9, 1 * 49 + 4 * 7 + 5] == np.float32(
        ours["layers.3.weight"][(4 * 7 + 5) * 3 + 1, 9]
    )
    stored = load_file(tmp_path / "network.data.safetensors")
    assert stored["x_train"].shape[1:] == (1, 8, 8)
    assert {name.removeprefix("start.") for name in stored if name.startswith("start.")} == set(weights)


@pytest.mark.parametrize("text", ['"""\nimport os\n"""', "coding: utf-7\r\x0c\x00 \u2028 import os", "\\\nimport os"])
def test_no_text_of_a_scenario_becomes_code(text, tmp_path):
    plain = exported(simulator("xor", {"scenario.title": "T", "scenario.lesson": "L"}), "torch", tmp_path, "plain")
    wild = exported(simulator("xor", {"scenario.title": text, "scenario.lesson": text}), "torch", tmp_path, "wild")
    assert ast.dump(ast.parse(wild.read_bytes())) == ast.dump(ast.parse(plain.read_bytes()))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"optimizer": {"name": "lamb"}}, "it has the optimizer lamb, which looks at whole arrays"),
        ({"network.layers": [{"kind": "dense", "units": 2}, {"kind": "maxout", "pieces": 2}]}, "it has maxout layers"),
        ({"network.loss": "gaussian_nll"}, "it has the loss gaussian_nll"),
    ],
)
def test_what_cannot_be_exported_is_named_and_nothing_is_written(changes, words, tmp_path):
    name, changes = ("sine", {**changes, "network.layers.2.units": 2}) if "nll" in str(changes) else ("xor", changes)
    with pytest.raises(UsageError) as caught:
        exported(simulator(name, changes), "torch", tmp_path)
    assert caught.value.message == f"this run cannot be exported to PyTorch yet: {words}"
    assert list(tmp_path.iterdir()) == []
