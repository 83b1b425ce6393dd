"""Layers that are frozen: their numbers stay, to the bit, whatever the optimizer does with those of the others."""

import numpy as np
import pytest
import support
from support import Activation, BatchNorm, Conv2d, Dense, Flatten, Frozen, LayerNorm, Residual

import neurosim
from neurosim.network.training import Average
from neurosim.plugin import Optimizer

VECTORS = (
    3,
    [
        Frozen(Dense(4, "tanh")),
        Dense(3, ("prelu", {}, "unit")),
        Frozen(Residual((LayerNorm(), Dense(3, "prelu", l2=0.5)), (BatchNorm(),))),
        Frozen(BatchNorm()),
        Dense(2, "softmax"),
    ],
)
MAPS = (
    (3, 3, 1),
    [
        Conv2d(2, (2, 2), "tanh"),
        Frozen(BatchNorm()),
        Frozen(Conv2d(3, (1, 1), ("prelu", {}, "unit"))),
        Frozen(LayerNorm()),
        Frozen(Conv2d(3, (2, 1), groups=3, bias=False)),
        Flatten(),
        Dense(2, "softmax"),
    ],
)

# What a GPU has kernels of its own for.
STACK = (3, [Dense(4, "tanh"), Frozen(Dense(3, "tanh")), Dense(2, "softmax")])


def shrinking(w, g, v, size, t, lr):
    """A rule that looks at all that is learned."""
    v = 0.5 * v + g
    return w - lr * (v + 0.1 * w) / (1.0 + size), v


WHOLE = Optimizer("whole", shrinking, ("v",), {"lr": 0.1}, reductions={"size": "l2(w) per network"})
RULES = {
    "adamw": (("adamw", {"lr": 0.1, "weight_decay": 0.3}), {}),
    "momentum, clipped": (("sgd", {"lr": 0.3, "momentum": 0.9, "weight_decay": 0.2}), {"clip_norm": 0.05}),
    "whole arrays": (WHOLE, {"clip_value": 0.3}),
}


@pytest.mark.parametrize("backend", support.BACKENDS, ids=lambda backend: backend.name)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("case", [VECTORS, MAPS, STACK], ids=["vectors", "maps", "stack"])
def test_what_is_frozen_stays_and_the_rest_learns(case, rule, backend):
    inputs, layers = case
    optimizer, bounds = RULES[rule]
    if (backend.simulated and rule != "momentum, clipped" and case is MAPS) or (case is STACK and rule != "adamw"):
        pytest.skip("once is enough")
    net = support.network(inputs, layers, "categorical_cross_entropy")
    training = support.training(optimizer, batch=3, **bounds)
    rows = support.rows(6, net.inputs, 2)
    bench, reference = (support.scattered(one.make(net, training, 3)) for one in (backend, support.REFERENCE))
    before, statistics, learned = bench.parameters.copy(), bench.statistics.copy(), net.learned_size
    assert not bench.gradients(rows)[1][learned:].any()
    for one in (bench, reference):
        one.train_epoch(rows, 0)
        one.train_step(rows)
    assert (bench.parameters[learned:] == before[learned:]).all()
    assert (bench.parameters[:learned] != before[:learned]).all()
    assert (bench.statistics == statistics).all()
    assert not bench.state[:, learned:].any()
    assert support.error(bench.parameters, reference.parameters) < 10 * backend.values
    assert support.error(bench.forward(rows.features), reference.forward(rows.features)) < 10 * backend.values


def test_an_average_has_the_frozen_numbers_too():
    inputs, layers = VECTORS
    net = support.network(inputs, layers, "categorical_cross_entropy")
    training = support.training("adam", batch=3, average=Average(1, 1, 0.9))
    bench = support.COMPILED[0].make(net, training, 3)
    bench.train_epoch(support.rows(6, net.inputs, 2), 0)
    learned = net.learned_size
    assert (bench.average[learned:] == bench.parameters[learned:]).all()
    assert (bench.average[:learned] == bench.state[-1, :learned]).all()


def test_frozen_numbers_are_behind_all_others():
    net = support.network(*VECTORS)
    assert [entry.name for entry in net.learned] == [
        "layers.1.weight", "layers.1.bias", "layers.1.alpha", "layers.4.weight", "layers.4.bias",
    ]  # fmt: skip
    ends = np.cumsum([entry.size for entry in net.parameters]).tolist()
    assert [entry.span.stop for entry in net.parameters] == ends
    assert [entry.frozen for entry in net.parameters] == sorted(entry.frozen for entry in net.parameters)
    assert [layer.is_frozen for layer in net.layers] == [True, False, True, True, False]
    assert not net.penalized
    # The initial values are those of the same network with nothing frozen.
    plain = support.network(3, [layer.layer if isinstance(layer, Frozen) else layer for layer in VECTORS[1]])
    ours, theirs = net.named(net.start_values(5)), plain.named(plain.start_values(5))
    assert all((ours[name] == theirs[name]).all() for name in theirs)
    assert (plain.learned_size, plain.frozen) == (plain.size, ())


def test_what_learns_before_a_frozen_layer_learns_through_it():
    net = support.network(3, [Dense(3, "tanh"), Frozen(Dense(2)), Activation("softmax")], "categorical_cross_entropy")
    rows = support.rows(6, 3, 2)
    found, expected = (
        one.make(net, support.training(batch=3), 3).gradients(rows)[1]
        for one in (support.COMPILED[0], support.REFERENCE)
    )
    assert expected[: net.learned_size].all()
    assert support.error(found, expected) < 1e-5


@pytest.mark.parametrize("bounds", [{}, {"clip_norm": 0.05}], ids=["by layers", "all at once"])
def test_members_of_an_ensemble_have_frozen_layers(bounds):
    layers = [
        {"kind": "dense", "units": 3, "activation": "tanh"},
        {"kind": "dense", "units": 3, "activation": "tanh", "frozen": True},
        {"kind": "dense", "units": 1, "activation": "sigmoid"},
    ]
    scenario = neurosim.scenario(
        scenario={"name": "members", "title": "Members"},
        data={"source": "xor"},
        network={"loss": "mse", "layers": layers},
        optimizer={"name": "adamw", "lr": 0.3, "weight_decay": 0.5},
        training={"epochs": 2, "batch_size": 2, **bounds},
    )
    simulator = neurosim.Simulator(scenario, backend="reference", seed=1)
    simulator.train()
    expected = simulator.evaluate("train")["loss"]
    for backend in ("cpu", "cuda"):
        _, member = neurosim.Ensemble(scenario, seeds=[0, 1], backend=backend).train()
        assert member.measures["train_loss"] == pytest.approx(expected, rel=1e-4), backend
