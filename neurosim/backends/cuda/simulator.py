"""Repairs of Numba's CUDA simulator, so that a kernel that passes in it deserves to.

Unrepaired, each thread of a block may get its own shared array (the array is looked up and created without a lock), a
block sees what the previous one left in shared memory, and uninitialized memory is often zero. `repair` gives the
threads of a block the same array, and fills new ones, shared or local, with bytes of all ones: NaN in floats, -1 in
integers. An `alignment`, which the simulator refuses, is ignored. Unrepaired, one thread asks over and over whether the
others have come to a barrier, and keeps them from getting there; here it sleeps until they have.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np
from numba.cuda.simulator import kernel, kernelapi

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


class _Thread(kernel.BlockThread):
    """A thread that says when it waits at a barrier or has ended."""

    ended = False

    def run(self) -> None:
        super().run()
        self.ended = True
        self._manager.one_settled(failed=self.exception is not None)

    def syncthreads(self) -> None:
        self._check_abort()
        self._manager.one_settled()
        self.syncthreads_event.wait()
        self.syncthreads_event.clear()
        self._check_abort()

    def _check_abort(self) -> None:
        if self.abort:
            raise RuntimeError("another thread of the block has failed")


class _Block(kernel.BlockManager):
    """Runs the threads of a block from barrier to barrier, and sleeps meanwhile."""

    def run(self, grid_point: Any, *args: Any) -> None:
        self._lock, self._settled = threading.Lock(), threading.Semaphore(0)
        places = np.ndindex(*self._block_dim)
        threads = [_Thread(lambda: self._f(*args), self, grid_point, place, self._debug) for place in places]
        self._running = len(threads)
        for thread in threads:
            thread.start()
        while threads:
            self._settled.acquire()
            failed = next((thread.exception for thread in threads if thread.exception), None)
            if failed is not None:
                for thread in threads:
                    thread.abort = True
                    thread.syncthreads_event.set()
                raise failed[0].with_traceback(failed[1])
            threads = [thread for thread in threads if not thread.ended]
            self._running = len(threads)
            for thread in threads:
                thread.syncthreads_event.set()

    def one_settled(self, *, failed: bool = False) -> None:
        """A thread waits or has ended; the last one wakes the block, and so does one that has failed."""
        with self._lock:
            self._running -= 1
            if failed or self._running == 0:
                self._settled.release()


def repair() -> None:
    """Repair the simulator of this process permanently; a second call changes nothing."""
    kernelapi.FakeCUDAShared = _Shared
    kernelapi.FakeCUDALocal = _Local
    kernel.BlockManager = _Block
