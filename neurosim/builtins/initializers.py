"""Initializers: initial values of the weights, and where the rule has one, of the biases."""

import math

from neurosim.plugin import Initializer, hookimpl


def zeros(random, shape, fan_in, fan_out):
    return random.uniform(0.0, 0.0, shape)


def constant(random, shape, fan_in, fan_out, value):
    return random.uniform(value, value, shape)


def normal(random, shape, fan_in, fan_out, mean, deviation):
    return random.normal(mean, deviation, shape)


def uniform(random, shape, fan_in, fan_out, low, high):
    return random.uniform(low, high, shape)


def glorot_uniform(random, shape, fan_in, fan_out):
    bound = math.sqrt(6.0 / (fan_in + fan_out))
    return random.uniform(-bound, bound, shape)


def glorot_normal(random, shape, fan_in, fan_out):
    return random.normal(0.0, math.sqrt(2.0 / (fan_in + fan_out)), shape)


def he_uniform(random, shape, fan_in, fan_out):
    bound = math.sqrt(6.0 / fan_in)
    return random.uniform(-bound, bound, shape)


def he_normal(random, shape, fan_in, fan_out):
    return random.normal(0.0, math.sqrt(2.0 / fan_in), shape)


def lecun_normal(random, shape, fan_in, fan_out):
    return random.normal(0.0, math.sqrt(1.0 / fan_in), shape)


def torch_linear(random, shape, fan_in, fan_out):
    bound = 1.0 / math.sqrt(fan_in)
    return random.uniform(-bound, bound, shape)


GLOROT = "Glorot and Bengio 2010, equation 16"
HE = "arXiv:1502.01852, equation 10"


@hookimpl
def neurosim_initializers():
    return [
        Initializer("zeros", zeros),
        Initializer("constant", constant, params={"value": 0.1}),
        Initializer("normal", normal, params={"mean": 0.0, "deviation": 1.0}),
        Initializer("uniform", uniform, params={"low": -0.5, "high": 0.5}),
        Initializer("glorot_uniform", glorot_uniform, source=GLOROT),
        Initializer("glorot_normal", glorot_normal, source=GLOROT),
        Initializer("he_uniform", he_uniform, source=HE),
        Initializer("he_normal", he_normal, source=HE),
        Initializer("lecun_normal", lecun_normal, source="LeCun et al. 1998, equation 16"),
        Initializer("torch_linear", torch_linear, bias=torch_linear, source="PyTorch's default for Linear layers"),
    ]
