"""An epoch in one launch: the blocks stay on the GPU and meet at barriers across the grid.

What it computes. Every step of one epoch of one network (see `phases`): for a network of L dense layers, 2 L + 1
phases per step, each followed by a barrier.

Launch geometry. A cooperative launch: no more blocks than fit on the GPU at once, since a waiting block must not keep
another from starting; THREADS threads each. The tiles of every phase are distributed over the blocks.

Where the bytes go. Data set, parameters and optimizer state are in the GPU's memory and, if they fit, as those of an
MLP on MNIST do, in its level-2 cache; activations and gradients of a batch never leave it. Only the measures go to the
host, after the epoch. Beyond its arithmetic, a step costs only the barriers, a microsecond or so each, whereas
launches would cost several times that.
"""

from neurosim.backends.cuda.kernels.common import meet
from neurosim.backends.cuda.kernels.phases import run_phase
from neurosim.backends.cuda.target import cuda, jit


@jit
def train_epoch(
    program, stages, loss, batch, begin, end, features, values, classes, scaling, order, numbers, weights, state,
    gradient, work, keys, constants, measures, counter
):  # fmt: skip
    """Train one epoch: the rows `order` of the data set, `batch` at a time; `constants` (steps, n).

    Only the rows at positions from `begin` to before `end` of the order. Blocks meet by `counter`, which is 0.
    """
    net = (stages, numbers, weights, work, keys)
    data = (features, values, classes, order, scaling)
    learner = (state, gradient, constants)
    team = (cuda.blockIdx.x, cuda.gridDim.x)
    for step in range((end - begin + batch - 1) // batch):
        first = begin + step * batch
        rows = min(batch, end - first)
        for p in range(program.shape[0]):
            kind, s = program[p, 0], program[p, 1]
            run_phase(kind, s, net, data, loss, rows, first, learner, step, 1, measures, team)
            meet(counter, step * program.shape[0] + p + 1)
