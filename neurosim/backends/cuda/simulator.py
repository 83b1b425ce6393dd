"""Repairs of Numba's CUDA simulator, so that a kernel that passes in it deserves to.

As it comes, each thread of a block may get a shared array of its own (it looks for the array and
makes it without a lock), a block finds what the one before has left in shared memory, and memory
that nobody has written to is often zero. `repair` gives the threads of a block the same array, and
fills new ones, shared or local, with bytes of ones: NaN in floats, -1 in integers. An `alignment`,
which the simulator refuses, is passed over.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np
from numba.cuda.simulator import kernelapi

_LOCK = threading.Lock()
_ONES = 0xFF


def _numpy_type(dtype: Any) -> Any:
    return kernelapi.numpy_support.as_dtype(dtype) if isinstance(dtype, kernelapi.types.Type) else np.dtype(dtype)


def _unset(shape: Any, dtype: Any) -> Any:
    """An array in which nothing has been written yet."""
    array = np.empty(shape, _numpy_type(dtype))
    array.reshape(-1).view(np.uint8)[:] = _ONES
    return array


class _Shared(kernelapi.FakeCUDAShared):
    """``cuda.shared``: one array for all threads of a block, by the place in the code that asks for it."""

    def __init__(self, dynshared_size: int) -> None:
        super().__init__(dynshared_size)
        self._block: tuple[int, ...] = ()

    def array(self, shape: Any, dtype: Any, alignment: int | None = None) -> Any:
        frame = sys._getframe(1)
        place = (frame.f_code, frame.f_lasti)
        block = tuple(threading.current_thread().blockIdx)  # type: ignore[attr-defined]
        with _LOCK:
            if block != self._block:  # blocks run one after the other, and none sees what another has left
                self._block = block
                self._allocations.clear()
                self._dynshared.view(np.uint8)[:] = _ONES
            if shape == 0:  # the part whose size the launch gives
                return super().array(shape, _numpy_type(dtype))
            if place not in self._allocations:
                self._allocations[place] = _unset(shape, dtype)
            return self._allocations[place]


class _Local(kernelapi.FakeCUDALocal):
    """``cuda.local``: an array for each thread."""

    def array(self, shape: Any, dtype: Any, alignment: int | None = None) -> Any:
        return _unset(shape, dtype)


def repair() -> None:
    """Mend the simulator of this process, for good; a second time changes nothing."""
    kernelapi.FakeCUDAShared = _Shared
    kernelapi.FakeCUDALocal = _Local
