"""The CUDA support of this machine; the only module that imports numba.cuda.

Importing it raises `BackendError` if Numba has no CUDA target. With ``NUMBA_ENABLE_CUDASIM=1`` set before Numba is
imported, everything here runs in the simulator: kernels are Python, each thread of a block is a Python thread.
"""

from __future__ import annotations

import functools
import importlib
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from neurosim.backends.cuda import toolkit
from neurosim.backends.cuda.kernel_cache import kept_between_processes
from neurosim.backends.cuda.rounding import compiled_as_written, link_options
from neurosim.errors import BackendError, DataError, NeurosimError
from neurosim.process.interruption import deferred

INSTALL = 'pip install "neurosim-edu[cuda13]", or [cuda12] for a driver of CUDA 12; nvidia-smi shows which it is'
TOOLKIT = f"{INSTALL}. Or set CUDA_HOME to the folder of an installed toolkit."

try:
    from numba import cuda, float32, int32  # noqa: F401 (the types are for generated modules)
except ImportError as error:
    raise BackendError("numba has no CUDA target here", INSTALL) from error

# Options that only the compiler for a GPU understands.
GPU_KEYWORDS = frozenset({"forceinline", "launch_bounds", "lineinfo", "lto", "max_registers", "shared_memory_carveout"})
THREADS_PER_BLOCK = 128
Capability = tuple[int, int]
# Of GPUs that every toolkit in use can compile for.
_LEAST: Capability = (7, 5)


@dataclass(frozen=True)
class Device:
    """A usable GPU: its name, and its compute capability, such as (9, 0)."""

    name: str
    capability: Capability


ROOM = 'Use a smaller batch_size or network, or backend="cpu"; nvidia-smi shows what else is on the GPU.'
_FULL = "the memory of the GPU is full"
# The classes of errors that come from the driver: those of numba-cuda and of cuda.core, which need not be there.
_DRIVER_ERRORS = frozenset({"CudaAPIError", "CUDAError"})


@contextmanager
def driver_errors_in_words() -> Iterator[None]:
    """Raise `BackendError` for what the driver reports, `DataError` for memory that is full."""
    try:
        yield
    except Exception as error:
        if _DRIVER_ERRORS.isdisjoint(entry.__name__ for entry in type(error).__mro__):
            raise
        # Numba says the number of the error in front of its name.
        said = " ".join(str(getattr(error, "msg", error)).split())
        if "OUT_OF_MEMORY" in said:
            raise DataError(_FULL, ROOM) from error
        _leave_what_is_lost()
        raise BackendError(
            f"the GPU has failed: {said}",
            'nvidia-smi shows its state. Try again in a new process, with a smaller batch_size or backend="cpu".',
        ) from error


_for_good = ExitStack()


def _leave_what_is_lost() -> None:
    """If the GPU answers no more, give nothing back to it: Numba would say for each array that it cannot."""
    try:
        cuda.synchronize()
    except Exception:  # of any kind, as before
        with suppress(Exception):
            _for_good.enter_context(cuda.defer_cleanup())


def simulated() -> bool:
    """Whether this process uses the simulator instead of a GPU."""
    # The variable itself may have been set or unset since Numba was imported.
    return str(cuda.jit.__module__).startswith("numba.cuda.simulator")


def find_device() -> Device:
    """The GPU that kernels will run on, for which they can be compiled here.

    Raises
    ------
    BackendError
        Saying what is missing (a driver, a device, a compiler) and what to do about it.
    DataError
        If its memory is full.
    """
    device = present_device()
    check_compiler()
    check_capability(device.capability)
    return device


def present_device() -> Device:
    """The GPU that kernels will run on: all that kernels need that have been compiled before.

    Raises
    ------
    BackendError
        Saying what is missing (a driver, a device) and what to do about it.
    DataError
        If its memory is full.
    """
    if simulated():
        raise BackendError("this process runs the CUDA simulator", "Unset NUMBA_ENABLE_CUDASIM to use the GPU.")
    try:
        device = cuda.get_current_device()
        name, capability = device.name, device.compute_capability
    except Exception as error:  # of several classes, which depend on the version
        raise _no_device(error) from error
    if getattr(cuda, "implementation", None) != "NVIDIA":
        raise BackendError("kernels for a GPU need numba-cuda, which is not installed", INSTALL)
    check_driver()
    return Device(name.decode() if isinstance(name, bytes) else str(name), (capability[0], capability[1]))


def device_words() -> str:
    """The GPU that kernels run on and its compute capability, or "simulator"; raises `BackendError`."""
    if simulated():
        return "simulator"
    device = find_device()
    return f"{device.name}, compute capability {device.capability[0]}.{device.capability[1]}"


def _no_device(error: Exception) -> NeurosimError:
    cause = " ".join(str(error).split())
    if "NO_DEVICE" in cause:
        return BackendError(
            "the NVIDIA driver finds no GPU", "See nvidia-smi, and whether CUDA_VISIBLE_DEVICES hides it."
        )
    if "library cannot be found" in cause:
        return BackendError(
            "there is no NVIDIA driver on this machine",
            'Without an NVIDIA GPU, choose backend="cpu"; with one, install its driver: https://www.nvidia.com/drivers',
        )
    if "OUT_OF_MEMORY" in cause:
        return DataError(_FULL, ROOM)
    return BackendError(f"the GPU cannot be used: {cause}", "See nvidia-smi.")


def check_driver() -> None:
    """Raise `BackendError` if the driver is of a CUDA before that of the toolkit: it cannot run what that compiles."""
    driver = importlib.import_module("numba.cuda.cudadrv.driver").get_version()
    major = int(importlib.import_module("cuda.bindings").__version__.partition(".")[0])
    if driver[0] < major:
        older = f'or a toolkit for this one:  pip install "neurosim-edu[cuda{driver[0]}]"' if driver[0] >= 12 else ""
        raise BackendError(
            f"the NVIDIA driver is for CUDA {driver[0]}.{driver[1]}, and kernels are compiled here for CUDA {major}",
            f"Install a newer driver (https://www.nvidia.com/drivers){', ' if older else '.'}{older}",
        )


@functools.cache
def check_compiler() -> None:
    """Raise `BackendError` unless kernels can be compiled here, which needs no GPU."""
    if simulated():
        raise BackendError("the CUDA simulator compiles nothing", "Unset NUMBA_ENABLE_CUDASIM.")
    toolkit.locate()
    try:
        # Numba may say yes although the library then cannot be loaded.
        cuda.compile(_needs_libdevice, (numba.float32,), cc=_LEAST)
    except Exception as error:  # of a class that depends on what is missing
        cause = str(error).strip().partition("\n")[0]
        raise BackendError(f"libNVVM, the compiler of CUDA kernels, cannot be used: {cause}", TOOLKIT) from error


@functools.cache
def check_capability(capability: Capability) -> None:
    """Raise `BackendError` unless kernels can be compiled for GPUs of this compute capability."""
    try:
        cuda.compile(_needs_libdevice, (numba.float32,), cc=capability)
    except Exception as error:  # of a class that depends on the version
        major, minor = capability
        raise BackendError(
            f"the compiler of CUDA kernels here knows no GPUs of compute capability {major}.{minor}",
            'CUDA 13 is for GPUs from 7.5 on, CUDA 12 for those from 5.0 on too:  pip install "neurosim-edu[cuda12]"',
        ) from error


def _needs_libdevice(x):  # type: ignore[no-untyped-def]
    return math.exp(x)


# How functions are compiled ---------------------------------------------------------------------------------

if simulated():
    from neurosim.backends.cuda import simulator

    simulator.repair()

# CUDA's own functions, by their own names; not in the simulator.
libdevice: Any = None if simulated() else importlib.import_module("numba.cuda.libdevice")


def jit(function: Callable[..., Any] | None = None, *, flushing: bool = False, **options: Any) -> Any:
    """``cuda.jit``; keywords that only the GPU compiler understands are left out in the simulator.

    Numbers are rounded as the kernel says (see `neurosim.backends.cuda.rounding`); with `flushing`, those that are too
    small for a normal float32 count as 0.
    """
    if function is None:
        return functools.partial(jit, flushing=flushing, **options)
    if simulated():
        return cuda.jit(**{key: value for key, value in options.items() if key not in GPU_KEYWORDS})(function)
    # In one call: of a call that only returns a decorator, numba-cuda forgets some options.
    kernel = cuda.jit(function, **link_options(), **options)
    kernel.flushing = flushing
    compile_now = kernel.compile

    def compile_as_written(signature: Any) -> Any:
        with compiled_as_written(flushing=flushing):
            return compile_now(signature)

    kernel.compile = compile_as_written
    return kept_between_processes(kernel, find_device)


# For kernels whose numbers the CPU's engine would flush.
flushing_jit = functools.partial(jit, flushing=True)


def scalar(function: Callable[..., Any]) -> Any:
    """Compile a function of scalars (or of rows) that kernels call."""
    # In the simulator, a call through cuda.jit rewrites the globals of the function each time.
    return function if simulated() else cuda.jit(device=True)(function)


# For functions that kernels share: compiled like a scalar function, but they may ask for their thread.
inner = scalar


def inlined(function: Callable[..., Any]) -> Any:
    """`inner`, for functions that become part of whoever calls them: what is constant there is constant in them."""
    return function if simulated() else cuda.jit(device=True, forceinline=True)(function)


@scalar
def larger(x, y):  # type: ignore[no-untyped-def]
    """``max(x, y)`` as Python and the CPU engine have it, for NaN too."""
    return y if y > x else x


@scalar
def smaller(x, y):  # type: ignore[no-untyped-def]
    """``min(x, y)`` as Python and the CPU engine have it, for NaN too."""
    return y if y < x else x


# Running and compiling --------------------------------------------------------------------------------------


def launch(kernel: Any, arguments: Sequence[NDArray[Any]], results: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run a kernel with one thread for each row of `results`, its last argument; returns them filled.

    The simulator runs all rows on a few threads, since starting a thread takes it a long time; so the kernel must loop
    with a stride of the whole grid.
    """
    threads = 2 if simulated() else THREADS_PER_BLOCK
    blocks = 2 if simulated() else -(-len(results) // threads)
    on_device = [cuda.to_device(array) for array in (*arguments, results)]
    with warnings.catch_warnings():
        # A few cases do not fill a GPU, and need not.
        warnings.filterwarnings("ignore", message="Grid size")
        if simulated():
            # The threads of the simulator have their own settings, which np.errstate does not affect.
            warnings.simplefilter("ignore", RuntimeWarning)
        kernel[blocks, threads](*on_device)
        filled: NDArray[np.float32] = on_device[-1].copy_to_host()
    return filled


def compile_ptx(kernel: Any, types: Sequence[Any], capability: Capability) -> str:
    """The assembly text of a kernel for arguments of the types given; no GPU is needed."""
    rounding = compiled_as_written(flushing=kernel.flushing)
    with deferred() as let_in, _in_place_of_a_device(capability), rounding:
        let_in()
        code, _ = cuda.compile(kernel.py_func, tuple(types), device=False, abi="numba", cc=capability)
    return str(code)


@contextmanager
def lowered(kernel: Any, types: Sequence[Any]) -> Iterator[Any]:
    """numba-cuda's library of a kernel, whose code for any GPU can be asked for inside this; no GPU is needed."""
    compiler: Any = importlib.import_module("numba.cuda.compiler")
    with _in_place_of_a_device(_LEAST), compiled_as_written(flushing=kernel.flushing):
        library, _ = compiler._compile_pyfunc_with_fixup(
            kernel.py_func, tuple(types), device=False, abi="numba", cc=_LEAST
        )
        yield library


@contextmanager
def _in_place_of_a_device(capability: Capability) -> Iterator[None]:
    """Let Numba compile the functions that a kernel calls without a device, although it asks for one."""
    dispatcher: Any = importlib.import_module("numba.cuda.dispatcher")
    before = dispatcher.get_current_device
    dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=capability)
    try:
        yield
    finally:
        dispatcher.get_current_device = before
