"""Repairs of Numba's CUDA simulator, so that a kernel that passes in it deserves to.

Unrepaired, each thread of a block may get its own shared array (the array is looked up and created without a lock), a
block sees what the previous one left in shared memory, and uninitialized memory is often zero. `repair` gives the
threads of a block the same array, and fills new ones, shared or local, with bytes of all ones: NaN in floats, -1 in
integers. An `alignment`, which the simulator refuses, is ignored.
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
    """``cuda.shared``: one array for all threads of a block, identified by the place in the code that requests it."""

    def __init__(self, dynshared_size: int) -> None:
        super().__init__(dynshared_size)
        self._block: tuple[int, ...] = ()

    def array(self, shape: Any, dtype: Any, alignment: int | None = None) -> Any:
        frame = sys._getframe(1)
        place = (frame.f_code, frame.f_lasti)
        block = tuple(threading.current_thread().blockIdx)  # type: ignore[attr-defined]
        with _LOCK:
            if block != self._block:  # blocks run one after another, and none sees what another has left
                self._block = block
                self._allocations.clear()
                self._dynshared.view(np.uint8)[:] = _ONES
            if shape == 0:  # the part whose size is set by the launch
                return super().array(shape, _numpy_type(dtype))
            if place not in self._allocations:
                self._allocations[place] = _unset(shape, dtype)
            return self._allocations[place]


class _Local(kernelapi.FakeCUDALocal):
    """``cuda.local``: an array for each thread."""

    def array(self, shape: Any, dtype: Any, alignment: int | None = None) -> Any:
        return _unset(shape, dtype)


def repair() -> None:
    """Repair the simulator of this process permanently; a second call changes nothing."""
    kernelapi.FakeCUDAShared = _Shared
    kernelapi.FakeCUDALocal = _Local
