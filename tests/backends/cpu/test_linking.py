"""Only what is called from outside becomes machine code of its own; the user's own functions are compiled as usual."""

import ctypes
import os
import subprocess
import sys

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
    # The function itself is part of its entry point for C.
    defined = cpu_target.target_context.codegen()._engine.is_symbol_defined
    assert [defined(name) for name in (made._wrapper_name, made._wrapper_name.removeprefix("cfunc."))] == [True, False]


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


FROM_THE_CACHE = """
import linecache, sys, types
text = "def twice(x): return 2 * x"
linecache.cache["twice.py"] = (len(text), None, [text], "twice.py")
module = sys.modules["neurosim.backends.twice"] = types.ModuleType("neurosim.backends.twice")
exec(compile(text, "twice.py", "exec"), module.__dict__)

from neurosim.backends.cpu import jit

twice = jit.entry(module.twice)
print(twice(3), sum(twice.stats.cache_hits.values()))
four_times = jit.entry(lambda x: twice(twice(x)))
print(four_times(3))
"""


@pytest.mark.ci
def test_code_from_the_cache_can_be_called_and_linked(tmp_path):
    environment = {**os.environ, "NEUROSIM_CACHE": str(tmp_path)}
    for hits in (0, 1):
        command = [sys.executable, "-c", FROM_THE_CACHE]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["6", str(hits), "12"]


def test_flags_have_the_same_values_in_less_time():
    plain = Flags()
    plain.nrt, plain.error_model = True, "numpy"
    for flags in (Flags(), plain, plain.copy()):
        expected = flags.values()
        with quick_flags():
            assert list(flags.values().items()) == list(expected.items())
            assert (flags == Flags()) == (expected == Flags().values())
