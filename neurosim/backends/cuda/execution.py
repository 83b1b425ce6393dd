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
    """One kernel, its arguments, and the results it fills, as they are before."""

    role: str
    kernel: str
    arguments: list[NDArray[Any]]
    results: NDArray[np.float32]


@dataclass(frozen=True)
class Job:
    """A generated module and what to do with its kernels; `stem` is for people who look into the cache."""

    stem: str
    text: str
    launches: list[Launch]


@dataclass(frozen=True)
class Failure:
    """What went wrong with the kernel of a role.

    Attributes
    ----------
    role : str
        Whose kernel it is.
    cause : str
        One line; empty where the compiler refuses it, which goes on for pages in its own terms.
    lines : list of int
        The lines of the module's text that led there.
    refused : bool
        Whether it could not even be compiled.
    """

    role: str
    cause: str
    lines: list[int]
    refused: bool


@dataclass(frozen=True)
class Outcome:
    """What became of a job: the results of its launches or what was compiled, or the first failure."""

    where: str = ""
    results: list[NDArray[np.float32]] = field(default_factory=list)
    wide: list[str] = field(default_factory=list)
    failure: Failure | None = None


def run(jobs: Iterable[Job]) -> list[Outcome]:
    """Launch every kernel of every job, here; raises BackendError where there is neither a GPU nor the simulator."""
    where = SIMULATOR if simulated() else find_device().name
    return [_run(job, where) for job in jobs]


def _run(job: Job, where: str) -> Outcome:
    module = load_generated(job.stem, job.text)
    results = []
    for entry in job.launches:
        try:
            results.append(launch(getattr(module, entry.kernel), entry.arguments, entry.results))
        except Exception as error:  # whatever a formula can raise when it is compiled or run
            return Outcome(where, failure=_failure(entry, module, error))
    return Outcome(where, results)


def compile_all(jobs: Iterable[Job], capabilities: Sequence[Capability]) -> list[Outcome]:
    """Compile every kernel of every job for GPUs of these capabilities; raises BackendError without libNVVM."""
    check_compiler()
    return [_compile(job, capabilities) for job in jobs]


def _compile(job: Job, capabilities: Sequence[Capability]) -> Outcome:
    module = load_generated(job.stem, job.text)
    found: dict[str, None] = {}
    for entry in job.launches:
        types = [numba.typeof(array) for array in (*entry.arguments, entry.results)]
        for major, minor in capabilities:
            try:
                text = compile_ptx(getattr(module, entry.kernel), types, (major, minor))
            except Exception as error:
                return Outcome(failure=replace(_failure(entry, module, error), refused=True))
            found |= {f"{entry.role}: {instruction}": None for instruction in wide_instructions(text)}
    return Outcome(wide=list(found))


def wide_instructions(text: str) -> list[str]:
    """The float64 instructions in the assembly text of a kernel.

    Three that CUDA's own sin, cos and tan of float32 have are left out; they are reached by
    arguments above 100,000 only.
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
        # The compiler tells the lines in its message, with a path that it may have shortened.
        lines = [int(line) for line in re.findall(rf'File "[^"]*{re.escape(Path(file).name)}", line (\d+)', str(error))]
        return Failure(entry.role, "", lines, refused=True)
    # The simulator puts the thread before the message.
    said = re.sub(r"^tid=\[.*?\] ctaid=\[.*?\](: )?", "", str(error)).strip().partition("\n")[0]
    return Failure(entry.role, ": ".join(part for part in (type(error).__name__, said) if part), lines, refused=False)
