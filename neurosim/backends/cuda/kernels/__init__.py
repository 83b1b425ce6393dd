"""The CUDA kernels, as text to read and to fill in: see `neurosim.backends.cuda.blanks`.

* `common`: tiles of a product, random numbers, what happens to a single unit.
* `phases`: the pieces of a training step, each for all blocks of threads together: weighted sums,
  loss, gradients, updates. With what follows, everything that computes is here.
* `conv2d`, `pools`, `norms`, `layers`: the phases of layers other than dense ones and dropout.
* `single_block`: a whole training in one launch, one block of threads per network.
* `persistent`: an epoch per launch, the whole GPU on one network, barriers across the grid.
* `separate`: each phase a launch of its own, for networks of any size.
* `products`: one product of matrices four times over, each way quicker than the one before.

`single_block`, `persistent` and `separate` differ in how the phases of a step wait for one another,
and in nothing else.
"""
