"""Snake: an activation that lets a network learn periodic functions (arXiv:2006.08195)."""

import math

from neurosim import Activation, hookimpl


def snake(x, a):
    """x + sin(a x)^2 / a: a line with ripples; the larger `a`, the shorter the ripples."""
    return x + math.sin(a * x) ** 2 / a


def snake_derivative(x, y, a):
    return 1.0 + math.sin(2.0 * a * x)


@hookimpl
def neurosim_activations():
    # A line with ripples preserves the variance of its input, and so do weights of variance 1 / fan_in.
    return [
        Activation(
            "snake",
            snake,
            snake_derivative,
            params={"a": 1.0},
            usual_init="lecun_normal",
            source="arXiv:2006.08195",
        ),
    ]
