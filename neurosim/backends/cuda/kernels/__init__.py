"""The CUDA kernels, as text to be read and filled in: see `neurosim.backends.cuda.blanks`.

* `common`: tiles of a product, random numbers, computations for a single unit.
* `tiles`: the products of dense stages, for all blocks of threads together.
* `sums`: the same for the few threads of a small network.
* `phases`: the pieces of a training step: these products, loss, gradients, updates. Together with the next files,
  these do all the computing.
* `starts`: what the sums of a first layer begin with.
* `clipping`: bounds on the length of the gradient.
* `conv2d`, `pools`, `norms`, `layers`: the phases of layers other than dense ones and dropout.
* `learned`: what activations learn.
* `arrays`: updates by optimizers that look at whole arrays.
* `single_block`: the whole training of small networks in one launch, a team of threads within a block for each.
* `resident`: an epoch per launch of a stack of dense layers, whose weights stay in shared memory; `resident_places`
  says where everything is, and `resident_units` computes, in place of `tiles` and `phases`.
* `persistent`: the same for all other networks, with everything in the GPU's memory.
* `separate`: each phase in its own launch, for networks of any size.
* `products`: one matrix product in four versions, each faster than the one before.

`single_block`, `persistent` and `separate` differ in how the phases of a step wait for one another, and in how products
are divided; in nothing else.
"""
