"""Each phase in its own launch: for networks of any size, for evaluation, and for single steps.

What they compute. One phase of a program (see `phases`) for the batch at the `cursor` in the GPU's
memory, (first row, rows, step), which `advance` moves on: so the launches of a step are the same for
every step, and can be recorded once as a CUDA graph and replayed.

Launch geometry. One block for each tile of the product, or enough blocks for one thread for each number or row;
THREADS threads each. If there are not enough, the work wraps around.

Where the bytes go. As in `phases`; between two launches everything is in the GPU's memory. For wide layers the
products take far longer than the launches.
"""

from neurosim.backends.cuda.kernels.phases import run_phase
from neurosim.backends.cuda.target import cuda, jit

FIRST, COUNT, STEP = range(3)


@jit
def run(
    kind, s, cursor, stages, loss, features, values, classes, scaling, order, numbers, weights, state, gradient, work,
    keys, constants, measures, learning
):  # fmt: skip
    """A phase of this `kind` for stage `s`; with `learning` other than 0 the parameters change."""
    net = (stages, numbers, weights, work, keys)
    data = (features, values, classes, order, scaling)
    learner = (state, gradient, constants)
    team = (cuda.blockIdx.x, cuda.gridDim.x)
    first, rows, step = cursor[FIRST], cursor[COUNT], cursor[STEP]
    run_phase(kind, s, net, data, loss, rows, first, learner, step, learning, measures, team)


@jit
def advance(cursor, batch, count):
    """Move on to the next batch of `count` rows in all; one thread."""
    cursor[FIRST] += cursor[COUNT]
    cursor[COUNT] = min(batch, count - cursor[FIRST])
    cursor[STEP] += 1
