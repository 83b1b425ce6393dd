"""Functions that only compiled code calls are linked into it, without being turned into machine code of their own.

Numba optimizes each compiled function together with all that it calls, and emits machine code for it. Of our functions
only the outermost are ever called from outside, so for the others that is work for nothing: each is optimized again in
every function that it is linked into. Here they are only linked. What is optimized in the end is the same function,
with the same meaning.

Code from the cache is loaded without what Numba needs to compile more: it registers that when it does.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import event
from numba.core.codegen import JITCodeLibrary
from numba.core.environment import lookup_environment
from numba.core.registry import cpu_target
from numba.core.runtime import _nrt_python


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
    # Of code from the cache: what is only needed if it is linked into other code.
    bitcode = b""

    @classmethod
    def _unserialize(cls, codegen: Any, state: Any) -> Any:
        name, _, (machine_code, bitcode) = state
        library = codegen.create_library(name)
        library.enable_object_caching()
        library._set_compiled_object(machine_code)
        library._finalize_final_module()
        library.bitcode = bitcode
        return library

    def _get_module_for_linking(self) -> Any:
        if self.bitcode:
            self._shared_module: Any = llvm.parse_bitcode(self.bitcode)
            self.bitcode = b""
        return super()._get_module_for_linking()

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


class _KernelLibrary(_Library):
    """The code of a kernel, of which Numba makes a function and an entry point for C that calls it.

    The function becomes a part of its entry point. Numba forbids that, and each call of a kernel would pass all its
    arguments twice, through memory.
    """

    _behind_entry = ""

    def add_ir_module(self, module: ir.Module) -> None:
        if module.name == "cfunc_wrapper":
            for function in module.functions:
                if not function.is_declaration:
                    self._behind_entry = function.name.removeprefix("cfunc.")
                for block in function.blocks:
                    for instruction in block.instructions:
                        if isinstance(instruction, ir.CallInstr):
                            instruction.attributes.discard("noinline")
        super().add_ir_module(module)

    def _optimize_final_module(self) -> None:
        # Numba's runtime, which is compiled along with the first kernel, has none.
        if self._behind_entry and not self.inner:
            self._final_module.get_function(self._behind_entry).linkage = "internal"
        super()._optimize_final_module()


def symbols_of(library: Any) -> list[str]:
    """The names of the functions and variables that compiled code defines."""
    module = library._get_module_for_linking()
    entries = (*module.functions, *module.global_variables)
    return [entry.name for entry in entries if not entry.is_declaration]


def know_symbols(codegen: Any, names: Collection[str]) -> None:
    """Have Numba find what code from the cache defines: it looks for nothing that it does not know."""
    codegen._engine._defined_symbols.update(names)


@functools.cache
def know_runtime() -> None:
    """Tell the linker where the functions of Numba's runtime are that machine code calls."""
    for name, address in _nrt_python.c_helpers.items():
        llvm.add_symbol(name if name.startswith("_") else f"NRT_{name}", address)


@contextmanager
def outermost(*, announced: bool) -> Iterator[None]:
    """Inside this, with Numba's lock held, functions are only linked if they are compiled for another one.

    `announced` says whether Numba sends an event when it compiles the first: it does not for kernels.
    """
    if _depth.count:
        yield
        return
    codegen = cpu_target.target_context.codegen()

    def set_env(name: str, environment: Any) -> None:
        # Code that is only linked has no place for it yet.
        if codegen._engine.is_symbol_defined(name):
            type(codegen).set_env(codegen, name, environment)

    codegen._library_class = _Library if announced else _KernelLibrary
    codegen.set_env = set_env
    _depth.count = 0 if announced else 1
    try:
        with event.install_listener("numba:compile", _depth):
            yield
    finally:
        _depth.count = 0
        del codegen._library_class, codegen.set_env
