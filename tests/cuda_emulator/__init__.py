"""A stand-in for an NVIDIA GPU, which runs the real kernels on the processor and watches every access.

Numba's simulator runs kernels as Python. Here they are compiled as for a GPU, by numba-cuda's own type inference and
lowering; only the last step differs, from LLVM's IR to machine code. And they are launched as on a GPU: through
numba-cuda, cuda.core and the functions of the driver, whose place a library of our own takes. What differs from a GPU:
its library of functions (libdevice) is that of the host, and no time is measured. Products and sums are fused, and tiny
numbers count as 0, where the compiler of a GPU would do that with the options that it is given.

* `library` builds that library from the C++ in `driver`, and loads it; `emulator` is what tests call.
* `host_code` makes host code of a kernel's IR, with a call before every access; `numba_hook` brings it to Numba.
* `driver/memory`, `driver/fibres`: the device's memory, and for each word who wrote and read it last; threads.
* `driver/launch`: blocks, barriers, barriers of the grid, and a schedule drawn from a seed: which block goes on, in
  which order its threads run, and how far.
* `driver/checks`, `driver/clocks`, `driver/cache`: races (by barriers, fences and atomics), bounds, alignment, values
  that were never written, and the caches of multiprocessors, which are not coherent.
* `driver/queue`, `driver/api_*`: launches run late or at once; streams, graphs, and the rest of the driver.
* `driver/kernel_calls`, `driver/libdevice`, `driver/control`: what kernels call, and what Python calls.
* `emulated_networks` have every kind of layer, every loss and every strategy in them; the tests beside it train them in
  many schedules, and plant faults in their kernels to see that they are caught.

What it cannot see: an access beyond the part of an array that a kernel should use, but within the array, is only
noticed by its consequences (a race, a value that was never written, other numbers); so is one that hits another array.

``NEUROSIM_TEST_GPU=emulator python -m pytest ...`` makes it the GPU of all tests that are run; each fails if its
kernels do anything wrong.
"""


def start() -> str | None:
    """Make the emulator the GPU of this process; returns what it needs and does not find here, None if all is there."""
    from cuda_emulator import library

    reason = library.missing()
    if reason is None:
        from cuda_emulator import emulator

        emulator.start()
    return reason
