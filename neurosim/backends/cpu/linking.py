"""Functions that only compiled code calls are linked into it, without being turned into machine code of their own.

Numba optimizes each compiled function together with all that it calls, and emits machine code for it. Of our functions
only the outermost are ever called from outside, so for the others that is work for nothing: each is optimized again in
every function that it is linked into. Here they are only linked. What is optimized in the end is the same function,
with the same meaning.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import event
from numba.core.codegen import JITCodeLibrary
from numba.core.environment import lookup_environment
from numba.core.registry import cpu_target


class _Depth(event.Listener):
    """How many functions are being compiled, each for the one before."""

    count = 0

    def on_start(self, _: Any) -> None:
        self.count += 1

    def on_end(self, _: Any) -> None:
        self.count -= 1


_depth = _Depth()


class _Library(JITCodeLibrary):
    """The code of one function and of all that it calls; of an inner one only to be linked into others."""

    inner = False

    def finalize(self) -> None:
        self.inner = _depth.count > 1
        super().finalize()

    def _optimize_final_module(self) -> None:
        if not self.inner:
            super()._optimize_final_module()

    def _finalize_final_module(self) -> None:
        if self.inner:
            self._finalize_dynamic_globals()
            self._finalized = True
            return
        super()._finalize_final_module()
        for variable in self._final_module.global_variables:
            environment = lookup_environment(variable.name)
            if environment is not None:
                self._codegen.set_env(variable.name, environment)


@contextmanager
def outermost(*, announced: bool) -> Iterator[None]:
    """Inside this, with Numba's lock held, functions are only linked if they are compiled for another one.

    `announced` says whether Numba sends an event when it compiles the first.
    """
    if _depth.count:
        yield
        return
    codegen = cpu_target.target_context.codegen()

    def set_env(name: str, environment: Any) -> None:
        # Code that is only linked has no place for it yet.
        if codegen._engine.is_symbol_defined(name):
            type(codegen).set_env(codegen, name, environment)

    codegen._library_class, codegen.set_env = _Library, set_env
    _depth.count = 0 if announced else 1
    try:
        with event.install_listener("numba:compile", _depth):
            yield
    finally:
        _depth.count = 0
        del codegen._library_class, codegen.set_env
