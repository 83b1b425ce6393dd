"""An epoch of a stack of dense layers in one launch, with weights that stay where they are used.

What it computes. As `persistent`, for networks of at least two dense layers, one after the other, of which the last
one is narrow.

How. A block owns some units of each layer: their weights, biases and optimizer state are in its shared memory for the
whole launch, and it alone computes with them. In the middle of a step blocks tell each other what their units put out,
and the gradients of it; they meet at a barrier (see `grid_barrier`) before they read that:

    forward    each hidden layer in turn: the block's units, for all rows                      a barrier after each
    last       all blocks alike: outputs, loss and its gradient, and that of the units of the layer below
    backward   the other hidden layers, from the last but one down: gradients of the block's units       between them
    learn      the weights of the block's units

With L layers that is 2 L - 3 barriers, three for three layers, and two for two. After learning there is none: a block
that has learned begins the next step. The last layer, which all blocks need (it is learned by blocks with nothing else
to learn, if there are any), and copies of those weights that lead from a block's units into units of others, are in
the GPU's memory.

Where the bytes go. Each block reads the outputs of each layer once forward and once to learn, and the gradients of each
layer once: that is most of what a step takes. It does so while it computes: numbers for products are copied into shared
memory DEPTH terms at a time, RING - 1 of these pieces ahead (see `async_copies`), and those of the next batch are
fetched during this one. They are stored twice, for neighboring threads to find neighboring numbers: for products over
units with the rows of the batch next to each other ("tall"), for gradients of weights with the units ("flat").

Launch geometry. BLOCKS blocks, all at once; THREADS threads each. In products a thread has a row of the batch, of
ROWS, and of the block's units each that is COLUMNS further on; for gradients of weights it has four inputs at a time,
and all of the block's units. Each sum is added up by one thread from first to last.
"""

from neurosim.backends.cuda.blanks import (
    KEPT_NUMBERS,
    LAST_NUMBERS,
    MEETINGS,
    OUTGOING_NUMBERS,
    OWN_NUMBERS,
    OWN_SLOTS,
    PIECES,
    POOL_NUMBERS,
    bring_home,
    run_resident_step,
    take_along,
)
from neurosim.backends.cuda.kernels.common import meet
from neurosim.backends.cuda.kernels.resident_places import TWO_STARTS, clear_shared, fetch, put
from neurosim.backends.cuda.target import cuda, float32, jit


@jit
def train_resident(
    batch, begin, end, shifted, features, values, classes, scaling, order, numbers, weights, state, work, fours, keys,
    constants, measures, counter
):  # fmt: skip
    """Train one epoch, as `persistent.train_epoch` does; sums of the first layer begin with the shift if `shifted`.

    `fours` is `work`, in fours.
    """
    own = cuda.shared.array(OWN_NUMBERS, float32, alignment=16)
    own_state = cuda.shared.array((OWN_SLOTS, OWN_NUMBERS), float32, alignment=16)
    kept = cuda.shared.array(KEPT_NUMBERS, float32, alignment=16)
    pool = cuda.shared.array(POOL_NUMBERS, float32, alignment=16)
    outgoing = cuda.shared.array(OUTGOING_NUMBERS, float32, alignment=16)
    last = cuda.shared.array(LAST_NUMBERS, float32, alignment=16)
    starts = cuda.shared.array(TWO_STARTS, float32)
    ahead = cuda.local.array(PIECES, float32)
    near = (own, own_state, kept, pool, outgoing, last, starts)
    net = (numbers, weights, state, work, fours, keys)
    data = (features, values, classes, order, scaling)
    # In the place of units that a block has room for, but there are none.
    clear_shared(own, OWN_NUMBERS)
    clear_shared(kept, KEPT_NUMBERS)
    clear_shared(outgoing, OUTGOING_NUMBERS)
    cuda.syncthreads()
    take_along(net, near)
    fetch(data, ahead, begin, min(batch, end - begin))
    put(work, ahead, min(batch, end - begin), 0)
    meet(counter, 1)
    for step in range((end - begin + batch - 1) // batch):
        first = begin + step * batch
        rows = min(batch, end - first)
        coming = min(batch, end - first - rows)
        learner = (constants, step, shifted)
        run_resident_step(net, near, data, rows, first, coming, learner, measures, ahead, counter, 1 + step * MEETINGS)
    cuda.syncthreads()
    bring_home(net, near)
