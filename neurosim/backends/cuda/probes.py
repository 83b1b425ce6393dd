"""The properties of a GPU and the overheads of using it, apart from any network: facts, launches, barriers, cuBLAS.

Everything here runs in the simulator too, where the figures mean nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.backends.cuda.device import call, call_cooperative, cooperative_blocks, processors
from neurosim.backends.cuda.grid_barrier import wait_for_blocks
from neurosim.backends.cuda.target import Capability, cuda, find_device, jit, simulated

# float32 multiply-adds that a multiprocessor starts in each clock cycle, by compute capability (CUDA C++ Programming
# Guide, "Arithmetic Instructions"); a major version alone stands for capabilities that are not listed.
_CORES: dict[Capability, int] = {(6, 0): 64, (7, 0): 64, (7, 2): 64, (7, 5): 64, (8, 0): 64}
_CORES_ELSE = 128
BARRIER_THREADS = 256


@dataclass(frozen=True)
class DeviceFacts:
    """A GPU in numbers.

    Attributes
    ----------
    name, capability : str, (int, int)
        Its name and compute capability.
    processors, cores : int
        Multiprocessors, and float32 multiply-adds that each starts per clock cycle.
    clock : float
        Greatest clock rate, in hertz.
    memory : int
        Total bytes.
    """

    name: str
    capability: Capability
    processors: int
    cores: int
    clock: float
    memory: int

    @property
    def peak(self) -> float:
        """float32 operations per second if every core did a multiply-add in every clock cycle."""
        return self.processors * self.cores * 2 * self.clock


def device_facts() -> DeviceFacts:
    """The facts about the GPU that kernels run on; invented in the simulator.

    Raises
    ------
    BackendError
        If there is no GPU, saying what is missing.
    """
    if simulated():
        return DeviceFacts("simulator", (0, 0), 1, 1, 1e9, 0)
    found = find_device()
    device: Any = cuda.get_current_device()
    return DeviceFacts(
        found.name,
        found.capability,
        int(device.MULTIPROCESSOR_COUNT),
        _CORES.get(found.capability, _CORES_ELSE),
        # The driver, and so Numba, reports kilohertz.
        int(device.CLOCK_RATE) * 1e3,
        int(cuda.current_context().get_memory_info()[1]),
    )


def synchronize() -> None:
    """Wait until the GPU has finished all its work."""
    cuda.synchronize()


# Launches -------------------------------------------------------------------------------------------------------


@jit
def _no_arrays():  # type: ignore[no-untyped-def]
    """Does nothing."""


@jit
def _one_array(a):  # type: ignore[no-untyped-def]
    """Does nothing."""


@jit
def _sixteen_arrays(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p):  # type: ignore[no-untyped-def]  # noqa: E741
    """Does nothing."""


_EMPTY = {0: _no_arrays, 1: _one_array, 16: _sixteen_arrays}
LAUNCH_ARRAYS = tuple(_EMPTY)


def empty_launch(arrays: int) -> Callable[[], None]:
    """The launch of a kernel that does nothing, with 0, 1 or 16 arrays as arguments; the host does not wait."""
    kernel = _EMPTY[arrays]
    arguments = [cuda.device_array(1, "float32") for _ in range(arrays)]
    return lambda: call(kernel, 1, 1, *arguments)


# Barriers -------------------------------------------------------------------------------------------------------


@jit
def _meet(times, counter):  # type: ignore[no-untyped-def]
    """All blocks wait for one another repeatedly."""
    for k in range(times):
        cuda.syncthreads()
        if cuda.threadIdx.x == 0:
            wait_for_blocks(counter, k + 1, cuda.gridDim.x)
        cuda.syncthreads()


def barriers(times: int) -> tuple[int, Callable[[], None]]:
    """The number of multiprocessors, and a launch in which a block on each of them meets the others this many times."""
    threads = 2 if simulated() else BARRIER_THREADS
    none = np.zeros(1, np.uint32)
    counter = cuda.to_device(none)
    blocks = min(cooperative_blocks(_meet, threads, times, counter), processors())

    def launch() -> None:
        counter.copy_to_device(none)
        call_cooperative(_meet, blocks, threads, times, counter)

    return blocks, launch


# cuBLAS ---------------------------------------------------------------------------------------------------------


def cublas_product(a: Any, b: Any, c: Any) -> Callable[[], None] | None:
    """A launch of C = A B by NVIDIA's library, in float32; None if CuPy, through which it is called, is missing."""
    if simulated():
        return None
    try:
        cupy = importlib.import_module("cupy")
        # The same memory.
        left, right, out = (cupy.asarray(array) for array in (a, b, c))
    except Exception:  # missing, or made for another version of CUDA: errors of many classes
        return None

    def run() -> None:
        cupy.matmul(left, right, out=out)

    return run


def compilations() -> list[tuple[Any, tuple[Any, ...], bool]]:
    """All kernels here with the types of their arguments, and whether the launch is cooperative."""
    numba_types = importlib.import_module("numba").types
    array = numba_types.float32[::1]
    empty = [(kernel, (array,) * arrays, False) for arrays, kernel in _EMPTY.items()]
    return [*empty, (_meet, (numba_types.int64, numba_types.uint32[::1]), True)]
