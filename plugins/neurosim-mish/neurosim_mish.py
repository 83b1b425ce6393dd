"""Mish: a smooth activation that dips below zero before it rises (arXiv:1908.08681)."""

import math

from neurosim import Activation, hookimpl


def softplus(z):
    """ln(1 + e^z), written so that no exponential overflows."""
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


def mish(z):
    return z * math.tanh(softplus(z))


def mish_derivative(z, a):
    # With p = sigmoid(z) and q = 1 - p = 1 / (1 + e^z):
    #   tanh(softplus(z)) = (1 - q^2) / (1 + q^2) = p (1 + q) / (1 + q^2)
    #   1 - tanh(softplus(z))^2 = (2 q / (1 + q^2))^2,   d softplus(z) / dz = p
    # One exponential instead of three, and no difference of nearly equal numbers.
    p = 1.0 / (1.0 + math.exp(-z))
    q = 1.0 - p
    sech = 2.0 * q / (1.0 + q * q)
    return p * (1.0 + q) / (1.0 + q * q) + z * p * sech * sech


@hookimpl
def neurosim_activations():
    return [
        Activation("mish", mish, mish_derivative, usual_init="he_uniform", source="arXiv:1908.08681"),
    ]
