"""Activations: `f(z)` and its derivative `df(z, a)`, on one weighted sum z with output a = f(z).

Every one of them passes NaN on, so that a training that diverges is seen to. No comparison with NaN is true:
``0.0 if z < 0.0 else z`` keeps it, ``z if z > 0.0 else 0.0`` makes 0 of it; and ``max(z, 0.0)`` keeps a NaN that
comes first. Neither do derivatives make 0 of it, which would stop a gradient.
"""

import math

from neurosim.plugin import Activation, RowActivation, hookimpl


def identity(z):
    return z


def identity_derivative(z, a):
    return 1.0


def step(z):
    return 1.0 if z >= 0.0 else 0.0 if z < 0.0 else z


def step_derivative(z, a):
    return 0.0


def sigmoid(z):
    return 1.0 / (1.0 + math.exp(-z))


def sigmoid_derivative(z, a):
    return a * (1.0 - a)


def tanh(z):
    return math.tanh(z)


def tanh_derivative(z, a):
    return 1.0 - a * a


def relu(z):
    return 0.0 if z < 0.0 else z


def relu_derivative(z, a):
    return 0.0 if z <= 0.0 else 1.0


def leaky_relu(z, alpha):
    return z if z > 0.0 else alpha * z


def leaky_relu_derivative(z, a, alpha):
    return 1.0 if z > 0.0 else alpha


def prelu(z, alpha):
    return z if z > 0.0 else alpha * z


def prelu_derivative(z, a, alpha):
    return 1.0 if z > 0.0 else alpha


def prelu_by_alpha(z, a, alpha):
    return 0.0 if z > 0.0 else z


def elu(z, alpha):
    return z if z > 0.0 else alpha * math.expm1(z)


def elu_derivative(z, a, alpha):
    return 1.0 if z > 0.0 else a + alpha


# The fixed point of mean 0 and variance 1: Klambauer et al. 2017, equation 14.
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def selu(z):
    return SELU_SCALE * (z if z > 0.0 else SELU_ALPHA * math.expm1(z))


def selu_derivative(z, a):
    return SELU_SCALE if z > 0.0 else a + SELU_SCALE * SELU_ALPHA


def gelu(z):
    return 0.5 * z * (1.0 + math.erf(z / math.sqrt(2.0)))


def gelu_derivative(z, a):
    density = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    return 0.5 * (1.0 + math.erf(z / math.sqrt(2.0))) + z * density


# Of the hyperbolic tangent that approximates the error function.
GELU_SLOPE, GELU_CUBE = math.sqrt(2.0 / math.pi), 0.044715


def gelu_tanh(z):
    return 0.5 * z * (1.0 + math.tanh(GELU_SLOPE * (z + GELU_CUBE * z * z * z)))


def gelu_tanh_derivative(z, a):
    # Farther out it is 0 or 1, and squares would overflow.
    s = min(max(z, -10.0), 10.0)
    t = math.tanh(GELU_SLOPE * (s + GELU_CUBE * s * s * s))
    return 0.5 * (1.0 + t) + 0.5 * s * (1.0 - t * t) * GELU_SLOPE * (1.0 + 3.0 * GELU_CUBE * s * s)


def swish(z, beta):
    return z / (1.0 + math.exp(-beta * z))


def swish_derivative(z, a, beta):
    s = 1.0 / (1.0 + math.exp(-beta * z))
    return s + beta * a * (1.0 - s)


def swish_by_beta(z, a, beta):
    # z^2 s (1 - s), where s is the sigmoid of beta z; s (1 - s) is the same for -z.
    e = math.exp(-abs(beta * z))
    return z * z * e / ((1.0 + e) * (1.0 + e))


# Where the sum times beta is above `threshold`, the output is the sum, to the last bit at 40; PyTorch has 20.
def softplus(z, beta, threshold):
    s = beta * z
    return z if s > threshold else (max(s, 0.0) + math.log1p(math.exp(-abs(s)))) / beta


def softplus_derivative(z, a, beta, threshold):
    s = beta * z
    return 1.0 if s > threshold else 1.0 / (1.0 + math.exp(-s))


def hard_sigmoid(z):
    return min(max(z + 3.0, 0.0), 6.0) / 6.0


def hard_sigmoid_derivative(z, a):
    return 0.0 if z <= -3.0 or z >= 3.0 else 1.0 / 6.0


def softmax(z, a):
    largest = z[0]
    for k in range(1, len(z)):
        largest = max(largest, z[k])
    total = 0.0
    for k in range(len(z)):
        a[k] = math.exp(z[k] - largest)
        total += a[k]
    for k in range(len(z)):
        a[k] = a[k] / total


def softmax_backward(z, a, da, dz):
    weighted = 0.0
    for k in range(len(a)):
        weighted += a[k] * da[k]
    for k in range(len(a)):
        dz[k] = a[k] * (da[k] - weighted)


@hookimpl
def neurosim_activations():
    return [
        Activation("identity", identity, identity_derivative),
        Activation("step", step, step_derivative, kinks=(0.0,), source="Rosenblatt 1958"),
        Activation("sigmoid", sigmoid, sigmoid_derivative, source="logistic function"),
        Activation("tanh", tanh, tanh_derivative, source="hyperbolic tangent"),
        Activation("relu", relu, relu_derivative, kinks=(0.0,), usual_init="he_uniform", source="Nair and Hinton 2010"),
        Activation(
            "leaky_relu",
            leaky_relu,
            leaky_relu_derivative,
            params={"alpha": 0.01},
            kinks=(0.0,),
            usual_init="he_uniform",
            source="Maas, Hannun and Ng 2013",
        ),
        Activation(
            "prelu",
            prelu,
            prelu_derivative,
            params={"alpha": 0.25},
            kinks=(0.0,),
            usual_init="he_uniform",
            source="arXiv:1502.01852, equation 1",
            learn={"alpha": prelu_by_alpha},
        ),
        Activation(
            "elu",
            elu,
            elu_derivative,
            params={"alpha": 1.0},
            kinks=(0.0,),
            usual_init="he_uniform",
            source="arXiv:1511.07289, equation 15",
        ),
        Activation(
            "selu",
            selu,
            selu_derivative,
            kinks=(0.0,),
            usual_init="lecun_normal",
            source="arXiv:1706.02515, equation 2",
        ),
        Activation("gelu", gelu, gelu_derivative, usual_init="he_uniform", source="arXiv:1606.08415"),
        Activation(
            "gelu_tanh",
            gelu_tanh,
            gelu_tanh_derivative,
            usual_init="he_uniform",
            source="arXiv:1606.08415, section 2: an approximation with tanh",
        ),
        Activation(
            "swish",
            swish,
            swish_derivative,
            params={"beta": 1.0},
            usual_init="he_uniform",
            source="arXiv:1710.05941",
        ),
        Activation(
            "learnable_swish",
            swish,
            swish_derivative,
            params={"beta": 1.0},
            usual_init="he_uniform",
            source="arXiv:1710.05941, with beta learned",
            learn={"beta": swish_by_beta},
        ),
        Activation(
            "softplus",
            softplus,
            softplus_derivative,
            params={"beta": 1.0, "threshold": 40.0},
            usual_init="he_uniform",
            source="Dugas et al. 2001",
        ),
        Activation(
            "hard_sigmoid",
            hard_sigmoid,
            hard_sigmoid_derivative,
            kinks=(-3.0, 3.0),
            source="relu6(z + 3) / 6: arXiv:1905.02244, section 5.2",
        ),
        RowActivation("softmax", softmax, softmax_backward, source="Bridle 1990"),
    ]
