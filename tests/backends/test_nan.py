"""NaN is passed on by every built-in activation, pool, norm and loss, so that a training that diverges is seen to."""

import itertools
import math

import numpy as np
import pytest
import support
from support import BACKENDS, Activation, BatchNorm, Conv2d, Dense, Dropout, Flatten, GlobalAvgPool, LayerNorm, Pool

import neurosim
from neurosim.backends.uncompiled import apply, uncompiled
from neurosim.formulas.derivatives import derive_slope
from neurosim.plugin import RowActivation

ON_BACKENDS = pytest.mark.parametrize(
    "backend",
    [pytest.param(backend, id=backend.name, marks=backend.long_marks) for backend in BACKENDS],
)
ACTIVATIONS = [entry.record for entry in support.BUILTINS.activations]
LOSSES = [entry.record for entry in support.BUILTINS.losses]
BY_NAME = {"ids": lambda record: record.name}
NAN = np.float32(np.nan)
NO_CLASSES = np.zeros(0, np.int32)


def one_nan_a_row(width):
    """A row for each place, with NaN there alone, and last a row without."""
    x = np.linspace(-4.0, 4.0, (width + 1) * width, dtype=np.float32).reshape(width + 1, width)
    x[np.arange(width), np.arange(width)] = NAN
    return x


def outputs_of_first(backend, inputs, first, x):
    """What the first layer of a network passes on, in training's sense: a normalization uses these rows."""
    net = support.network(inputs, [first, *([Flatten()] if not isinstance(inputs, int) else []), Dense(1)])
    rows = support.Rows(x.reshape(len(x), -1), np.zeros((len(x), 1), np.float32), NO_CLASSES, "none")
    bench = backend.make(net, support.training())
    seen = bench.inspect(rows)
    assert np.isnan(seen.loss)
    assert np.isnan(seen.gradient).any()
    return seen.layers["layers.0"].outputs


@ON_BACKENDS
@pytest.mark.parametrize("record", ACTIVATIONS, **BY_NAME)
def test_activations(backend, record):
    """A unit whose sum is NaN, alone of its batch; softmax, which is for vectors, shares what it has in a row."""
    for inputs in (3,) if rowwise(record) else (3, (2, 2, 2)):
        x = one_nan_a_row(int(np.prod(inputs)))
        found = outputs_of_first(backend, inputs, Activation(record.name), x).reshape(x.shape)
        nan = np.isnan(x)
        assert np.array_equal(np.isnan(found), nan.any(axis=1, keepdims=True) | nan if rowwise(record) else nan)


def rowwise(record):
    return isinstance(record, RowActivation)


@pytest.mark.parametrize("record", [record for record in ACTIVATIONS if not rowwise(record)], **BY_NAME)
def test_derivatives_do_not_hide_it(record):
    """A derivative of 0 would stop the gradient; that of a step is 0 everywhere."""
    z = np.array([np.nan])
    a = apply(record.f, z, params=tuple(record.params.values()))
    slope = apply(record.derivative, z, a, params=tuple(record.params.values()))[0]
    assert slope != 0.0 or record.name == "step"


@pytest.mark.parametrize("record", [record for record in ACTIVATIONS if record.name != "step"], **BY_NAME)
def test_activations_as_pytorch_has_them(record):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    functions = {
        "identity": lambda z: 1.0 * z,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "leaky_relu": torch.nn.functional.leaky_relu,
        "elu": torch.nn.functional.elu,
        "selu": torch.nn.functional.selu,
        "gelu": torch.nn.functional.gelu,
        "swish": torch.nn.functional.silu,
        "gelu_tanh": lambda z: torch.nn.functional.gelu(z, approximate="tanh"),
        "softplus": torch.nn.functional.softplus,
        "hard_sigmoid": torch.nn.functional.hardsigmoid,
        "prelu": lambda z: torch.nn.functional.prelu(z, torch.tensor(0.25)),
        "learnable_swish": torch.nn.functional.silu,
        "softmax": lambda z: torch.softmax(z, dim=-1),
    }
    z = torch.tensor(one_nan_a_row(3), requires_grad=True)
    a = functions[record.name](z)
    found = outputs_of_first(support.BACKENDS[1], 3, Activation(record.name), z.detach().numpy())
    np.testing.assert_allclose(found, a.detach().numpy(), rtol=1e-5, atol=1e-6)
    if not rowwise(record):
        a.backward(torch.ones_like(a))
        values = tuple(record.params.values())
        numbers = z.detach().numpy().astype(np.float64)
        ours = apply(record.derivative, numbers, apply(record.f, numbers, params=values), params=values)
        theirs = z.grad.numpy()
        assert (~((ours == 0.0) & (theirs != 0.0))).all()
        known = ~np.isnan(numbers)
        np.testing.assert_allclose(ours[known], theirs[known], rtol=1e-5, atol=1e-6)


SHAPE = (3, 3, 1)
PLACES = np.arange(9).reshape(3, 3)


def in_windows(high, wide):
    """For each cell of the map, which windows of 2 x 2 have it."""
    return np.array(
        [[place in PLACES[i : i + 2, j : j + 2] for i in range(high) for j in range(wide)] for place in range(9)]
    )


@ON_BACKENDS
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_pools(backend, kind):
    """A window is NaN if, and only if, one of its cells is."""
    x = one_nan_a_row(9)
    found = outputs_of_first(backend, SHAPE, Pool(kind, (2, 2), (1, 1)), x)
    assert np.array_equal(np.isnan(found[:-1]).reshape(9, 4), in_windows(2, 2))
    assert np.isfinite(found[-1]).all()


@ON_BACKENDS
def test_the_mean_of_a_map(backend):
    net = support.network((2, 1, 3), [GlobalAvgPool()])
    found = backend.make(net, support.training()).forward(one_nan_a_row(6))
    assert np.array_equal(np.isnan(found), np.vstack([np.tile(np.eye(3, dtype=bool), (2, 1)), np.zeros((1, 3), bool)]))


@ON_BACKENDS
def test_the_gradient_of_a_maximum_goes_to_its_nan(backend):
    """To the first of several, and the whole of it: the gradient of this loss is -1 whatever the output is."""
    net = support.network((2, 2, 1), [Conv2d(1, (1, 1), init="zeros"), Pool("max"), Flatten(), Dense(1)], "hinge")
    bench = backend.make(net, support.training())
    values = net.named(bench.parameters)
    values["layers.0.weight"][:] = values["layers.3.weight"][:] = 1.0
    values["layers.3.bias"][:] = 0.0
    for nans in ([1], [0, 3], [2, 3]):
        x = np.array([[1.0, -2.0, 3.0, -4.0]], np.float32)
        x[0, nans] = NAN
        rows = support.Rows(x, np.ones((1, 1), np.float32), NO_CLASSES, "none")
        gradient = net.named(bench.gradients(rows)[1])
        assert gradient["layers.0.bias"] == [-1.0]
        assert np.isnan(gradient["layers.0.weight"]).all()


@ON_BACKENDS
@pytest.mark.parametrize("inputs", [3, (2, 1, 3)], ids=["vectors", "maps"])
def test_norms(backend, inputs):
    """Of a batch the whole channel becomes NaN, of a layer the place; with running statistics the number alone."""
    x = np.linspace(-1.0, 2.0, 4 * int(np.prod(inputs)), dtype=np.float32).reshape(4, -1, 3)
    x[1, 0, 1] = NAN
    nan = np.isnan(x)
    flat = x.reshape(4, -1)
    found = {
        "batch": outputs_of_first(backend, inputs, BatchNorm(), flat),
        "layer": outputs_of_first(backend, inputs, LayerNorm(), flat),
        "running": backend.make(support.network(inputs, [BatchNorm(), *LAST[inputs]]), support.training()).forward(
            flat
        ),
    }
    channel, place = np.zeros_like(nan), np.zeros_like(nan)
    channel[:, :, 1] = place[1, 0] = True
    for name, expected in (("batch", channel), ("layer", place), ("running", nan)):
        assert np.array_equal(np.isnan(found[name].reshape(x.shape)), expected), name


LAST = {3: [], (2, 1, 3): [Flatten()]}


@ON_BACKENDS
@pytest.mark.parametrize("record", LOSSES, **BY_NAME)
def test_losses(backend, record):
    """One output of three is NaN, in each place and with each target; its part of the gradient is not 0."""
    activations = ["identity", *(pair.activation for pair in record.from_logits)]
    settings = [{"label_smoothing": share} for share in (0.0, 0.1)] if "label_smoothing" in record.params else [{}]
    units = 3 * record.outputs_per_target
    for activation, params in itertools.product(activations, settings):
        net = support.network(3, [Dense(units, activation)], (record.name, params))
        bench = backend.make(net, support.training())
        for place in range(units):
            values = net.named(bench.parameters)
            values["layers.0.weight"][:] = 0.0
            values["layers.0.bias"][:] = 0.25
            values["layers.0.bias"][place] = NAN
            for target in range(3):
                rows = support.Rows(
                    np.ones((1, 3), np.float32),
                    np.eye(3, dtype=np.float32)[[target]],
                    np.array([target], np.int32),
                    "none",
                )
                loss, gradient = bench.gradients(rows)
                assert np.isnan(loss), (activation, place, target)
                assert net.named(gradient)["layers.0.bias"][place] != 0.0, (activation, place, target)
                assert np.isnan(bench.evaluate(rows).loss)


@ON_BACKENDS
@pytest.mark.parametrize("inputs", [3, (2, 2, 1)], ids=["vectors", "maps"])
def test_dropout_drops_no_nan(backend, inputs):
    """0 times NaN is NaN: whether a run diverges does not hang on a mask."""
    width = int(np.prod(inputs))
    net = support.network(inputs, [Dropout(0.5), *([] if inputs == 3 else [Flatten()]), Dense(1)])
    bench = backend.make(net, support.training(batch=4), seed=6)
    x = np.ones((4, width), np.float32)
    for place in np.ndindex(2, width):
        changed = x.copy()
        changed[place] = NAN
        rows = support.Rows(changed, np.ones((4, 1), np.float32), NO_CLASSES, "none")
        bench.parameters[:] = 1.0
        assert np.isnan(bench.train_epoch(rows, 0).loss), place


@pytest.mark.parametrize("choose", [max, min])
@pytest.mark.parametrize("order", ["z, 0.25", "0.25, z"])
def test_a_derived_slope_is_that_of_what_max_and_min_choose(choose, order, write):
    """Python keeps the first where the comparison does not hold: with NaN there, it is what the slope is taken of."""
    function = write(f"def f(z):\n    return {choose.__name__}({order})\n").f
    slope = derive_slope(function)
    for z in (-2.0, 3.0, math.nan):
        value = uncompiled(function)(np.float64(z))
        chose_z = value == z or (math.isnan(z) and math.isnan(value))
        assert uncompiled(slope)(np.float64(z), value) == float(chose_z)


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_a_network_of_relus_answers_nan(backend):
    simulator = neurosim.Simulator(
        neurosim.load_scenario("xor", overrides={"network.layers.0.activation": "relu"}), backend
    )
    assert np.array_equal(np.isnan(simulator.forward([[0.0, 1.0], [NAN, 1.0]])), [[False], [True]])
