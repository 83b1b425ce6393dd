"""These tests run with ``NEUROSIM_TEST_GPU=emulator`` alone: Numba has its simulator, or a GPU, or the emulator."""

import os

import pytest

if os.environ.get("NEUROSIM_TEST_GPU") != "emulator":
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def device():
    """The emulator, for tests in which something is to be found: each looks for itself."""
    from cuda_emulator import emulator

    yield emulator
    emulator.forget()
