"""How every CPU kernel is compiled: flags and cache, in one place.

Flags. No flag lets the compiler fuse, reorder or approximate anything: what is fused is written as `memory.fma`, so the
bits are the same on every processor and in vector loops and their scalar remainders. The NumPy error model removes the
check for division by zero, which prevents loops from being vectorized.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

import numba
import numpy as np
from numba.core.ccallback import CFunc
from numba.core.registry import cpu_target
from numba.core.sigutils import normalize_signature

from neurosim.backends.cpu.kernel_cache import kernel_cache
from neurosim.backends.cpu.linking import outermost
from neurosim.backends.cpu.quick_flags import quick_flags
from neurosim.backends.own_numba import our_settings
from neurosim.backends.surroundings import check_jit
from neurosim.process.interruption import deferred

check_jit()
# The code generator is set up the first time it is asked for.
with our_settings():
    cpu_target.target_context.codegen()

FLAGS: dict[str, Any] = {"error_model": "numpy"}
# Functions that only compiled code calls need no entry points for Python and C, which take time to compile.
INNER = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
Function = TypeVar("Function", bound=Callable[..., Any])


def fuses() -> bool:
    """Whether the machine code has fused multiply-add: all ARM processors of 64 bits do, and Intel's since Haswell."""
    triple, _, features = cpu_target.target_context.codegen().magic_tuple()
    return triple.startswith(("aarch64", "arm64")) or bool({"+fma", "+fma4"} & set(features.split(",")))


def compiled(function: Function) -> Function:
    """Compile `function` when it is first called from compiled code."""
    return _heeding(numba.njit(**INNER, **FLAGS)(function))


def scalar(function: Function) -> Function:
    """Inline a function of scalars into every loop that calls it, so that the loop can be vectorized."""
    return _heeding(numba.njit(forceinline=True, **INNER, **FLAGS)(function))


def entry(function: Function) -> Function:
    """Compile `function` for calls from Python, without the interpreter lock, and cache it."""
    dispatcher = numba.njit(nogil=True, **FLAGS)(function)
    dispatcher._cache = kernel_cache(function)
    return _heeding(dispatcher)


def kernel(signature: Any) -> Callable[[Function], Any]:
    """Compile a function with a fixed signature to machine code that is called by its address."""

    def compile_kernel(function: Function) -> Any:
        made: Any = CFunc(function, normalize_signature(signature), {}, dict(FLAGS))
        made._cache = kernel_cache(function)
        between_signals(made.compile, announced=False)()
        return made

    return compile_kernel


class OnDemand:
    """A kernel that is compiled when its address is first asked for."""

    def __init__(self, signature: Any, function: Callable[..., Any]) -> None:
        self._signature, self._function = signature, function

    @cached_property
    def _compiled(self) -> Any:
        return kernel(self._signature)(self._function)

    @property
    def address(self) -> int:
        """Address of the machine code."""
        return int(self._compiled.address)


def kernel_on_demand(signature: Any) -> Callable[[Callable[..., Any]], OnDemand]:
    """As `kernel`, for a module with several kernels of which a network needs some."""
    return lambda function: OnDemand(signature, function)


def _heeding(dispatcher: Any) -> Any:
    """The dispatcher, with signals deferred while it compiles."""
    dispatcher.compile = between_signals(dispatcher.compile)
    return dispatcher


def between_signals(compile_now: Callable[..., Any], *, announced: bool = True) -> Callable[..., Any]:
    """`compile_now` with our settings, and with signals handled before and after it.

    While it runs, LLVM calls back into Python, and an exception from a signal handler would be lost there. `announced`
    is as in `outermost`.
    """

    def call(*arguments: Any) -> Any:
        with deferred() as let_in, our_settings(), quick_flags(), outermost(announced=announced):
            let_in()
            made = compile_now(*arguments)
            let_in()
            return made

    return call


@scalar
def scratch(count):  # type: ignore[no-untyped-def]
    """A row for a formula that sorts."""
    return np.empty(count, np.float32)
