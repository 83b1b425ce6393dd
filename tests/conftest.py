"""What all tests share: no installed plugins, the built-ins, and every backend there is.

The compiled kernels are kept in the usual cache, so that a second run is quick; no test depends on
what is in it.
"""

import os

# Before anything builds a registry: a plugin of the machine's owner must not change what is tested.
os.environ["NEUROSIM_DISABLE_PLUGINS"] = "1"
os.environ.pop("NEUROSIM_PLUGINS", None)

import pytest
import support


@pytest.fixture(scope="session")
def registry():
    """The built-ins."""
    return support.BUILTINS


@pytest.fixture(params=support.BACKENDS, ids=lambda backend: backend.name)
def backend(request):
    """Each backend in turn, with how exactly it computes: ``backend.make(network, training)``."""
    return request.param
