"""Kernels are compiled with neurosim's settings of Numba, and the user's code with the user's."""

import os
import re
import subprocess
import sys

import numba
import pytest
from numba import types
from numba.core import config
from numba.core.caching import NullCache

from neurosim.backends.cpu import jit
from neurosim.backends.own_numba import our_settings


@pytest.fixture
def uncached(monkeypatch):
    monkeypatch.setattr(jit, "kernel_cache", lambda function: NullCache())


def machine_code():
    def total(values, count):
        result = types.float32(0)
        for k in range(count):
            result += values[k] * values[k]
        values[0] = result

    signature = types.void(types.CPointer(types.float32), types.intp)
    # Names of symbols have a number in them that is counted up.
    code = re.sub(r"_ZN\w+", "", jit.kernel(signature)(total)._library.get_llvm_str())
    return [line for line in code.splitlines() if line.startswith("  ") and ".not" not in line]


@pytest.fixture
def otherwise(monkeypatch):
    """Settings as of a user who debugs."""
    monkeypatch.setenv("NUMBA_OPT", "0")
    monkeypatch.setenv("NUMBA_BOUNDSCHECK", "1")
    config.reload_config()
    yield
    monkeypatch.undo()
    config.reload_config()


def test_kernels_are_the_same_whatever_the_settings(request, uncached):
    expected = machine_code()
    assert any("fmul" in line for line in expected)
    request.getfixturevalue("otherwise")
    assert machine_code() == expected
    assert (int(config.OPT), config.BOUNDSCHECK) == (0, 1)


def test_the_user_s_own_code_is_compiled_as_the_user_says(otherwise):
    with our_settings():
        assert (int(config.OPT), config.BOUNDSCHECK) == (3, None)

    @numba.njit
    def third(values):
        return values[2]

    with pytest.raises(IndexError):
        third(numba.np.numpy_support.np.zeros(2))


LATE = """
import sys, warnings
import numba
numba.njit(lambda x: x)(1)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from neurosim.backends.cpu import jit
from numba.core.caching import NullCache
print(type(jit.kernel_cache(jit.compiled)) is NullCache)
print(*[warning.message for warning in caught])
"""


@pytest.mark.ci
@pytest.mark.parametrize("usual", [True, False])
def test_what_is_compiled_by_a_numba_that_was_set_up_otherwise_is_not_kept(usual):
    environment = {**os.environ} if usual else {**os.environ, "NUMBA_OPT": "0"}
    done = subprocess.run(
        [sys.executable, "-c", LATE],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    kept_nothing, *warnings = done.stdout.splitlines()
    assert kept_nothing == str(not usual)
    assert any("NUMBA_OPT" in line for line in warnings) == (not usual)
