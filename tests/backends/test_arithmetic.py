"""What decides on the last bits is told as it is, and tells apart what gives other bits."""

import os
import platform
import subprocess
import sys

import pytest

from neurosim.backends.arithmetic import arithmetic_of, compiler_of
from neurosim.backends.base import in_order

PROGRAM = """
import hashlib, sys
import neurosim
from neurosim.backends.arithmetic import arithmetic_of
simulator = neurosim.Simulator(neurosim.load_scenario("digits", overrides={"training.epochs": 1}), "cpu")
simulator.train()
digest = hashlib.sha256(b"".join(array.tobytes() for array in simulator.parameters.values())).hexdigest()
print(sorted(arithmetic_of("cpu").items()), digest, sep="\\n")
"""


def trained(**variables):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**os.environ, **variables}, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_every_backend_here_says_what_it_computes_with():
    assert set(arithmetic_of("cpu")) == {"architecture"}
    assert set(arithmetic_of("reference")) == {"BLAS", "NumPy's functions", "C library"}
    assert set(compiler_of("cpu")) == {"numba"}
    assert compiler_of("reference") == {}


def test_sums_are_taken_from_first_to_last_by_every_python():
    # The sum() of newer versions gives 1.
    assert in_order([1e16, 1.0, -1e16]) == 0.0


@pytest.mark.ci
@pytest.mark.skipif(platform.machine() != "x86_64", reason="names kernels for x86")
def test_another_kernel_of_blas_changes_nothing():
    assert trained() == trained(OPENBLAS_CORETYPE="Sandybridge")
