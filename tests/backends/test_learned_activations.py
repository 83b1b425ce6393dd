"""Activations that learn: against PyTorch over 50 steps, against finite differences, and alike on all backends."""

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import support
from support import Activation, BatchNorm, Conv2d, Dense, Dropout, Flatten, LayerNorm, Pool, Residual

from neurosim.backends.cpu import backend as cpu_backend
from neurosim.backends.cpu.groups import is_small
from neurosim.errors import PluginError
from neurosim.plugin import Activation as Record
from neurosim.plugin import FromLogits, Loss


def pade(z, a0, a1, a2, b1, b2):
    return (a0 + z * (a1 + z * a2)) / (1.0 + abs(b1 * z) + abs(b2 * z * z))


def bent(z, slope, power, offset):
    """Learns its first and last parameter; the one between is a setting."""
    return offset + slope * z + math.tanh(power * z)


PADE = Record(
    "pade",
    pade,
    params={"a0": 0.02, "a1": 0.5, "a2": 0.3, "b1": 0.125, "b2": 0.4},
    learn=("a0", "a1", "a2", "b1", "b2"),
    kinks=(0.0,),
)
BENT = Record("bent", bent, params={"slope": 0.25, "power": 1.5, "offset": 0.0}, learn=("offset", "slope"), per="unit")
OWN, SHARED = ("prelu", {}, "unit"), ("prelu", {}, "layer")
OWN_PADE, SWISH = (PADE, {}, "unit"), "learnable_swish"
NETWORKS = {
    "dense": (3, (Dense(4, OWN), Activation(SWISH), Dense(2, SHARED))),
    "first": (3, (Activation(OWN), Dense(4, BENT), BatchNorm(), Dense(2, SWISH))),
    "residual": (3, (Dense(4, BENT), Residual((Dense(4, SHARED), LayerNorm(), Activation(OWN_PADE))), Dense(2))),
    "convolutions": (
        (5, 4, 2),
        (Conv2d(2, (2, 2), OWN_PADE), BatchNorm(), Activation(SWISH), Residual((Conv2d(2, (1, 1), BENT),)), Flatten()),
    ),
    "images": ((4, 3, 2), (Activation((PADE, {}, "layer")), Pool(), Dropout(0.3), Flatten(), Dense(2, OWN))),
    "images in rows": ((3, 2, 2), (Activation(OWN_PADE), Flatten(), Dense(2, "tanh"))),
}


def moved(net, *benches):
    """Parameters that are not as they began, the same everywhere: so numbers of one layer's units differ."""
    values = (benches[0].parameters + 0.1 * np.random.default_rng(5).normal(size=net.size)).astype(np.float32)
    for bench in benches:
        bench.parameters[:] = values


def learned(net):
    return [parameter for layer in net.activated for parameter in layer.learned]


def test_parameters_follow_those_of_the_layer():
    net = support.network(3, [Dense(4, (BENT, {"slope": 0.5})), Activation("prelu"), Dense(1, "prelu", bias=False)])
    shapes = {parameter.name: parameter.shape for parameter in net.parameters}
    assert shapes == {
        "layers.0.weight": (3, 4), "layers.0.bias": (4,), "layers.0.slope": (4,), "layers.0.offset": (4,),
        "layers.1.alpha": (1,), "layers.2.weight": (4, 1), "layers.2.alpha": (1,),
    }  # fmt: skip
    start = net.named(net.start_values(0))
    assert start["layers.0.slope"].tolist() == [0.5] * 4
    assert start["layers.1.alpha"].tolist() == [0.25]


@pytest.mark.parametrize("kind", [SHARED, OWN, (SWISH, {}, "layer"), (SWISH, {}, "unit")], ids=lambda kind: kind[0])
def test_fifty_steps_are_those_of_pytorch(backend, kind):
    """With Adam: parameters and loss after 50 steps of 8 rows."""
    torch = pytest.importorskip("torch", reason="PyTorch is an optional peer: pip install neurosim-edu[peers]")
    from oracles.torch_network import TorchNetwork

    steps = 5 if backend.simulated else 50
    layers = (Dense(4, kind), Activation(kind), Dense(2, kind))
    net = support.network(3, layers)
    bench = backend.make(net, support.training(("adam", {"lr": 0.01}), batch=8))
    given = support.rows(8, 3, 2)
    peer = TorchNetwork(3, layers)
    peer.set({name: np.array(array, np.float64) for name, array in net.named(bench.parameters).items()})
    optimizer = torch.optim.Adam(peer.parameters.values(), lr=0.01)
    targets = torch.tensor(given.values, dtype=torch.float64)
    for _ in range(steps):
        optimizer.zero_grad()
        wanted = torch.nn.functional.mse_loss(peer.outputs(given.features), targets)
        wanted.backward()
        optimizer.step()
        found = bench.train_step(given)
    tolerance = 1e-12 if backend.name == "reference" else 1e-5
    assert found == pytest.approx(wanted.item(), rel=tolerance)
    errors = support.named_errors(net.named(bench.parameters), peer.numbers(peer.parameters))
    assert max(errors.values()) < tolerance, errors
    start = net.start_values(0)
    moved = [np.abs(bench.parameters[own.span] - start[own.span]).max() for own in learned(net)]
    assert min(moved) > 0.01 or backend.simulated


@pytest.mark.parametrize("kind", [SHARED, OWN], ids=["layer", "unit"])
def test_decay_that_biases_are_spared_spares_what_is_learned(backend, kind):
    """With targets that are met, nothing but decay changes a number: weights shrink, alpha stays."""
    net = support.network(2, (Dense(3, kind), Dense(1)))
    settings = support.training(("sgd", {"lr": 0.1, "weight_decay": 0.5}), batch=4)
    sgd = settings.optimizer
    spared = tuple(0.0 if name == "weight_decay" else value for name, value in sgd.params.items())
    given = support.rows(4, 2, 1)
    for biases, share in ((None, 0.95), (spared, 1.0)):
        bench = backend.make(net, replace(settings, biases=biases))
        met = support.Rows(given.features, bench.forward(given.features).astype(np.float32), given.classes, "none")
        before = net.named(np.array(bench.parameters, np.float64))
        bench.train_step(met)
        after = net.named(np.array(bench.parameters, np.float64))
        np.testing.assert_allclose(after["layers.0.alpha"], share * before["layers.0.alpha"], rtol=1e-5)
        np.testing.assert_allclose(after["layers.0.weight"], 0.95 * before["layers.0.weight"], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_slopes_of_the_objective(name):
    net = support.network(*NETWORKS[name])
    bench = support.REFERENCE.make(net, support.training())
    moved(net, bench)
    given = support.rows(5, net.inputs, net.outputs)
    gradient = bench.gradients(given)[1]
    for own in learned(net):
        for place in range(own.offset, own.offset + own.size):

            def objective(value, place=place):
                before = bench.parameters[place]
                bench.parameters[place] = value
                found = bench.objective(given)
                bench.parameters[place] = before
                return found

            slope = support.slope(objective, float(bench.parameters[place]), 1e-3)
            assert gradient[place] == pytest.approx(slope, rel=1e-6, abs=1e-8), own.name


@pytest.mark.parametrize("name", NETWORKS)
def test_backends_agree(compiled, name):
    net = support.network(*NETWORKS[name])
    given = compiled.rows(70, net.inputs, net.outputs)
    expected, bench = (one.make(net, support.training(batch=32)) for one in (support.REFERENCE, compiled))
    moved(net, expected, bench)
    wanted, found = expected.gradients(given)[1], bench.gradients(given)[1]
    errors = support.named_errors(net.named(found), net.named(wanted))
    assert max(errors.values()) < compiled.values, errors
    for one in (expected, bench):
        one.train_epoch(given, 0)
    errors = support.array_errors(net, bench.parameters, expected.parameters)
    assert max(errors.values()) < compiled.values, errors


DENSE = (40, (Dense(96, OWN_PADE), Activation(SWISH), Dense(70, OWN), Dense(3, SHARED)))
MAPS = ((8, 8, 2), (Conv2d(9, (3, 3), OWN_PADE), Activation(SWISH), Conv2d(5, (3, 3), SHARED), Flatten(), Dense(3)))


@pytest.mark.parametrize("clip", [None, 1e-3])
@pytest.mark.parametrize(("inputs", "layers"), [DENSE, MAPS], ids=["vectors", "maps"])
def test_the_number_of_threads_changes_no_bit(inputs, layers, clip, monkeypatch):
    """Of a network that is worth several threads, with 7 of which groups of maps are divided."""
    monkeypatch.setattr(cpu_backend, "WORTH_STARTING", 0)
    net = support.network(inputs, layers)
    given = support.rows(150, net.inputs, 3)
    found = []
    for threads in (1, 2, 7):
        bench = support.COMPILED[0].make(net, support.training(batch=64, clip_norm=clip), threads=threads)
        bench.train_epoch(given, 0)
        found.append(bench.parameters.tobytes())
    assert len(set(found)) == 1


def test_small_networks_that_learn_activations_are_not_trained_side_by_side():
    """The engine for small networks knows weights and biases only."""
    fixed, learning = (support.network(2, [Dense(3, name), Dense(1)]) for name in ("leaky_relu", "prelu"))
    assert is_small(fixed, support.training())
    assert not is_small(learning, support.training())


def nothing_of_z(a, y):
    return a[0] * 0.0


def no_gradient(z, a, y, dz):
    dz[0] = 0.0


def test_a_pair_from_logits_gives_way_to_what_an_activation_learns():
    """It would pass over the activation."""
    pairs = tuple(FromLogits(name, lambda z, a, y: 0.0, no_gradient) for name in ("prelu", "leaky_relu"))
    loss = Loss("paired", nothing_of_z, from_logits=pairs)
    assert support.network(2, [Dense(1, "leaky_relu")], loss).pair is not None
    assert support.network(2, [Dense(1, "prelu")], loss).pair is None


def test_what_learns_nothing_compiles_nothing_for_it():
    text = (
        "import sys, neurosim; neurosim.run('xor', overrides={'training.epochs': 1, 'expect': {}});"
        "print('neurosim.backends.cpu.learned' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert found.stdout.strip().splitlines()[-1] == "False"


WRONG = {
    "a name that is no parameter": ({"learn": ("alhpa",)}, "names 'alhpa', which is not one of its params"),
    "text": ({"learn": "alpha"}, "must be a tuple of names, not the text"),
    "a name of the layer's": (
        {"params": {"weight": 1.0}, "learn": ("weight",), "f": lambda z, weight: z},
        "a layer already has numbers of that name",
    ),
    "another word for per": ({"per": "channel"}, "per must be 'layer' or 'unit', not 'channel'"),
    "a parameter called per": ({"params": {"per": 1.0}, "f": lambda z, per: z}, "is a key that says in scenarios"),
    "a derivative of something else": (
        {"learn": {"alpha": lambda z, alpha: z}},
        r"learn['alpha'] takes (z, alpha), expected (z, a, alpha)",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_records_are_refused(name):
    settings, words = WRONG[name]
    fields = {"name": "mine", "f": lambda z, alpha: alpha * z, "params": {"alpha": 1.0}, **settings}
    with pytest.raises(PluginError) as refused:
        Record(**fields)
    assert words in str(refused.value)
