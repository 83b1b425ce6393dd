"""CUDA: the same formulas in float32, on an NVIDIA GPU or in the simulator of Numba.

Numba's CUDA target comes as a package of its own (numba-cuda) that few machines need, so nothing
here is imported before CUDA is asked for, and `target` is the one module that imports it.

Read in this order: `target` (what there is on this machine, and how functions are compiled for it),
`templates` (the text of a module of kernels around translated formulas), `execution` (launches and
compilations of such a module), `helper` (the same in a process of its own, where the simulator can
be switched on), `formulas` (every formula of a record over many cases). `simulator` and
`simulated_math` make the simulator behave as a GPU does.
"""
