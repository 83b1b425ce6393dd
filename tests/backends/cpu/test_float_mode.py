"""Numbers too small for a normal float32 count as 0 while kernels run, and as usual before and after."""

import platform

import numba
import numpy as np
import pytest

from neurosim.backends.cpu.memory import exchange_float_mode


@numba.njit
def products(x, y):
    before = x[0] * y[0]
    mode = exchange_float_mode(-1)
    result = x[0] * y[0]
    operand = x[1] * y[1]
    normal = x[2] * y[2]
    exchange_float_mode(mode)
    return before, result, operand, normal, x[0] * y[0]


@pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64", "aarch64", "arm64"), reason="has no such mode that we know of"
)
def test_tiny_numbers_count_as_zero():
    x, y = np.array([1e-30, 1e-40, 1e-30], np.float32), np.array([1e-10, 1e10, 1e-7], np.float32)
    usual = np.float32(1e-30) * np.float32(1e-10)
    assert products(x, y) == (usual, 0.0, 0.0, np.float32(1e-30) * np.float32(1e-7), usual)
