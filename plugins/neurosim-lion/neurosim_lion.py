"""Lion: every weight moves by the same amount; the gradients decide only the direction (arXiv:2302.06675)."""

from neurosim import Optimizer, hookimpl


def sign(x):
    # The last x is 0, or NaN: a gradient that has gone wrong must stay visible.
    return 1.0 if x > 0.0 else (-1.0 if x < 0.0 else x)


def lion(w, g, m, t, lr, beta1, beta2, weight_decay):
    c = beta1 * m + (1.0 - beta1) * g
    w = w - lr * (sign(c) + weight_decay * w)
    m = beta2 * m + (1.0 - beta2) * g
    return w, m


@hookimpl
def neurosim_optimizers():
    return [
        Optimizer(
            "lion",
            lion,
            slots=("m",),
            params={"lr": 1e-4, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.0},
            source="arXiv:2302.06675, algorithm 2",
        ),
    ]
