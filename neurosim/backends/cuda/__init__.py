"""The CUDA backend: the same formulas in float32, on an NVIDIA GPU or in Numba's simulator.

Numba's CUDA target is a separate package (numba-cuda) that few machines need, so nothing here is imported before CUDA
is requested, and `target` is the only module that imports it.

The engine, in reading order:

* `kernels`: the code that runs on the GPU, written to be read; `blanks` are the names that are filled in.
* `fields`, `table`, `stages` (a module for each kind of layer), `layout`: a network as numbers, and a training
  step as a list of phases.
* `generation`, `modules`: the kernels' text with the formulas of one network filled in.
* `target`, `toolkit`, `kernel_cache`: the GPU and its compiler, and what it has compiled, kept for other processes.
* `device`, `launches`, `graphs`: memory, launches, and launches recorded once and replayed.
* `strategy`: which of three ways to train: one block of threads per network, one launch per epoch,
  or one launch per phase. `networks` is the first of them, for one network or thousands.
* `backend`: all of it behind the interface of every backend; `ensemble`: many networks at once.

Beside it: `formula_runs` runs every formula of a record over many cases (`formula_kernels`,
`execution` and `helper` the launches, here or in a process where the simulator can be switched on);
`ladder` and `vector_loads` make the products of `kernels.products`, and `probes` measures what the
GPU and a launch can do: all for the benchmark. `resources` compiles for GPUs that are not present,
`machine_code` counts what came out, and `model` predicts from such counts how long a step takes;
`simulator` and `simulated_math` make the simulator behave like a GPU.
"""

# First, since it loads Numba.
from neurosim.backends.own_numba import load_array_functions

load_array_functions()
