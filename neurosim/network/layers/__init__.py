"""The kinds of layers."""

from neurosim.network.layers.base import *  # noqa: F403
