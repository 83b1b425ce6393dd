"""Only what is called from outside becomes machine code of its own; the user's own functions are compiled as usual."""

import ctypes

import numba
import numpy as np
import pytest
from numba import types
from numba.core.caching import NullCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Flags
from numba.core.registry import cpu_target

from neurosim.backends.cpu import jit
from neurosim.backends.cpu.quick_flags import quick_flags


@pytest.fixture
def uncached(monkeypatch):
    monkeypatch.setattr(jit, "kernel_cache", lambda function: NullCache())


def is_machine_code(compiled):
    return cpu_target.target_context.codegen()._engine.is_symbol_defined(compiled.fndesc.llvm_func_name)


def test_inner_functions_are_only_linked(uncached):
    @jit.compiled
    def square(x):
        return x * x

    @jit.compiled
    def fourth(x):
        return square(square(x))

    @jit.entry
    def sum_of_powers(x):
        return square(x) + fourth(x) + np.ones(3)[2]

    assert sum_of_powers(3) == 9 + 81 + 1
    assert not any(is_machine_code(*function.overloads.values()) for function in (square, fourth))
    assert is_machine_code(*sum_of_powers.overloads.values())

    made = jit.kernel(types.int64(types.int64))(lambda x: fourth(x) - square(x))
    assert ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(made.address)(2) == 16 - 4
    assert not is_machine_code(*fourth.overloads.values())


def test_the_user_s_own_functions_may_use_what_was_linked_before(uncached):
    @jit.entry
    def ours(count):
        return np.zeros(count).size

    @numba.njit
    def inner(count):
        return np.zeros(count).size

    @numba.njit
    def outer(count):
        return inner(count)

    assert ours(4) == 4
    assert outer(5) == 5
    (compiled,) = inner.overloads.values()
    assert type(compiled.library) is JITCodeLibrary
    assert inner(6) == 6
    with pytest.raises(ValueError, match="negative dimensions"):
        outer(-1)


def test_flags_have_the_same_values_in_less_time():
    plain = Flags()
    plain.nrt, plain.error_model = True, "numpy"
    for flags in (Flags(), plain, plain.copy()):
        expected = flags.values()
        with quick_flags():
            assert list(flags.values().items()) == list(expected.items())
            assert (flags == Flags()) == (expected == Flags().values())
