"""The compiled CPU engine: float32, whole epochs without Python, the same bits for any number of threads.

Read in this order: `table`, `stages` and `plan` (a network as a table of stages, each kind of layer in a module of
its own), `engine` (the loop over it), `cutting`, `blocks`, `vector_stages` (what is done to vectors, with `products`,
`large_products`, `product_tiles`, `vector_norms` and `masks`), `maps`, `map_stages` (what is done to feature maps,
with `conv2d`, `map_tiles`, `pools`, `map_norms`, `map_lines` and `map_updates`), `gathering`, `losses`, `updates` and
`clipping` (what comes before and after), `memory` and `vectors` (what all of it is made of), `templates`, the modules
of templates for each kind of record, and `kernels` (the compiled forms of activations, losses and optimizers),
`backend` (the object that owns the buffers). `lanes` (with `lane_stages`, `lane_sums`, `lane_products`), `groups` and
`ensembles` train many small networks side by side; `alone` (with `row_products`) is for one by itself, and
`large_batches` (with `samples`) for batches of hundreds of rows through one. `jit`, `linking`, `quick_flags` and
`kernel_cache` are how all of it is compiled.
"""

# First, since it loads Numba.
from neurosim.backends import own_numba  # noqa: F401
