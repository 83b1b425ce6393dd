"""Complete training in one launch: one block of threads for each of many networks.

What it computes. Every epoch, batch and step of networks that differ in their seed: shuffle, forward,
loss, backward, update (see `phases`). The networks' parameters are (networks, size), their optimizer
state (networks, slots, size); loss and right answer of each row of the present epoch are their measures,
(networks, rows, 2).

Launch geometry. As many blocks as networks, THREADS threads each; block b trains network b and never looks at another
one. So thousands train at once, and the threads of a block wait for one another only by `syncthreads`, which costs
tens of nanoseconds, whereas a launch costs microseconds.

Where the bytes go. A network of a few hundred parameters, its work space and its few rows of data
stay in the cache closest to its block; only the initial values, the measures and the result go through memory.
"""

from neurosim.backends.cuda.kernels.common import GOLDEN, S32, ZERO, mix64, np
from neurosim.backends.cuda.kernels.phases import run_phase
from neurosim.backends.cuda.target import cuda, inner, jit


@jit
def train_networks(
    program, stages, loss, batch, epochs, first_epoch, begin, end, features, values, classes, scaling, order, shuffles,
    numbers, weights, state, gradient, work, keys, constants, measures, totals
):  # fmt: skip
    """Train `epochs` epochs of every network; sums of loss and right answers go to `totals` (networks, epochs, 2).

    Of each epoch only the rows at positions from `begin` to before `end` of its order.
    `features` (members, rows, inputs) and `values`, `classes`, `scaling` likewise have one member for each network,
    or one that all share; `shuffles` (networks,) is the key of the order of rows, empty for no shuffle;
    `keys` (networks, dropouts, 2) are those of the masks before and after the epoch is folded in;
    `constants` (steps, n) are the optimizer's for every step of all epochs.
    """
    network = cuda.blockIdx.x
    member = network if features.shape[0] > 1 else 0
    net = (stages, numbers, weights[network], work[network], keys[network, :, 1])
    data = (features[member], values[member], classes[member], order[network], scaling[member])
    learner = (state[network], gradient[network], constants)
    team = (0, 1)
    step = 0
    for epoch in range(epochs):
        if cuda.threadIdx.x == 0:
            if shuffles.shape[0] > 0:
                fill_permutation(fold(shuffles[network], first_epoch + epoch), order[network])
            for k in range(keys.shape[1]):
                keys[network, k, 1] = fold(keys[network, k, 0], first_epoch + epoch)
        cuda.syncthreads()
        for first in range(begin, end, batch):
            count = min(batch, end - first)
            for p in range(program.shape[0]):
                kind, s = program[p, 0], program[p, 1]
                run_phase(kind, s, net, data, loss, count, first, learner, step, 1, measures[network], team)
                cuda.syncthreads()
            step += 1
        if cuda.threadIdx.x < 2:
            totals[network, epoch, cuda.threadIdx.x] = exact_sum(measures[network, begin:end], cuda.threadIdx.x)
        cuda.syncthreads()


@inner
def exact_sum(measures, column):
    """The sum of a column, with the rounding error of each addition compensated in the next (Kahan 1965)."""
    total, error = ZERO, ZERO
    for row in range(measures.shape[0]):
        term = measures[row, column] - error
        grown = total + term
        error = (grown - total) - term
        total = grown
    return total


@inner
def fold(state, word):
    """The key of a purpose that has one more word than the purpose of the key `state`."""
    return mix64((state ^ np.uint64(word)) + GOLDEN)


@inner
def fill_permutation(key, order):
    """Fill `order` with the permutation of its indices for `key`: Fisher and Yates, one thread."""
    for k in range(order.shape[0]):
        order[k] = k
    for last in range(order.shape[0] - 1, 0, -1):
        word = mix64(key + np.uint64(last + 1) * GOLDEN)
        other = np.int64(((word >> S32) * np.uint64(last + 1)) >> S32)
        kept = order[last]
        order[last] = order[other]
        order[other] = kept
