"""Every backend against the network in plain loops, which shares no code with them."""

import math

import numpy as np
import pytest
import support
from oracles import naive

NETWORKS = {
    "tanh-identity-mse": (["tanh", "identity"], "mse"),
    "relu-sigmoid-mse": (["relu", "sigmoid"], "mse"),
    "sigmoid-tanh-softmax-cross_entropy": (["sigmoid", "tanh", "softmax"], "categorical_cross_entropy"),
    "relu-relu-softmax-cross_entropy": (["relu", "relu", "softmax"], "categorical_cross_entropy"),
    "softmax-softmax-mse": (["softmax", "softmax"], "mse"),
    "sigmoid-sigmoid-cross_entropy": (["sigmoid", "sigmoid"], "categorical_cross_entropy"),
    "softmax-cross_entropy": (["softmax"], "categorical_cross_entropy"),
}
WIDTHS = [4, 6, 5, 3]


def both(activations, loss):
    """A network of ours and the same as naive layers, with the numbers of our initial values."""
    widths = [WIDTHS[0], *WIDTHS[1 : len(activations)], WIDTHS[-1]]
    layers = [support.Dense(units, kind, init="normal") for units, kind in zip(widths[1:], activations, strict=True)]
    net = support.network(widths[0], layers, loss)
    values = net.start_values(21).astype(np.float64)
    for name, array in net.named(values).items():
        if name.endswith("bias"):
            array[:] = np.linspace(-0.5, 0.75, array.size)
    values = values.astype(np.float32).astype(np.float64)
    named = net.named(values)
    plain = [
        (named[f"layers.{k}.weight"].tolist(), named[f"layers.{k}.bias"].tolist(), kind)
        for k, kind in enumerate(activations)
    ]
    return net, values, plain


@pytest.mark.parametrize(("activations", "loss"), NETWORKS.values(), ids=NETWORKS.keys())
def test_backends_agree_with_plain_loops(backend, activations, loss):
    net, values, plain = both(activations, loss)
    rows = support.rows(7, 4, 3, seed=4)
    targets = rows.classes.tolist() if loss != "mse" else rows.values.tolist()
    x = rows.features.astype(np.float64).tolist()
    kind = "mse" if loss == "mse" else "cross_entropy"
    expected_loss, expected = naive.learn(plain, kind, x, targets)
    flat = np.concatenate([np.ravel(part) for layer in expected for part in layer])

    bench = backend.make(net, support.training(("sgd", {"lr": 0.1})))
    bench.parameters[:] = values
    outputs = [naive.feed_forward(plain, row)[1][-1] for row in x]
    assert support.error(bench.forward(rows.features), outputs) < backend.values
    found_loss, gradient = bench.gradients(rows)
    assert found_loss == pytest.approx(expected_loss, rel=backend.values)
    assert max(support.array_errors(net, gradient, flat).values()) < backend.values
    assert bench.train_step(rows) == found_loss
    assert support.error(bench.parameters, values - 0.1 * flat) < backend.values


def test_the_naive_gradient_is_the_slope_of_the_naive_loss():
    """The oracle, held to finite differences itself."""
    for activations, loss in NETWORKS.values():
        _, _, plain = both(activations, loss)
        rows = support.rows(3, 4, 3, seed=4)
        targets = rows.classes.tolist() if loss != "mse" else rows.values.tolist()
        kind = "mse" if loss == "mse" else "cross_entropy"
        x = rows.features.astype(np.float64).tolist()
        gradient = naive.learn(plain, kind, x, targets)[1]
        for number, (weights, biases, _) in enumerate(plain):
            for array, place, slope in (
                (weights[1], 0, gradient[number][0][1][0]),
                (weights[-1], 2, gradient[number][0][-1][2]),
                (biases, 1, gradient[number][1][1]),
            ):
                start = array[place]

                def at(value, array=array, place=place, plain=plain, kind=kind, x=x, targets=targets):
                    array[place] = value
                    return naive.learn(plain, kind, x, targets)[0]

                expected = support.slope(at, start, 1e-3)
                array[place] = start
                assert math.isclose(slope, expected, rel_tol=1e-7, abs_tol=1e-10)
