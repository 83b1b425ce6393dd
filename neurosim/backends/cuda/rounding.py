"""How kernels round: as their text says, so that they have the bits of the CPU engine.

By default the compiler of CUDA fuses each product with the sum that it is added to. Here nothing is fused but what is
written as `cuda.fma`, and divisions and roots are rounded to the nearest number. Where the CPU counts numbers that are
too small for a normal float32 as 0 (see `cpu.memory.exchange_float_mode`), kernels do, too.

Numba has no option for that, so it is given to what Numba calls. And kernels must not be optimized when they are
linked: the linker would fuse, whatever the compiler was told.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_AS_WRITTEN = {"fma": False, "prec_div": True, "prec_sqrt": True}


def link_options() -> dict[str, Any]:
    """The options of ``cuda.jit`` that keep the linker from optimizing; there are none where it never does."""
    jit = importlib.import_module("numba.cuda").jit
    return {"lto": False} if "lto" in inspect.signature(jit).parameters else {}


@contextmanager
def compiled_as_written(*, flushing: bool) -> Iterator[None]:
    """Inside this, Numba compiles kernels that round as they are written; `flushing` counts tiny numbers as 0."""
    dispatcher: Any = importlib.import_module("numba.cuda.dispatcher")
    compiler: Any = importlib.import_module("numba.cuda.compiler")
    compile_cuda: Callable[..., Any] = compiler.compile_cuda

    def as_written(*arguments: Any, nvvm_options: dict[str, Any] | None = None, **options: Any) -> Any:
        more = {**_AS_WRITTEN, "ftz": flushing}
        return compile_cuda(*arguments, nvvm_options={**(nvvm_options or {}), **more}, **options)

    # Other threads, which compile what is not ours, wait.
    with dispatcher.global_compiler_lock:
        dispatcher.compile_cuda = compiler.compile_cuda = as_written
        try:
            yield
        finally:
            dispatcher.compile_cuda = compiler.compile_cuda = compile_cuda
