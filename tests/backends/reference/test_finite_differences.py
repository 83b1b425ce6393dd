"""The reference's gradients of whole networks against finite differences of its own loss."""

import numpy as np
import pytest
import support
from support import Dense, Dropout

CASES = {
    **{
        f"{name}, cross-entropy": ([Dense(5, name, init="normal"), Dense(3, "softmax")], "categorical_cross_entropy")
        for name in support.BUILTINS.activations.names()
        if name != "step"
    },
    "sigmoid, two classes": ([Dense(5, "tanh"), Dense(3, "sigmoid")], "binary_cross_entropy"),
    "softmax, two classes": ([Dense(5, "tanh"), Dense(3, "softmax")], "binary_cross_entropy"),
    "sigmoid, cross-entropy not from logits": ([Dense(5, "tanh"), Dense(3, "sigmoid")], "categorical_cross_entropy"),
    "softmax, mse": ([Dense(5, "softmax"), Dense(3, "softmax")], "mse"),
    "mae": ([Dense(5, "tanh"), Dense(3)], "mae"),
    "huber": ([Dense(5, "tanh"), Dense(3)], ("huber", {"delta": 0.7})),
    "hinge": ([Dense(5, "tanh"), Dense(3)], "hinge"),
    "perceptron": ([Dense(5, "tanh"), Dense(3)], "perceptron"),
    "perceptron, step": ([Dense(5, "tanh"), Dense(3, "step")], "perceptron"),
    "no bias, dropout off": ([Dense(5, "gelu", bias=False), Dropout(0.5), Dense(3)], "mse"),
}


@pytest.mark.parametrize(("layers", "loss"), CASES.values(), ids=CASES.keys())
def test_gradient_is_the_slope_of_the_loss(layers, loss):
    net = support.network(4, layers, loss)
    rows = support.rows(5, 4, 3)
    bench = support.REFERENCE.make(net, support.training(), seed=4)
    found_loss, gradient = bench.gradients(rows)
    assert found_loss == pytest.approx(bench.evaluate(rows).mean_loss, rel=1e-14)

    def moved(value, k):
        bench.parameters[k] = value
        return bench.evaluate(rows).mean_loss

    for k in range(net.size):
        start = bench.parameters[k]
        expected = support.slope(lambda value, k=k: moved(value, k), start)
        bench.parameters[k] = start
        assert gradient[k] == pytest.approx(expected, rel=1e-8, abs=1e-10), k
    assert np.abs(gradient).max() > 1e-3
