"""A Padé activation: a fraction of two polynomials whose coefficients are learned (arXiv:1907.06732).

    f(z) = (a0 + a1 z + ... + a5 z^5) / (1 + |b1 z| + |b2 z^2| + |b3 z^3| + |b4 z^4|)

The denominator is at least 1, so there are no poles. It starts as nearly a leaky ReLU, and each layer makes of it what
it needs:

    neurosim run spirals --plugin plugins/pade.py --set network.layers.0.activation=pade
"""

from neurosim import Activation, hookimpl

# Within 0.03 of a leaky ReLU with slope 0.01 from -3 to 3.
START = {
    "a0": 0.02996348,
    "a1": 0.61690165,
    "a2": 2.37539147,
    "a3": 3.06608078,
    "a4": 1.52474449,
    "a5": 0.25281987,
    "b1": 1.19160814,
    "b2": 4.40811795,
    "b3": 0.91111034,
    "b4": 0.34885983,
}


def pade(z, a0, a1, a2, a3, a4, a5, b1, b2, b3, b4):
    above = a0 + z * (a1 + z * (a2 + z * (a3 + z * (a4 + z * a5))))
    size = abs(z)
    below = 1.0 + size * (abs(b1) + size * (abs(b2) + size * (abs(b3) + size * abs(b4))))
    return above / below


@hookimpl
def neurosim_activations():
    return [
        Activation(
            "pade",
            pade,
            params=START,
            kinks=(0.0,),
            usual_init="he_uniform",
            source="arXiv:1907.06732, with absolute values in the denominator",
            learn=tuple(START),
        )
    ]
