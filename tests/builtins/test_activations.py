"""Activations: derivatives against finite differences, published values, and extreme inputs."""

import math

import numpy as np
import pytest
import support
from hypothesis import given
from hypothesis import strategies as st

from neurosim.backends.uncompiled import apply, uncompiled
from neurosim.plugin import Activation, RowActivation

RECORDS = [entry.record for entry in support.BUILTINS.activations]
SCALAR = [record for record in RECORDS if isinstance(record, Activation)]
ROWWISE = [record for record in RECORDS if isinstance(record, RowActivation)]
# Parameters besides the defaults, so that a parameter that is ignored is noticed.
OTHER_PARAMS = {
    "leaky_relu": {"alpha": 0.3},
    "prelu": {"alpha": -0.375},
    "learnable_swish": {"beta": 0.625},
    "elu": {"alpha": 0.7},
    "swish": {"beta": 1.7},
    "softplus": {"beta": 0.3, "threshold": 30.0},
}
CASES = [pytest.param(record, record.params, id=record.name) for record in SCALAR] + [
    pytest.param(record, OTHER_PARAMS[record.name], id=f"{record.name}-params")
    for record in SCALAR
    if record.name in OTHER_PARAMS
]
WIDTH = 0.01
GRID = np.linspace(-20.0, 20.0, 321) + 1e-3
EXTREME = np.array([-1e4, -1000.0, -100.5, -88.8, 88.8, 100.5, 1000.0, 1e4])


def value(record, params, z):
    return float(apply(record.f, np.array([z], np.float64), params=tuple(params.values()))[0])


def derivative(record, params, z):
    a = np.array([value(record, params, z)])
    return float(apply(record.df, np.array([z], np.float64), a, params=tuple(params.values()))[0])


def check_derivative(record, params, z):
    if any(abs(z - kink) <= 5 * WIDTH for kink in record.kinks):
        return
    expected = support.slope(lambda at: value(record, params, at), z, WIDTH)
    assert derivative(record, params, z) == pytest.approx(expected, abs=1e-8, rel=1e-8), z


def test_the_built_in_activations_are_all_there():
    names = (
        "identity step sigmoid tanh relu leaky_relu prelu elu selu gelu gelu_tanh swish learnable_swish softplus "
        "hard_sigmoid softmax"
    )
    assert {record.name for record in RECORDS} == set(names.split())


@pytest.mark.parametrize(("record", "params"), CASES)
def test_derivative_is_the_slope_on_a_grid(record, params):
    for z in GRID:
        check_derivative(record, params, z)


@pytest.mark.parametrize(("record", "params"), CASES)
def test_derivative_is_the_slope_anywhere(record, params):
    @given(st.floats(-20.0, 20.0))
    def check(z):
        check_derivative(record, params, z)

    check()


@pytest.mark.parametrize("record", SCALAR, ids=lambda record: record.name)
def test_kinks_are_where_the_derivative_jumps(record):
    jumps = []
    for z in np.round(np.arange(-6.0, 6.25, 0.25), 2):
        left, right = (
            support.slope(lambda at: value(record, record.params, at), z + side, 1e-4) for side in (-1e-3, 1e-3)
        )
        level = abs(value(record, record.params, z + 1e-6) - value(record, record.params, z - 1e-6)) > 1e-3
        if abs(left - right) > 5e-3 or level:
            jumps.append(float(z))
    # elu with alpha 1 is smooth at 0 to first order; its declared kink is one for other alphas.
    declared = [] if record.name == "elu" else list(record.kinks)
    assert jumps == declared


S1 = 0.7310585786300049  # 1 / (1 + 1/e)
PUBLISHED = [
    ("identity", {}, {-2.5: -2.5}),
    ("step", {}, {0.0: 1.0, -1e-9: 0.0, 3.0: 1.0}),
    ("sigmoid", {}, {0.0: 0.5, 1.0: S1, -1.0: 1.0 - S1, math.log(3.0): 0.75}),
    ("tanh", {}, {0.0: 0.0, 1.0: 0.7615941559557649, 0.5 * math.log(3.0): 0.5}),
    ("relu", {}, {-3.0: 0.0, 0.0: 0.0, 2.5: 2.5}),
    ("leaky_relu", {"alpha": 0.01}, {-3.0: -0.03, 2.5: 2.5}),
    ("prelu", {"alpha": 0.25}, {-3.0: -0.75, 0.0: 0.0, 2.5: 2.5}),
    ("elu", {"alpha": 1.0}, {-math.log(2.0): -0.5, 2.5: 2.5}),
    ("elu", {"alpha": 2.0}, {-math.log(2.0): -1.0}),
    # The negative saturation -alpha * scale is printed in the paper as -1.7581.
    ("selu", {}, {1.0: 1.0507009873554805, -40.0: -1.7580993408473766}),
    # Phi(1) of the normal distribution.
    ("gelu", {}, {1.0: 0.8413447460685429, -1.0: -0.15865525393145707, 0.0: 0.0, 2.0: 1.9544997361036416}),
    ("swish", {"beta": 1.0}, {0.0: 0.0, 1.0: S1, -1.0: S1 - 1.0}),
    ("swish", {"beta": 2.0}, {0.5: 0.5 * S1}),
    ("learnable_swish", {"beta": 2.0}, {0.5: 0.5 * S1}),
    ("softplus", {"beta": 1.0, "threshold": 40.0}, {0.0: math.log(2.0), 1.0: 1.3132616875182228}),
    ("softplus", {"beta": 2.0, "threshold": 3.0}, {0.0: math.log(2.0) / 2.0, 0.5: 1.3132616875182228 / 2.0, 2.0: 2.0}),
    # As torch.nn.functional.gelu(z, approximate="tanh") gives them.
    ("gelu_tanh", {}, {1.0: 0.8411919906082768, -1.0: -0.15880800939172324, 0.0: 0.0, 2.0: 1.954597694087775}),
    ("hard_sigmoid", {}, {-3.0: 0.0, 0.0: 0.5, 1.5: 0.75, 3.0: 1.0, 9.0: 1.0}),
]


@pytest.mark.parametrize(("name", "params", "pairs"), PUBLISHED)
def test_values_are_the_published_ones(registry, name, params, pairs):
    record = registry.activations.get(name)
    assert params.keys() == record.params.keys()
    for z, expected in pairs.items():
        assert value(record, params, z) == pytest.approx(expected, rel=1e-14, abs=1e-15)


def test_defaults_are_the_usual_ones(registry):
    defaults = {
        "leaky_relu": {"alpha": 0.01},
        "prelu": {"alpha": 0.25},
        "elu": {"alpha": 1.0},
        "swish": {"beta": 1.0},
        "learnable_swish": {"beta": 1.0},
        "softplus": {"beta": 1.0, "threshold": 40.0},
    }
    for record in SCALAR:
        assert dict(record.params) == defaults.get(record.name, {})


def test_selu_keeps_mean_and_variance(registry):
    """The fixed point of the paper: for a standard normal input mean 0 and variance 1."""
    record = registry.activations.get("selu")
    z = np.linspace(-12.0, 12.0, 48001)
    density = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi) * (z[1] - z[0])
    a = apply(record.f, z, params=())
    assert np.sum(a * density) == pytest.approx(0.0, abs=1e-6)
    assert np.sum(a * a * density) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("record", SCALAR, ids=lambda record: record.name)
def test_extreme_inputs_stay_finite_uncompiled(record):
    for z in EXTREME:
        assert math.isfinite(value(record, record.params, z)), z
        assert math.isfinite(derivative(record, record.params, z)), z


@pytest.mark.parametrize(("record", "params"), CASES)
def test_backends_compute_the_function_and_its_derivative(backend, record, params):
    """Values and derivatives on each backend, extreme inputs too: the biases of one layer are the inputs."""
    z = np.concatenate([GRID, EXTREME])
    net = support.network(1, [support.Dense(z.size, (record, params))], "mae")
    bench = backend.make(net, support.training())
    (layer,) = net.weighted
    bench.parameters[layer.weight.span] = 0.0
    bench.parameters[layer.bias.span] = z
    z = bench.parameters[layer.bias.span].astype(np.float64)
    outputs = bench.forward(np.zeros((1, 1), np.float32))[0]
    # The targets are above every output, so each gradient of the mean absolute error is -1 / units.
    targets = np.full((1, z.size), 1e6, np.float32)
    far = support.Rows(np.zeros((1, 1), np.float32), targets, np.zeros(0, np.int32), "none")
    slopes = -z.size * bench.gradients(far)[1][layer.bias.span]
    a = apply(record.f, z, params=tuple(params.values()))
    da = apply(record.df, z, a, params=tuple(params.values()))
    single = 4e-7 if backend.name != "reference" else 1e-13
    np.testing.assert_allclose(outputs, a, rtol=single, atol=single)
    np.testing.assert_allclose(slopes, da, rtol=10 * single, atol=10 * single)


def row_value(record, z):
    a = np.empty_like(z)
    with np.errstate(all="ignore"):
        uncompiled(record.f)(z, a, *record.params.values())
    return a


@pytest.mark.parametrize("record", ROWWISE, ids=lambda record: record.name)
@pytest.mark.parametrize("units", [1, 2, 5])
def test_row_backward_is_the_product_with_the_jacobian(record, units):
    random = np.random.default_rng(units)
    for spread in (0.1, 1.0, 4.0):
        z, da = spread * random.normal(size=units), random.normal(size=units)
        dz = np.empty(units)
        uncompiled(record.backward)(z, row_value(record, z), da, dz, *record.params.values())
        for k in range(units):

            def moved(at, z=z, k=k, da=da):
                shifted = z.copy()
                shifted[k] = at
                return float(da @ row_value(record, shifted))

            assert dz[k] == pytest.approx(support.slope(moved, z[k], WIDTH), abs=1e-9)


def test_softmax_values(registry):
    softmax = registry.activations.get("softmax")
    np.testing.assert_allclose(row_value(softmax, np.log([1.0, 2.0, 5.0])), [0.125, 0.25, 0.625], rtol=1e-14)
    np.testing.assert_allclose(row_value(softmax, np.array([3.0, 3.0])), [0.5, 0.5])
    assert row_value(softmax, np.array([7.0])) == [1.0]


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=6), st.floats(-100.0, 100.0))
def test_softmax_is_a_distribution_that_shifts_do_not_change(z, shift):
    softmax = support.BUILTINS.activations.get("softmax")
    a = row_value(softmax, np.array(z))
    assert (a >= 0.0).all()
    assert a.sum() == pytest.approx(1.0, rel=1e-12)
    np.testing.assert_allclose(row_value(softmax, np.array(z) + shift), a, atol=1e-10)


def test_softmax_stays_finite_on_every_backend(backend):
    """Hidden and as output, with weighted sums of +-1e4."""
    net = support.network(2, [support.Dense(3, "softmax"), support.Dense(3, "softmax")], "mse")
    bench = backend.make(net, support.training())
    bench.parameters[:6] = [1.0, 0.0, -1.0, 0.5, -0.5, 0.0]
    extreme = support.Rows(
        np.array([[1e4, 0.0], [-1e4, 1e4], [0.0, 0.0]], np.float32),
        np.eye(3, dtype=np.float32),
        np.arange(3, dtype=np.int32),
        "argmax",
    )
    np.testing.assert_allclose(bench.forward(extreme.features).sum(axis=1), 1.0, rtol=1e-6)
    loss, gradient = bench.gradients(extreme)
    assert math.isfinite(loss)
    assert np.isfinite(gradient).all()
