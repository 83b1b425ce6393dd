"""What all tests share: no installed plugins, the built-ins, and every backend there is.

The compiled kernels are kept in the usual cache, so that a second run is quick; no test depends on
what is in it.
"""

import os

# Before anything builds a registry: a plugin of the machine's owner must not change what is tested.
os.environ["NEUROSIM_DISABLE_PLUGINS"] = "1"
os.environ.pop("NEUROSIM_PLUGINS", None)

import hypothesis
import pytest
import support

# No deadline: the first example may be the one that compiles. No database: nothing is written into the tree.
hypothesis.settings.register_profile("neurosim", deadline=None, database=None, max_examples=60)
hypothesis.settings.load_profile("neurosim")


@pytest.fixture(scope="session")
def registry():
    """The built-ins."""
    return support.BUILTINS


@pytest.fixture(params=support.BACKENDS, ids=lambda backend: backend.name)
def backend(request):
    """Each backend in turn, with how exactly it computes: ``backend.make(network, training)``."""
    return request.param
