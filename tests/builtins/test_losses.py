"""Losses: gradients against finite differences, closed values, and the pairs computed from logits."""

import math

import numpy as np
import pytest
import support
from hypothesis import given
from hypothesis import strategies as st

from neurosim.backends.uncompiled import apply, uncompiled
from neurosim.plugin import Activation

RECORDS = [entry.record for entry in support.BUILTINS.losses]
PAIRS = [(record, pair) for record in RECORDS for pair in record.from_logits]
PAIR_IDS = [f"{record.name}-{pair.activation}" for record, pair in PAIRS]
# Losses of probabilities are asked for probabilities; the others for any number.
PROBABILITIES = {"binary_cross_entropy", "categorical_cross_entropy"}


# The records with their defaults, and those that smooth labels doing so.
SETTINGS = [(record, {}) for record in RECORDS]
SETTINGS += [(record, {"label_smoothing": 0.3}) for record in RECORDS if "label_smoothing" in record.params]


def name_of(value):
    return "-".join(f"{key}={number}" for key, number in value.items()) if isinstance(value, dict) else value.name


def values_of(record, params):
    return {**record.params, **params}.values()


def loss_value(record, a, y, **params):
    with np.errstate(all="ignore"):
        return float(uncompiled(record.value)(a, y, *values_of(record, params)))


def loss_gradient(record, a, y, **params):
    da = np.full_like(a, np.nan)
    with np.errstate(all="ignore"):
        uncompiled(record.gradient)(a, y, da, *values_of(record, params))
    return da


def activate(name, z):
    record = support.BUILTINS.activations.get(name)
    if isinstance(record, Activation):
        return apply(record.f, z, params=tuple(record.params.values()))
    a = np.empty_like(z)
    with np.errstate(all="ignore"):
        uncompiled(record.f)(z, a)
    return a


def pair_value(record, pair, z, y, **params):
    with np.errstate(all="ignore"):
        return float(uncompiled(pair.value)(z, activate(pair.activation, z), y, *values_of(record, params)))


def pair_gradient(record, pair, z, y, **params):
    dz = np.full_like(z, np.nan)
    with np.errstate(all="ignore"):
        uncompiled(pair.gradient)(z, activate(pair.activation, z), y, dz, *values_of(record, params))
    return dz


def numerical(function, at, width=1e-3):
    """Gradient of a function of a row, by finite differences."""

    def moved(k, value):
        row = at.copy()
        row[k] = value
        return function(row)

    return np.array([support.slope(lambda value, k=k: moved(k, value), at[k], width) for k in range(at.size)])


def targets(record, units, random):
    if record.targets == "classes":
        return [int(random.integers(units))]
    if record.name in ("mse", "mae", "huber", "gaussian_nll"):
        return [random.normal(size=units)]
    soft = [random.uniform(0.0, 1.0, units)] if record.name == "binary_cross_entropy" else []
    return [random.integers(0, 2, units).astype(float), *soft]


@pytest.mark.parametrize(("record", "params"), SETTINGS, ids=name_of)
@pytest.mark.parametrize("units", [1, 4])
def test_gradient_is_the_slope(record, params, units):
    random = np.random.default_rng(7)
    wide = units * record.outputs_per_target
    for _ in range(20):
        for y in targets(record, units, random):
            a = random.uniform(0.05, 0.95, units) if record.name in PROBABILITIES else 2.0 * random.normal(size=wide)
            expected = numerical(lambda row, y=y: loss_value(record, row, y, **params), a)
            # Away from the kinks, which lie at a = y, |a - y| = delta, side * a = 1 and a = 0.
            distances = [0.0, 1.0, -1.0]
            safe = np.ones(wide, bool)
            if record.name in ("mae", "huber", "hinge", "perceptron"):
                for point in distances:
                    safe &= np.abs(a - np.asarray(y) - point) > 0.01
                    safe &= np.abs(a - point) > 0.01
            found = loss_gradient(record, a, y, **params)
            np.testing.assert_allclose(found[safe], expected[safe], rtol=1e-8, atol=1e-8)


def test_closed_values(registry):
    a, y = np.array([0.5, -1.0, 3.0]), np.array([1.0, 1.0, 0.0])
    for name, expected in {
        "mse": (0.25 + 4.0 + 9.0) / 3.0,
        "mae": (0.5 + 2.0 + 3.0) / 3.0,
        "huber": (0.125 + 1.5 + 2.5) / 3.0,
        "hinge": (0.5 + 2.0 + 4.0) / 3.0,
        "perceptron": 0.0 + 1.0 + 3.0,
    }.items():
        assert loss_value(registry.losses.get(name), a, y) == pytest.approx(expected, rel=1e-14), name
    half = np.array([0.5, 0.25])
    bce = registry.losses.get("binary_cross_entropy")
    assert loss_value(bce, half, np.array([1.0, 0.0])) == pytest.approx((math.log(2.0) - math.log(0.75)) / 2.0)
    cce = registry.losses.get("categorical_cross_entropy")
    assert loss_value(cce, np.array([0.5, 0.25, 0.25]), 1) == pytest.approx(math.log(4.0))


def test_a_variance_is_learned_beside_the_mean(registry):
    nll = registry.losses.get("gaussian_nll")
    # Means 1 and 2, variances 1 and e^2; errors 1 and e.
    a, y = np.array([1.0, 2.0, 0.0, 2.0]), np.array([2.0, 2.0 - math.e])
    assert loss_value(nll, a, y) == pytest.approx(0.5 * (1.0 + 2.0 + 1.0) / 2.0)
    assert loss_gradient(nll, a, y) == pytest.approx([-0.5, 0.5 / math.e, 0.0, 0.0])
    # A variance below eps counts as eps, and pulls at nothing.
    a = np.array([1.0, -100.0])
    assert loss_value(nll, a, np.array([1.001])) == pytest.approx(0.5 * (math.log(1e-6) + 1.0))
    assert loss_gradient(nll, a, np.array([1.001]))[1] == 0.0


def test_huber_takes_its_delta(registry):
    huber = registry.losses.get("huber").value
    a, y = np.array([0.2, 3.0]), np.array([0.0, 0.0])
    assert uncompiled(huber)(a, y, 0.5) == pytest.approx((0.02 + 0.5 * (3.0 - 0.25)) / 2.0)


def test_kinks_have_a_gradient_between_both_sides(registry):
    zero, one = np.array([0.0]), np.array([1.0])
    assert loss_gradient(registry.losses.get("mae"), one, one) == [0.0]
    assert -1.0 <= loss_gradient(registry.losses.get("hinge"), one, one)[0] <= 0.0
    assert -1.0 <= loss_gradient(registry.losses.get("perceptron"), zero, one)[0] <= 0.0


def test_the_pairs_are_all_there():
    assert PAIR_IDS == ["binary_cross_entropy-sigmoid", "categorical_cross_entropy-softmax", "perceptron-step"]


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize(("record", "pair"), PAIRS, ids=PAIR_IDS)
@pytest.mark.parametrize("units", [1, 3])
def test_pair_gradient_is_the_slope(record, pair, units, smoothing):
    if smoothing and "label_smoothing" not in record.params:
        pytest.skip("it has no smoothing of labels")
    params = {"label_smoothing": smoothing} if smoothing else {}
    random = np.random.default_rng(3)
    for _ in range(20):
        for y in targets(record, units, random):
            z = 3.0 * random.normal(size=units)
            z[np.abs(z) < 0.01] = 0.5  # the step's kink
            expected = numerical(lambda row, y=y: pair_value(record, pair, row, y, **params), z)
            np.testing.assert_allclose(pair_gradient(record, pair, z, y, **params), expected, rtol=1e-8, atol=1e-9)


def check_pair_equals_chain(record, pair, z, y, **params):
    """Loss of the activation's output, and its gradient through the activation's derivative."""
    a = activate(pair.activation, z)
    value = loss_value(record, a, y, **params)
    assert pair_value(record, pair, z, y, **params) == pytest.approx(value, rel=1e-9, abs=1e-9)
    activation = support.BUILTINS.activations.get(pair.activation)
    da = loss_gradient(record, a, y, **params)
    if isinstance(activation, Activation):
        chain = da * apply(activation.df, z, a, params=())
    else:
        chain = np.empty_like(z)
        uncompiled(activation.backward)(z, a, da, chain)
    np.testing.assert_allclose(pair_gradient(record, pair, z, y, **params), chain, rtol=1e-7, atol=1e-9)


@given(
    st.lists(st.floats(-8.0, 8.0), min_size=1, max_size=5),
    st.integers(0, 4),
    st.floats(0.0, 1.0),
    st.just(0.0) | st.floats(0.0, 1.0),
)
def test_cross_entropy_pairs_equal_the_unfused_chain(z, label, share, smoothing):
    z = np.array(z)
    losses = support.BUILTINS.losses
    record = losses.get("categorical_cross_entropy")
    check_pair_equals_chain(record, record.pair_for("softmax"), z, label % z.size, label_smoothing=smoothing)
    record = losses.get("binary_cross_entropy")
    check_pair_equals_chain(record, record.pair_for("sigmoid"), z, np.full(z.size, share), label_smoothing=smoothing)


def test_perceptron_pair_is_the_perceptron_loss_of_the_weighted_sum(registry):
    """(step(z) - y) z is max(0, -side z), and its descent is Rosenblatt's rule."""
    record = registry.losses.get("perceptron")
    pair = record.pair_for("step")
    for z in (-2.0, -0.1, 0.1, 3.0):
        for y in (0.0, 1.0):
            row, target = np.array([z]), np.array([y])
            assert pair_value(record, pair, row, target) == pytest.approx(loss_value(record, row, target))
            assert pair_gradient(record, pair, row, target) == [(1.0 if z >= 0.0 else 0.0) - y]


def test_smoothed_labels_in_closed_form(registry):
    """Two classes with a share of 0.2 dealt out: targets 0.9 and 0.1."""
    expected = -0.9 * math.log(0.75) - 0.1 * math.log(0.25)
    categorical, binary = registry.losses.get("categorical_cross_entropy"), registry.losses.get("binary_cross_entropy")
    assert loss_value(categorical, np.array([0.25, 0.75]), 1, label_smoothing=0.2) == pytest.approx(expected)
    assert loss_value(binary, np.array([0.75]), np.array([1.0]), label_smoothing=0.2) == pytest.approx(expected)
    z = np.array([0.0, math.log(3.0)])
    pair = categorical.pair_for("softmax")
    assert pair_value(categorical, pair, z, 1, label_smoothing=0.2) == pytest.approx(expected)
    assert pair_gradient(categorical, pair, z, 1, label_smoothing=0.2) == pytest.approx([0.15, -0.15])
    pair = binary.pair_for("sigmoid")
    for label, target in ((0.0, 0.1), (1.0, 0.9)):
        found = pair_gradient(binary, pair, z[1:], np.array([label]), label_smoothing=0.2)
        assert found == pytest.approx([0.75 - target])


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_smoothed_labels_are_those_of_torch(backend, smoothing):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    for activation, loss in (("softmax", "categorical_cross_entropy"), ("sigmoid", "binary_cross_entropy")):
        net = support.network(3, [support.Dense(4, activation)], (loss, {"label_smoothing": smoothing}))
        bench = backend.make(net, support.training())
        rows = support.rows(9, 3, 4)
        found, gradient = bench.gradients(rows)
        weight, bias = (
            torch.tensor(np.array(array, np.float64), requires_grad=True)
            for array in net.named(bench.parameters).values()
        )
        z = torch.tensor(rows.features, dtype=torch.float64) @ weight + bias
        if activation == "softmax":
            classes = torch.tensor(rows.classes, dtype=torch.int64)
            expected = functional.cross_entropy(z, classes, label_smoothing=smoothing)
        else:
            targets = torch.tensor(rows.values, dtype=torch.float64) * (1.0 - smoothing) + smoothing / 2.0
            expected = functional.binary_cross_entropy_with_logits(z, targets)
        expected.backward()
        assert found == pytest.approx(expected.item(), rel=backend.values)
        for ours, theirs in zip(net.named(gradient).values(), (weight.grad, bias.grad), strict=True):
            assert support.error(ours, theirs.numpy()) < backend.values


def one_layer(backend, activation, loss, units, z):
    """A layer whose weighted sums are `z` whatever comes in."""
    bench = backend.make(support.network(1, [support.Dense(units, activation)], loss), support.training())
    bench.parameters[:units] = 0.0
    bench.parameters[units:] = z
    return bench


def one_row(values, label):
    return support.Rows(
        np.zeros((1, 1), np.float32), np.array([values], np.float32), np.array([label], np.int32), "none"
    )


@pytest.mark.parametrize("size", [50.0, 1000.0, 1e4])
def test_sure_mistakes_cost_their_logit_on_every_backend(backend, size):
    """Finite for logits of +-1e4, with the right limits of loss and gradient."""
    bench = one_layer(backend, "sigmoid", "binary_cross_entropy", 2, [size, -size])
    loss, gradient = bench.gradients(one_row([0.0, 1.0], 0))
    assert loss == pytest.approx(size, rel=1e-6)
    np.testing.assert_allclose(gradient[2:], [0.5, -0.5], rtol=1e-6)
    loss, gradient = bench.gradients(one_row([1.0, 0.0], 0))
    assert loss == pytest.approx(0.0, abs=1e-20)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-20)

    bench = one_layer(backend, "softmax", "categorical_cross_entropy", 3, [size, 0.0, -size])
    for label, expected in enumerate([0.0, size, 2.0 * size]):
        loss, gradient = bench.gradients(one_row([0.0] * 3, label))
        assert loss == pytest.approx(expected, rel=1e-6, abs=1e-20)
        right = np.eye(3)[0] - np.eye(3)[label]
        np.testing.assert_allclose(gradient[3:], right, atol=1e-6)
        assert bench.evaluate(one_row([0.0] * 3, label)).loss == loss


@pytest.mark.parametrize(
    ("activation", "loss"), [("identity", "categorical_cross_entropy"), ("hard_sigmoid", "binary_cross_entropy")]
)
def test_unfused_cross_entropy_of_an_impossible_answer_is_finite(backend, activation, loss):
    """A probability of exactly 0 where 1 is right, without a pair that would help."""
    bench = one_layer(backend, activation, loss, 2, [0.0, 1.0] if activation == "identity" else [-5.0, 5.0])
    found, gradient = bench.gradients(one_row([1.0, 0.0], 0))
    assert found == pytest.approx(-math.log(1e-30), rel=1e-5)
    assert np.isfinite(gradient).all()
