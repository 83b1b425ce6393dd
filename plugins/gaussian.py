"""The smallest plugin: one formula. Its derivative is left out, so neurosim works it out.

neurosim run spirals --plugin plugins/gaussian.py --set network.layers.0.activation=gaussian
"""

import math

from neurosim import Activation, hookimpl


def gaussian(z):
    return math.exp(-z * z)


@hookimpl
def neurosim_activations():
    return [Activation("gaussian", gaussian)]
