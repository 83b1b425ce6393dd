"""Gates of gated units: one half of the numbers decides how much of the other half passes.

The activations in their names are those of `neurosim.builtins.activations`. Derivatives that are left out are worked
out.
"""

from __future__ import annotations

import math

from neurosim.plugin import Gate, hookimpl


def sigmoid(z: float) -> float:
    """1 / (1 + e^-z), without overflow."""
    e = math.exp(-abs(z))
    return 1.0 / (1.0 + e) if z >= 0.0 else e / (1.0 + e)


def glu(u: float, v: float) -> float:
    """Gated linear unit: u where v is large, 0 where it is very negative."""
    return u * sigmoid(v)


def glu_du(u: float, v: float) -> float:
    """Its derivative with respect to u."""
    return sigmoid(v)


def glu_dv(u: float, v: float) -> float:
    """Its derivative with respect to v."""
    s = sigmoid(v)
    return u * s * (1.0 - s)


def bilinear(u: float, v: float) -> float:
    """The product, with no activation at all."""
    return u * v


def reglu(u: float, v: float) -> float:
    """A gate that can close: ReLU."""
    return u * max(v, 0.0)


def geglu(u: float, v: float) -> float:
    """A gate with GELU."""
    return u * (0.5 * v * (1.0 + math.erf(v / math.sqrt(2.0))))


def swiglu(u: float, v: float, beta: float) -> float:
    """A gate with Swish."""
    return u * (v * sigmoid(beta * v))


def swiglu_du(u: float, v: float, beta: float) -> float:
    """Its derivative with respect to u."""
    return v * sigmoid(beta * v)


def swiglu_dv(u: float, v: float, beta: float) -> float:
    """Its derivative with respect to v."""
    s = sigmoid(beta * v)
    return u * (s + beta * v * s * (1.0 - s))


def gated_tanh(u: float, v: float) -> float:
    """tanh of one half, gated by the sigmoid of the other, as in WaveNet."""
    return math.tanh(u) * sigmoid(v)


def gated_tanh_du(u: float, v: float) -> float:
    """Its derivative with respect to u."""
    t = math.tanh(u)
    return (1.0 - t * t) * sigmoid(v)


def gated_tanh_dv(u: float, v: float) -> float:
    """Its derivative with respect to v."""
    s = sigmoid(v)
    return math.tanh(u) * s * (1.0 - s)


@hookimpl
def neurosim_gates() -> list[Gate]:
    """The gates of the papers."""
    return [
        Gate("glu", glu, glu_du, glu_dv, source="Dauphin et al. 2017, arXiv:1612.08083"),
        Gate("bilinear", bilinear, source="Shazeer 2020, arXiv:2002.05202"),
        Gate("reglu", reglu, source="Shazeer 2020, arXiv:2002.05202"),
        Gate("geglu", geglu, source="Shazeer 2020, arXiv:2002.05202"),
        Gate("swiglu", swiglu, swiglu_du, swiglu_dv, params={"beta": 1.0}, source="Shazeer 2020, arXiv:2002.05202"),
        Gate("gated_tanh", gated_tanh, gated_tanh_du, gated_tanh_dv, source="WaveNet, arXiv:1609.03499"),
    ]
