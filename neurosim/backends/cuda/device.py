"""The contents of the GPU's memory, and launching kernels on it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numba.core.errors import NumbaError
from numpy.typing import NDArray

from neurosim.backends.cuda.target import ROOM, cuda, driver_errors_in_words, simulated
from neurosim.backends.refusals import refusal
from neurosim.data.rows import Rows
from neurosim.errors import BackendError, DataError

# The simulator's threads wait for one another by polling, so each should yield often.
SWITCH_SECONDS = 5e-5
# Bytes for which there is room on any GPU that works.
LITTLE = 2**20


def free_bytes() -> int | None:
    """Free memory of the GPU; None in the simulator."""
    return None if simulated() else int(cuda.current_context().get_memory_info()[0])


def check_room(asked: int, free: Callable[[], int | None] = free_bytes) -> None:
    """Raise DataError if `asked` bytes are more than are free; little is given without asking the driver."""
    if asked < LITTLE:
        return
    room = free()
    if room is not None and asked > room and not simulated():
        # What nobody needs any more is given back at the driver's leisure.
        cuda.current_context().deallocations.clear()
        room = free()
    if room is not None and asked > room:
        raise DataError(
            f"the GPU has no room for this: {asked:,} bytes asked, {room:,} free",
            ROOM,
        )


@contextmanager
def _simulation() -> Iterator[None]:
    """Settings while the simulator runs a kernel."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        with warnings.catch_warnings():
            # Its threads have their own settings, which np.errstate does not affect.
            warnings.simplefilter("ignore", RuntimeWarning)
            yield
    finally:
        sys.setswitchinterval(before)


# The name under which a generated module stores the origin of its text.
GENERATED = "__neurosim_generated__"
# Where launches go: the default stream, or the builder of a graph.
_DEFAULT_STREAM = 0
_streams: list[Any] = [_DEFAULT_STREAM]


@contextmanager
def launching_into(stream: Any) -> Iterator[None]:
    """Send launches to a stream or to the builder of a graph."""
    _streams.append(stream)
    try:
        yield
    finally:
        _streams.pop()


def call(kernel: Any, blocks: int, threads: int, *arguments: Any) -> None:
    """Launch a kernel; the host does not wait for it."""
    if simulated():
        with _simulation():
            kernel[blocks, threads](*arguments)
        return
    with warnings.catch_warnings():
        # A small network does not fill a GPU, and need not.
        warnings.filterwarnings("ignore", message="Grid size")
        with _errors_in_words(kernel):
            kernel[blocks, threads, _streams[-1]](*arguments)


@contextmanager
def _errors_in_words(kernel: Any) -> Iterator[None]:
    """What can happen when a kernel is compiled and launched: blame the author's line, or the GPU."""
    try:
        with driver_errors_in_words():
            yield
    except NumbaError as error:
        generated = kernel.py_func.__globals__.get(GENERATED)
        if generated is None:
            raise
        raise refusal("a plugin", "the GPU", generated, error) from error


def prepare(kernel: Any, *arguments: Any) -> Any:
    """The kernel compiled for arguments like these, or loaded if it has been compiled before."""
    if simulated():
        return None
    types = tuple(kernel.typeof_pyval(argument) for argument in arguments)
    with _errors_in_words(kernel):
        return kernel.compile(types)


def processors() -> int:
    """Multiprocessors of the GPU; 1 in the simulator."""
    return 1 if simulated() else int(cuda.get_current_device().MULTIPROCESSOR_COUNT)


def copies_asynchronously() -> bool:
    """Whether the GPU has instructions for copies into shared memory that go on meanwhile, as the simulator does."""
    return simulated() or tuple(cuda.get_current_device().compute_capability) >= (8, 0)


def cooperative_blocks(kernel: Any, threads: int, *arguments: Any) -> int:
    """The number of blocks of a kernel with barriers across the grid that fit on the GPU at once."""
    compiled = prepare(kernel, *arguments)
    if compiled is None:
        return 1
    with _errors_in_words(kernel):
        return int(compiled.max_cooperative_grid_blocks(threads))


def call_cooperative(kernel: Any, blocks: int, threads: int, *arguments: Any) -> None:
    """Launch a kernel with barriers across the grid.

    Raises
    ------
    BackendError
        For more than one block in the simulator, which runs blocks one after another.
    """
    if simulated() and blocks > 1:
        raise BackendError(
            f"the CUDA simulator runs blocks one after another, so {blocks} of them cannot meet at a barrier",
            "Use one block.",
        )
    call(kernel, blocks, threads, *arguments)


class Memory:
    """Parameters, optimizer state and gradient of a network on the GPU, and other arrays there."""

    def __init__(self, size: int, slots: int, statistics: int = 0, learned: int | None = None) -> None:
        # The running statistics follow the parameters.
        self.weights = self.empty(size + statistics, np.float32)
        self.state = self.empty((max(slots, 1), size), np.float32)
        # Of the first parameters: what comes behind them is frozen.
        self.gradient = self.empty(size if learned is None else learned, np.float32)

    def upload(self, array: NDArray[Any]) -> Any:
        """A copy on the GPU; empty axes become axes with a single 0."""
        if array.size == 0 and array.ndim > 1:
            array = np.zeros(tuple(max(length, 1) for length in array.shape), array.dtype)
        if array.size == 0:
            return cuda.to_device(np.zeros(0, array.dtype)) if simulated() else cuda.device_array(0, array.dtype)
        check_room(array.nbytes)
        with driver_errors_in_words():
            return cuda.to_device(np.ascontiguousarray(array))

    def empty(self, shape: Any, dtype: Any) -> Any:
        """Uninitialized memory on the GPU."""
        check_room(int(np.prod(shape)) * np.dtype(dtype).itemsize)
        with driver_errors_in_words():
            return cuda.device_array(shape, dtype)

    @staticmethod
    def download(array: Any) -> NDArray[Any]:
        """A copy on the host; waits for the preceding kernels."""
        with driver_errors_in_words():
            copied: NDArray[Any] = array.copy_to_host()
        return copied


@dataclass(frozen=True)
class DeviceRows:
    """Rows of a data set on the GPU: bytes stay bytes."""

    features: Any
    values: Any
    classes: Any
    scaling: Any
    order: Any
    count: int

    @property
    def arrays(self) -> tuple[Any, ...]:
        """Features, values, classes, scaling and order, as every kernel takes them."""
        return self.features, self.values, self.classes, self.scaling, self.order

    def in_order(self, order: Any) -> DeviceRows:
        """The same rows in a different order."""
        return replace(self, order=order)


def scaling(scale: float, shift: float, rows: Rows, first_shift: float = 0.0) -> NDArray[np.float32]:
    """Scale and shift of the features, a shift that sums begin with and, where rows have weights, these behind them."""
    return np.concatenate([np.array([scale, shift, first_shift], np.float32), rows.weights.astype(np.float32)])


def upload_rows(memory: Memory, rows: Rows, *, begin_with_shift: bool = False) -> DeviceRows:
    """Copy rows to the GPU, in their own order; the shift of the features may be what sums begin with."""
    shifts = (0.0, rows, rows.shift) if begin_with_shift else (rows.shift, rows)
    features = rows.features if rows.features.dtype == np.uint8 else rows.features.astype(np.float32)
    return DeviceRows(
        memory.upload(features),
        memory.upload(rows.values.astype(np.float32)),
        memory.upload(rows.classes.astype(np.int32)),
        memory.upload(scaling(rows.scale, *shifts)),
        memory.upload(np.arange(rows.count, dtype=np.int32)),
        rows.count,
    )
