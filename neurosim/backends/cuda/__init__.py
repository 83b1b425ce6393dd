"""The CUDA backend: the same formulas in float32, on an NVIDIA GPU or in Numba's simulator.

Numba's CUDA target is a separate package (numba-cuda) that few machines need, so nothing here is imported before CUDA
is requested, and `target` is the only module that imports it.

The engine, in reading order:

* `kernels`: the code that runs on the GPU, written to be read; `blanks` are the names that are filled in.
* `fields`, `table`, `stages` (a module for each kind of layer), `layout`: a network as numbers, and a training
  step as a list of phases.
* `generation`, `modules`: the kernels' text with the formulas of one network filled in.
* `target`, `toolkit`, `kernel_cache`: the GPU and its compiler, and what it has compiled, kept for other processes.
* `rounding`, `functions`: how numbers are rounded, and exp, log and so on: as on the CPU.
* `grid_barrier`, `async_copies`: how the blocks of a launch wait for one another, and copy ahead.
* `device`, `launches`, `graphs`: memory, launches, and launches recorded once and replayed.
* `strategy`: which of four ways to train: a team of threads within a single block for each network; one launch per
  epoch, with weights that stay in the shared memory of the blocks that own them, or with all in the GPU's memory; or
  one launch per phase. `networks` is the first of them, for one network or thousands; `teams` says how many threads
  each has, and what its kernel is told. `resident`, `resident_launches` are the second.
* `backend`: all of it behind the interface of every backend; `ensemble`: many networks at once.

Bits. What is trained is meant to have the bits of the CPU engine: each number of a product is one sum from first to
last, with one fused multiply-add a term, and nothing else is fused; other sums are taken in the order of the engine,
and exp, log, tanh and erf are the engine's own. Where that would cost a GPU too much, it is not so: functions that the
CPU computes in float64 (sin, pow and others), the length of a gradient (``clip_norm``), optimizers that look at whole
arrays, and what activations learn. The losses that are reported are added up in another order.

Beside it: `formula_runs` runs every formula of a record over many cases (`formula_kernels`,
`execution` and `helper` the launches, here or in a process where the simulator can be switched on);
`ladder` and `vector_loads` make the products of `kernels.products`, and `probes` measures what the
GPU and a launch can do: all for the benchmark. `resources` compiles for GPUs that are not present,
`machine_code` and `machine_steps` count what came out, and `model`, `small_model` and `resident_model` predict from
such counts how long a step takes;
`simulator` and `simulated_math` make the simulator behave like a GPU.
"""

# First, since it loads Numba.
from neurosim.backends.own_numba import load_array_functions

load_array_functions()
