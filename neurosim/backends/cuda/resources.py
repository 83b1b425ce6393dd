"""The resources that a kernel needs on GPUs: compiled and linked for some that need not be present."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from neurosim.backends.cuda.execution import wide_instructions
from neurosim.backends.cuda.machine_code import shared_memory
from neurosim.backends.cuda.target import INSTALL, Capability, lowered
from neurosim.errors import BackendError

# Bytes of shared memory that a block may have without being asked for as such, and registers of a multiprocessor.
MOST_SHARED = 48 * 1024
REGISTERS_OF_PROCESSOR = 64 * 1024
# Registers are given to a warp of 32 threads in pieces of this size.
_PIECE, _WARP = 256, 32
# GPUs from here on have their code from a newer version of LLVM.
_NEWER_LLVM: Capability = (10, 0)


@dataclass(frozen=True)
class Resources:
    """What a thread or a block of a kernel takes.

    Attributes
    ----------
    registers : int
        Registers per thread.
    spilled : int
        Bytes spilled to memory for lack of them.
    shared : int
        Bytes of shared memory per block.
    wide : list of str
        The kernel's float64 instructions, of which there should be none.
    fusible : list of str
        Its products and sums that the assembler may fuse, so that bits differ from the CPU's; there should be none.
    name : str
        Its name in the machine code.
    code : bytes
        The machine code.
    """

    registers: int
    spilled: int
    shared: int
    wide: list[str]
    fusible: list[str]
    name: str
    code: bytes

    def blocks(self, threads: int) -> int:
        """How many blocks of so many threads have enough registers on one multiprocessor."""
        warps = -(-threads // _WARP)
        return REGISTERS_OF_PROCESSOR // (warps * -(-self.registers * _WARP // _PIECE) * _PIECE)


def resources_of(kernel: Any, types: Sequence[Any], capabilities: Iterable[Capability]) -> dict[Capability, Resources]:
    """Compile and link a kernel for arguments of these types.

    Parameters
    ----------
    kernel : kernel
        From a generated module; for Numba's CUDA target, not its simulator.
    types : sequence of Numba types
        Of its arguments.
    capabilities : iterable of tuples of int
        Compute capabilities of the GPUs, such as (9, 0).

    Raises
    ------
    BackendError
        If numba-cuda and its linker are not installed.
    """
    try:
        core = importlib.import_module("cuda.core")
    except ImportError as error:
        raise BackendError("kernels cannot be linked without numba-cuda", INSTALL) from error
    found: dict[Capability, Resources] = {}
    # What is the same for all of them is done once: type inference and lowering, which take longest.
    with lowered(kernel, types) as library:
        for capability, text in assembly_texts(library, capabilities).items():
            part = core.ObjectCode.from_ptx(text.encode(), name="kernel")
            arch = f"sm_{capability[0]}{capability[1]}"
            options = core.LinkerOptions(arch=arch, ptxas_options=["-v"])
            linker = core.Linker(part, options=options)
            code = bytes(linker.link("cubin").code)
            log = str(linker.get_info_log())
            found[capability] = Resources(
                registers=max(_numbers(r"Used (\d+) registers", log)),
                spilled=sum(_numbers(r"(\d+) bytes spill", log)),
                shared=shared_memory(code, library._entry_name),
                wide=wide_instructions(text),
                fusible=fusible_instructions(text),
                name=library._entry_name,
                code=code,
            )
    return found


def assembly_texts(library: Any, capabilities: Iterable[Capability]) -> dict[Capability, str]:
    """The assembly text of a kernel for several GPUs, by libNVVM once for each version of LLVM that it contains.

    Before sm_100 it is given one kind of IR, from there on another; what it makes of one of them names the GPU in a
    single line and is the same otherwise. What it is for a given GPU is up to the assembler.
    """
    texts: dict[Capability, str] = {}
    first: dict[bool, Capability] = {}
    for capability in sorted(capabilities):
        compiled = first.setdefault(capability >= _NEWER_LLVM, capability)
        if compiled == capability:
            texts[capability] = library.get_asm_str(cc=capability)
        else:
            before, here = (f".target sm_{major}{minor}" for major, minor in (compiled, capability))
            texts[capability] = texts[compiled].replace(before, here, 1)
    return texts


def fusible_instructions(text: str) -> list[str]:
    """The products and sums in the assembly text of a kernel that the assembler may fuse: they name no rounding."""
    return re.findall(r"^\s+(?:@!?%p\d+\s+)?((?:mul|add|sub)(?:\.ftz)?(?:\.sat)?\.f32)\s", text, re.MULTILINE)


def _numbers(pattern: str, text: str) -> list[int]:
    return [int(number) for number in re.findall(pattern, text)]
