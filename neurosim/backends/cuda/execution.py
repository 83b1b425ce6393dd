"""Running and compiling the kernels of a generated module in this process."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
import numpy as np
from numba.core.errors import NumbaError
from numpy.typing import NDArray

from neurosim.backends.cache import load_generated
from neurosim.backends.cuda.target import Capability, check_compiler, compile_ptx, find_device, launch, simulated

SIMULATOR = "the CUDA simulator"
# An instruction that is not a directive: its name and its operands.
_WIDE = re.compile(r"^\s+(?:@!?%p\d+\s+)?([a-z]\S*\.f64\S*)\s+(.*);", re.MULTILINE)
# 2**-64 pi / 2: where sin, cos and tan of float32 in CUDA's own library reduce a large argument.
_REDUCTION = "0d3BF921FB54442D19"


@dataclass(frozen=True)
class Launch:
    """One kernel, its arguments, and the results that it fills, in their initial state."""

    role: str
    kernel: str
    arguments: list[NDArray[Any]]
    results: NDArray[np.float32]


@dataclass(frozen=True)
class Job:
    """A generated module and the tasks for its kernels; `stem` is for people who look into the cache."""

    stem: str
    text: str
    launches: list[Launch]


@dataclass(frozen=True)
class Failure:
    """A failure of the kernel of a role.

    Attributes
    ----------
    role : str
        The role of the kernel.
    cause : str
        One line; empty if the compiler refused it, whose message is pages long and in its own terms.
    lines : list of int
        The lines of the module's text that led to it.
    refused : bool
        Whether it failed already in compilation.
    """

    role: str
    cause: str
    lines: list[int]
    refused: bool


@dataclass(frozen=True)
class Outcome:
    """The outcome of a job: the results of its launches or of its compilation, or the first failure."""

    where: str = ""
    results: list[NDArray[np.float32]] = field(default_factory=list)
    wide: list[str] = field(default_factory=list)
    failure: Failure | None = None


def run(jobs: Iterable[Job]) -> list[Outcome]:
    """Launch every kernel of every job in this process; raises BackendError without a GPU and the simulator."""
    where = SIMULATOR if simulated() else find_device().name
    return [_run(job, where) for job in jobs]


def _run(job: Job, where: str) -> Outcome:
    module = load_generated(job.stem, job.text)
    results = []
    for entry in job.launches:
        try:
            results.append(launch(getattr(module, entry.kernel), entry.arguments, entry.results))
        except Exception as error:  # anything that a formula can raise when it is compiled or run
            return Outcome(where, failure=_failure(entry, module, error))
    return Outcome(where, results)


def compile_all(jobs: Iterable[Job], capabilities: Sequence[Capability]) -> list[Outcome]:
    """Compile every kernel of every job for GPUs of these capabilities; raises BackendError without libNVVM."""
    check_compiler()
    return [_compile(job, capabilities) for job in jobs]


def _compile(job: Job, capabilities: Sequence[Capability]) -> Outcome:
    module = load_generated(job.stem, job.text)
    instructions: dict[str, None] = {}
    for entry in job.launches:
        types = [numba.typeof(array) for array in (*entry.arguments, entry.results)]
        for major, minor in capabilities:
            try:
                text = compile_ptx(getattr(module, entry.kernel), types, (major, minor))
            except Exception as error:
                return Outcome(failure=replace(_failure(entry, module, error), refused=True))
            instructions |= {f"{entry.role}: {instruction}": None for instruction in wide_instructions(text)}
    return Outcome(wide=list(instructions))


def wide_instructions(text: str) -> list[str]:
    """The float64 instructions in the assembly text of a kernel.

    Three instructions in CUDA's own sin, cos and tan of float32 are left out; they are reached only by arguments above
    100,000.
    """
    wide = [(name, re.split(r",\s*", operands)) for name, operands in _WIDE.findall(text)]
    reductions = [operands for _, operands in wide if _REDUCTION in operands]
    before, after = {operands[1] for operands in reductions}, {operands[0] for operands in reductions}
    return [
        name
        for name, operands in wide
        if not (
            _REDUCTION in operands
            or (name == "cvt.rn.f64.s64" and operands[0] in before)
            or (name == "cvt.rn.f32.f64" and operands[1] in after)
        )
    ]


def _failure(entry: Launch, module: ModuleType, error: Exception) -> Failure:
    file = str(module.__file__)
    lines = [frame.lineno or 0 for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if isinstance(error, NumbaError):
        # The compiler's message contains the lines, with a path that it may have shortened.
        lines = [int(line) for line in re.findall(rf'File "[^"]*{re.escape(Path(file).name)}", line (\d+)', str(error))]
        return Failure(entry.role, "", lines, refused=True)
    # The simulator prefixes the message with the thread.
    said = re.sub(r"^tid=\[.*?\] ctaid=\[.*?\](: )?", "", str(error)).strip().partition("\n")[0]
    return Failure(entry.role, ": ".join(part for part in (type(error).__name__, said) if part), lines, refused=False)
