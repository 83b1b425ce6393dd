"""The model file: another program can build the network again from it, running statistics included."""

import json

import numpy as np
import pytest
import safetensors.numpy
from safetensors import safe_open

from neurosim import Simulator, load_scenario
from neurosim.errors import ShapeError, UsageError
from neurosim.network.layers import Stack
from neurosim.network.network_section import NetworkSection
from neurosim.plugin.host import build_registry
from neurosim.runs.checkpoint import load_checkpoint, save_checkpoint
from neurosim.runs.model import model_bytes

BUILTINS = build_registry(entry_points=False)
NORMED = [
    {"kind": "conv2d", "channels": 3, "kernel": [3, 2], "stride": 2, "padding": "same", "activation": "tanh"},
    {"kind": "batch_norm", "momentum": 0.3},
    {"kind": "max_pool2d", "size": 3, "stride": 1, "padding": "same"},
    {"kind": "residual", "activation": {"name": "leaky_relu", "alpha": 0.2}, "layers": [
        {"kind": "conv2d", "channels": 4, "stride": 2, "padding": "same", "bias": False},
        {"kind": "batch_norm", "epsilon": 0.01},
        {"kind": "residual", "layers": [{"kind": "layer_norm", "epsilon": 0.1}, {"kind": "dropout", "rate": 0.25}]},
    ]},
    {"kind": "residual", "layers": [{"kind": "batch_norm"}], "shortcut": [
        {"kind": "conv2d", "channels": 4, "kernel": 1}, {"kind": "batch_norm"},
    ]},
    {"kind": "concatenation", "branches": [
        [], [{"kind": "conv2d", "channels": 2, "kernel": 1}, {"kind": "batch_norm"}],
    ]},
    {"kind": "avg_pool2d", "size": [2, 1]},
    {"kind": "flatten"},
    {"kind": "dense", "units": 10, "bias": False},
    {"kind": "activation", "activation": "softmax"},
]  # fmt: skip


def simulator(*layers, seed=0):
    """A few steps into training, so that nothing is as it started."""
    changes = {"network.layers": list(layers)} if layers else {"network.layers.0.units": 4}
    made = Simulator(load_scenario("digits", overrides=changes), "reference", seed)
    for start in (0, 5):
        rows = made.data.train.features[start : start + 5].astype(np.float64) * made.data.scale + made.data.shift
        made.step(rows, made.data.train.targets[start : start + 5].astype(np.int64))
    return made


@pytest.fixture(scope="module")
def normed():
    return simulator(*NORMED)


def read(content, folder):
    path = folder / "model.safetensors"
    path.write_bytes(content)
    with safe_open(path, "numpy") as file:
        return safetensors.numpy.load(content), json.loads(file.metadata()["neurosim"])


def test_the_network_can_be_built_again(normed, tmp_path):
    _, described = read(model_bytes(normed), tmp_path)
    section = NetworkSection.model_validate(described["network"]).completed(BUILTINS)
    again = section.build(Stack(tuple(described["input_shape"])))
    assert [shape_of(layer) for layer in again.parts] == [shape_of(layer) for layer in normed.network.parts]
    assert again.parameters == normed.network.parameters
    assert again.statistics == normed.network.statistics


def shape_of(layer):
    activation = getattr(layer, "activation", None)
    settings = [getattr(layer, name, None) for name in ("window", "momentum", "epsilon", "rate", "index")]
    return layer.name, layer.kind, layer.output_shape, settings, activation and (activation.name, activation.params)


def test_statistics_are_tensors_of_the_file(normed, tmp_path):
    tensors, _ = read(model_bytes(normed), tmp_path)
    statistics = normed.statistics
    assert list(statistics) == [
        "layers.1.mean", "layers.1.variance", "layers.3.layers.1.mean", "layers.3.layers.1.variance",
        "layers.5.layers.0.mean", "layers.5.layers.0.variance", "layers.5.shortcut.1.mean",
        "layers.5.shortcut.1.variance", "layers.6.branches.1.1.mean", "layers.6.branches.1.1.variance",
    ]  # fmt: skip
    assert set(tensors) == {*normed.parameters, *statistics}
    for name, array in {**normed.parameters, **statistics}.items():
        np.testing.assert_array_equal(tensors[name], array.astype(np.float32))
        assert tensors[name].dtype == np.float32
    assert not np.allclose(statistics["layers.1.mean"], 0.0)


def test_a_network_without_batch_norm_has_none(tmp_path):
    plain = simulator()
    tensors, described = read(model_bytes(plain), tmp_path)
    assert plain.statistics == {}
    assert "statistics" not in plain.state()
    assert set(tensors) == set(plain.parameters)
    assert described["input_shape"] == [64]
    assert described["network"]["layers"][0] == {
        "kind": "dense", "units": 4, "activation": {"name": "relu"}, "bias": True, "l1": 0.0, "l2": 0.0,
        "frozen": False,
    }  # fmt: skip


def test_statistics_are_copies_and_can_be_set(normed):
    normed.statistics["layers.1.mean"][:] = 7.0
    assert not np.any(normed.statistics["layers.1.mean"] == 7.0)
    other = simulator(*NORMED, seed=1)
    other.set_parameters(normed.parameters)
    rows = normed.data.train.features[:4].astype(np.float64)
    assert not np.allclose(other.forward(rows), normed.forward(rows))
    other.set_statistics(normed.statistics)
    np.testing.assert_array_equal(other.forward(rows), normed.forward(rows))
    with pytest.raises(ShapeError, match=r"missing: layers\.1\.mean"):
        other.set_statistics({})


def test_checkpoints_carry_the_statistics(normed, tmp_path):
    save_checkpoint(tmp_path, normed)
    other = Simulator(normed.scenario, "reference")
    load_checkpoint(tmp_path, other)
    for name, array in normed.statistics.items():
        np.testing.assert_array_equal(other.statistics[name], array)
    state = normed.state()
    del state["statistics"]
    with pytest.raises(UsageError, match="no statistics"):
        other.restore(state, other.history)
