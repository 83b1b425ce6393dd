"""Numba compiles kernels for the emulator: the one place where numba-cuda is changed.

Everything else of it runs as on a GPU, on the functions of the emulated driver: type inference and lowering, contexts,
memory, launches, graphs. Only the machine code differs: in its place stand the name of the kernel and its IR.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import json
from collections.abc import Sequence
from typing import Any

from cuda_emulator import emulator
from cuda_emulator.host_code import HostKernel, compile_for_host
from cuda_emulator.library import load

_numbers = itertools.count()


@functools.cache
def install() -> None:
    """Change numba-cuda in this process."""
    from cuda.core import ObjectCode
    from numba.cuda import codegen

    library: Any = codegen.CUDACodeLibrary
    assembly = library.get_asm_str

    def get_asm_str(self: Any, cc: Any = None) -> str:
        # For the device itself, of which only messages would make use.
        return "" if cc is None else str(assembly(self, cc=cc))

    def get_cubin(self: Any, cc: Any = None) -> Any:
        name = self._entry_name
        if "emulator" not in self._cubin_cache:
            # A kernel that was compiled in another process brings what that one has made in place of machine code.
            (kept,) = self._cubin_cache.values() or (None,)
            made = _made(self) if kept is None else json.loads(kept.code.partition(b"\0")[2])
            # Other processes have given other kernels the same name.
            own_name = f"{name} {next(_numbers)}"
            _add(own_name, compile_for_host(made["texts"], name, fusing=made["fusing"], flushing=made["flushing"]))
            code = own_name.encode() + b"\0" + json.dumps(made).encode()
            self._cubin_cache["emulator"] = ObjectCode.from_cubin(code, name=name)
        return self._cubin_cache["emulator"]

    library.get_asm_str = get_asm_str
    library.get_cubin = get_cubin


def _made(library: Any) -> dict[str, Any]:
    """What the machine code of a kernel is made from, and how."""
    options = library._nvvm_options
    # The compiler fuses products and sums unless told not to, and the linker whatever it is told.
    fusing = bool(options.get("fma", True) or library._lto)
    return {"texts": library.llvm_strs, "fusing": fusing, "flushing": bool(options.get("ftz"))}


def forget_device() -> None:
    """Let Numba and cuda.core ask again what device this is: they remember what they have been told."""
    from cuda.core import Device
    from numba import cuda

    Device()._properties = None

    remembered = vars(cuda.get_current_device())
    for name in ("MULTIPROCESSOR_COUNT", "KERNEL_EXEC_TIMEOUT"):
        remembered.pop(name, None)


def _add(name: str, kernel: HostKernel) -> None:
    ranges = [number for pair in (*kernel.shared, *kernel.constants) for number in pair]
    load().emulator_add_kernel(
        name.encode(), ctypes.c_void_p(kernel.code), _array(ctypes.c_uint32, kernel.sizes), len(kernel.sizes),
        emulator.REGISTERS, _array(ctypes.c_uint64, ranges), len(kernel.shared), len(kernel.constants),
    )  # fmt: skip


def _array(kind: Any, numbers: Sequence[int]) -> Any:
    return (kind * max(len(numbers), 1))(*numbers)
