"""Scripts in Keras: true to our reference backend where Keras has the same, tidy, and refused in words elsewhere."""

import importlib.util
import re

import numpy as np
import pytest
from scripts import agree, exported, our_losses, run, simulator, tidy, with_plugins

from neurosim.errors import UsageError
from neurosim.formulas.arrays import KERAS

NO_KERAS = not all(map(importlib.util.find_spec, ("keras", "torch")))
# Keras adds up losses in float32, and has epsilon elsewhere.
CLOSE, ADAM = 1e-6, 1e-4
END = {"kind": "dense", "units": 10, "activation": "softmax"}


@pytest.fixture
def keras(tmp_path, monkeypatch):
    if NO_KERAS:
        pytest.skip("Keras is optional: pip install keras torch")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))


@pytest.mark.ci
def test_the_losses_are_ours(keras, tmp_path):
    conv = {"kind": "conv2d", "channels": 3, "activation": "relu"}
    same, norm = {**conv, "padding": "same", "stride": 2}, {"kind": "batch_norm", "momentum": 0.2}
    few = {"data.test_fraction": 0.95}
    maps = [
        [conv, norm, {"kind": "max_pool2d"}, {"kind": "layer_norm"}, {"kind": "flatten"}, END],
        [same, {"kind": "avg_pool2d", "padding": "same"}, {"kind": "flatten"}, END],
        [{**conv, "frozen": True}, {**norm, "frozen": True}, {"kind": "flatten"}, END],
        [{**conv, "padding": [1, 0, 2, 1], "groups": 1, "dilation": 2}, {"kind": "global_avg_pool2d"}, END],
        [
            {"kind": "residual", "layers": [{**conv, "padding": "same"}, {**conv, "padding": "same"}]},
            {"kind": "concatenation", "branches": [[{**conv, "kernel": 1}], [], [{**conv, "padding": "same"}]]},
            {"kind": "flatten"},
            END,
        ],
    ]
    sgd = {"optimizer": {"name": "sgd", "lr": 0.1}}
    vectors = [
        ("xor", {"optimizer": {"name": "sgd", "lr": 0.5, "momentum": 0.9, "nesterov": 1}}),
        ("xor", {"optimizer": {"name": "rmsprop", "lr": 0.01}, "training.clip_norm": 0.5}),
        ("xor", {"optimizer": {"name": "adagrad", "lr": 0.1}, "training.clip_value": 0.05}),
        ("xor", {"network.loss": "hinge", "network.layers.1.activation": "tanh", **sgd}),
        ("xor", {"optimizer": {"name": "sgd", "lr": 0.1, "schedule": "cosine"}, "training.epochs": 30}),
        ("sine", {"network.loss": "huber", **sgd}),
        ("iris", {"network.layers.0.activation": "mish", **sgd}),
    ]
    networks = [simulator(name, change, registry=with_plugins()) for name, change in vectors]
    networks += [simulator("digits", {"network.layers": layers, **few, **sgd}) for layers in maps]
    networks += [simulator(name) for name in ("xor", "iris")]
    agree(networks, "keras", tmp_path, 5, [CLOSE] * (len(networks) - 2) + [ADAM] * 2)
    tidy(tmp_path)


@pytest.mark.ci
def test_the_weights_are_those_that_neurosim_has_trained(keras, tmp_path):
    network = simulator("digits-cnn", {"data.test_fraction": 0.95})
    our_losses(network, 3)
    exported(network, "keras", tmp_path)
    # And every function that a formula can be written with is there.
    named = {found for text in KERAS.functions.values() for found in re.findall(r"ops\.(\w+)", text)}
    lacks = f"from keras import ops\nprint({named} - {{*dir(ops)}})"
    program = f'import network as n\nn.report(n.made("trained"))\n{lacks}'
    said = run(tmp_path / "network.py", program, "ignore").splitlines()
    ours = network.evaluate("train")
    assert said[0] == f"training rows: loss {ours['loss']:.4f}, accuracy {ours['accuracy']:.1%}"
    assert said[-1] == "set()"


@pytest.mark.parametrize("name", ["xor", "digits-cnn", "sine", "mnist-quick"])
def test_scripts_are_tidy(name, tmp_path):
    exported(simulator(name, {"optimizer": {"name": "adam", "lr": 0.01}, "training.average": None}), "keras", tmp_path)
    tidy(tmp_path)
    text = (tmp_path / "network.py").read_text()
    assert "keras.optimizers.Adam(LEARNING_RATE, epsilon=1e-8)" in text
    assert {*np.load(tmp_path / "network.npz")} >= {"x_train", "y_train", "initial.dense1.0", "trained.dense1.1"} or (
        "dense1" not in text
    )


def test_many_branches_are_tidy(tmp_path):
    branches = [[{"kind": "dense", "units": 2}]] * 7
    layers = [{"kind": "concatenation", "branches": branches}, {"kind": "dense", "units": 3, "activation": "softmax"}]
    for library in ("keras", "torch"):
        exported(simulator("iris", {"network.layers": layers}), library, tmp_path, library)
    tidy(tmp_path)


def test_what_keras_lacks_is_named(tmp_path):
    layers = [{"kind": "dense", "units": 4}, {"kind": "gated", "gate": "glu"}, {"kind": "dense", "units": 3}]
    changes = {"network.layers": layers, "network.loss": "mse"}
    pools = [{"kind": "max_pool2d", "padding": 1, "ceil": True}, {"kind": "flatten"}, END]
    with pytest.raises(UsageError, match="it has pools with padding in cells and pools with ceil"):
        exported(simulator("digits", {"network.layers": pools}), "keras", tmp_path)
    for change, words in (
        (changes, "it has gated layers"),
        ({"optimizer": {"name": "nadam", "lr": 0.01}}, "it has the optimizer nadam"),
        (
            {"optimizer": {"name": "adam", "lr": 0.01, "weight_decay": 0.1}},
            "it has adam with weight_decay, which Keras",
        ),
        ({"network.loss": {"name": "categorical_cross_entropy", "label_smoothing": 0.1}}, "with label_smoothing"),
    ):
        with pytest.raises(UsageError) as error:
            exported(simulator("iris", change), "keras", tmp_path)
        assert error.value.message.startswith("this run cannot be exported to Keras yet: ")
        assert words in error.value.message
    assert not [*tmp_path.iterdir()]
