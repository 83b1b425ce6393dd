"""The resources that a kernel needs on a GPU: compiled and linked for one that need not be present."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from neurosim.backends.cuda.execution import wide_instructions
from neurosim.backends.cuda.target import INSTALL, Capability, compile_kernel, device_runtime
from neurosim.errors import BackendError


@dataclass(frozen=True)
class Resources:
    """Registers per thread, bytes spilled to memory for lack of them, and bytes of shared memory per block.

    `wide` are the kernel's float64 instructions, of which there should be none.
    """

    registers: int
    spilled: int
    shared: int
    wide: list[str]


def resources_of(kernel: Any, types: Sequence[Any], capability: Capability, *, cooperative: bool = False) -> Resources:
    """Compile and link a kernel for arguments of these types.

    Parameters
    ----------
    kernel : kernel
        From a generated module; for Numba's CUDA target, not its simulator.
    types : sequence of Numba types
        Of its arguments.
    capability : tuple of int
        Compute capability of the GPU, such as (9, 0).
    cooperative : bool
        Whether it has barriers across the grid.

    Raises
    ------
    BackendError
        If numba-cuda and its linker are not installed.
    """
    try:
        core = importlib.import_module("cuda.core")
    except ImportError as error:
        raise BackendError("kernels cannot be linked without numba-cuda", INSTALL) from error
    text = compile_kernel(kernel, types, capability, "ptx")
    code = compile_kernel(kernel, types, capability, "ltoir")
    parts = [core.ObjectCode.from_ltoir(code, name="kernel")]
    if cooperative:
        parts.append(core.ObjectCode.from_library(device_runtime(), name="cudadevrt"))
    options = core.LinkerOptions(
        arch=f"sm_{capability[0]}{capability[1]}", link_time_optimization=True, ptxas_options=["-v"]
    )
    linker = core.Linker(*parts, options=options)
    linker.link("cubin")
    log = str(linker.get_info_log())
    return Resources(
        registers=max(_numbers(r"Used (\d+) registers", log)),
        spilled=sum(_numbers(r"(\d+) bytes spill", log)),
        shared=max(_numbers(r"(\d+) bytes smem", log), default=0),
        wide=wide_instructions(str(text)),
    )


def _numbers(pattern: str, text: str) -> list[int]:
    return [int(number) for number in re.findall(pattern, text)]
