"""Initializers: bounds, moments and independence of the initial values."""

import math

import numpy as np
import pytest
import support

from neurosim.errors import PluginError
from neurosim.network.layers import choose
from neurosim.plugin import Initializer

INPUTS, UNITS = 300, 200
BOUNDS = {
    "glorot_uniform": math.sqrt(6.0 / (INPUTS + UNITS)),
    "he_uniform": math.sqrt(6.0 / INPUTS),
    "torch_linear": 1.0 / math.sqrt(INPUTS),
    "uniform": 0.5,
}
DEVIATIONS = {
    "glorot_normal": math.sqrt(2.0 / (INPUTS + UNITS)),
    "he_normal": math.sqrt(2.0 / INPUTS),
    "lecun_normal": math.sqrt(1.0 / INPUTS),
    "normal": 1.0,
}


def start(name, seed=0, params=None):
    net = support.network(INPUTS, [support.Dense(UNITS, init=(name, params or {}))])
    return net.named(net.start_values(seed))


def test_the_built_in_initializers_are_all_there(registry):
    assert set(registry.initializers.names()) == {*BOUNDS, *DEVIATIONS, "zeros", "constant"}


@pytest.mark.parametrize(("name", "bound"), BOUNDS.items())
def test_uniform_rules_fill_their_interval(name, bound):
    weight = start(name)["layers.0.weight"].astype(np.float64)
    assert np.abs(weight).max() <= bound * (1.0 + 1e-7)
    assert np.abs(weight).max() > 0.999 * bound
    assert weight.mean() == pytest.approx(0.0, abs=0.02 * bound)
    assert weight.var() == pytest.approx(bound**2 / 3.0, rel=0.02)


@pytest.mark.parametrize(("name", "deviation"), DEVIATIONS.items())
def test_normal_rules_have_their_deviation(name, deviation):
    weight = start(name)["layers.0.weight"].astype(np.float64).ravel() / deviation
    assert weight.mean() == pytest.approx(0.0, abs=0.02)
    assert weight.var() == pytest.approx(1.0, rel=0.02)
    assert np.mean(weight**4) == pytest.approx(3.0, rel=0.05)
    assert np.mean(np.abs(weight) < 1.0) == pytest.approx(0.6827, abs=0.01)


def test_constants_and_parameters():
    assert not start("zeros")["layers.0.weight"].any()
    assert (start("constant", params={"value": 0.25})["layers.0.weight"] == 0.25).all()
    shifted = start("normal", params={"mean": 3.0, "deviation": 0.1})["layers.0.weight"]
    assert shifted.mean() == pytest.approx(3.0, abs=0.01)
    narrow = start("uniform", params={"low": 2.0, "high": 3.0})["layers.0.weight"]
    assert narrow.min() >= 2.0
    assert narrow.max() <= 3.0


def test_biases_are_zero_but_for_torch_linear(registry):
    for name in registry.initializers.names():
        bias = start(name)["layers.0.bias"]
        if name == "torch_linear":
            assert np.abs(bias).max() <= BOUNDS[name]
            assert bias.astype(np.float64).var() == pytest.approx(BOUNDS[name] ** 2 / 3.0, rel=0.25)
        else:
            assert not bias.any(), name


def test_every_array_has_numbers_of_its_own():
    net = support.network(6, [support.Dense(6), support.Dense(6), support.Dense(6)])
    arrays = [array.ravel() for array in net.named(net.start_values(3)).values()]
    values = np.concatenate(arrays)
    assert np.unique(values).size == values.size


def test_a_layer_keeps_its_numbers_when_others_change():
    """Numbers belong to a layer's place and shape, not to what was drawn before."""
    one = support.network(6, [support.Dense(5, init="normal"), support.Dense(4)])
    two = support.network(6, [support.Dense(5, init="zeros"), support.Dense(4)])
    first, second = (net.named(net.start_values(3))["layers.1.weight"] for net in (one, two))
    assert (first == second).all()


def test_the_seed_decides():
    net = support.network(INPUTS, [support.Dense(UNITS)])
    assert net.start_values(5).tobytes() == net.start_values(5).tobytes()
    assert (net.start_values(5) != net.start_values(6)).mean() > 0.99


def orthogonal(random, shape, fan_in, fan_out):
    return np.linalg.qr(random.normal(0.0, 1.0, shape))[0]


def twice(random, shape, fan_in, fan_out):
    random.uniform(shape=shape)
    return random.uniform(0.0, fan_in, shape)


def looking(random, shape, fan_in, fan_out):
    first = random.normal(0.0, 1.0, shape)
    return first if isinstance(first, np.ndarray) and first.max() > 1.0 else random.normal(0.0, 2.0, shape)


@pytest.mark.parametrize("name", [*BOUNDS, *DEVIATIONS, "zeros", "constant", orthogonal, twice, looking])
def test_many_seeds_start_as_each_alone(name):
    init = (Initializer("own", name), {}) if callable(name) else name
    net = support.network(6, [support.Dense(5, init=init), support.Dense(3, init=init)])
    seeds = [4, 0, 2**62]
    found = net.all_start_values(seeds)
    assert found.shape == (3, net.size)
    for values, seed in zip(found, seeds, strict=True):
        assert values.tobytes() == net.start_values(seed).tobytes()


def test_start_values_are_the_same_float32_numbers_everywhere(backend):
    net = support.network(4, [support.Dense(3)])
    values = net.start_values(9)
    assert values.dtype == np.float32
    assert (backend.make(net, support.training(), seed=9).parameters == values).all()


def test_an_initializer_of_the_wrong_shape_is_named():
    record = Initializer("crooked", lambda random, shape, fan_in, fan_out: random.uniform(shape=3))
    net = support.network(4, [support.Dense(3, init=(record, {}))])
    assert choose(record).name == "crooked"
    for start_all in (lambda: net.start_values(0), lambda: net.all_start_values([0, 1])):
        with pytest.raises(PluginError, match=r"initializer 'crooked' gave shape \(3,\) for layers.0.weight"):
            start_all()


def test_an_initializer_without_finite_numbers_is_named():
    record = Initializer("wild", lambda random, shape, fan_in, fan_out: random.uniform(0.0, math.inf, shape))
    net = support.network(4, [support.Dense(3, init=(record, {}))])
    for seeds in ([0], [0, 1]):
        with pytest.raises(PluginError, match=r"initializer 'wild' gave inf for layers\.0\.weight"):
            net.all_start_values(seeds)
