"""What the sums of a first layer begin with, where its inputs are mostly black pixels.

What is computed. Scaled inputs are ``byte * scale + shift``. As in the CPU engine, which skips bytes of 0, a sum has
the terms ``byte * scale``, and begins with what the shift adds to all of them:

    forward    shift * column sums of W
    update     shift * column sums of d

Where the bytes go. W and d are read once more, in whole lines.

Launch geometry. One thread for each column, which adds up its numbers from first to last; it asks for AHEAD of them at
a time, or it would wait for each.
"""

from neurosim.backends.cuda.kernels.common import (
    FIND_STARTS,
    GRADIENT_STARTS,
    INPUTS,
    STARTS,
    UNITS,
    WEIGHT,
    ZERO,
    D,
    first_of,
    stride_of,
)
from neurosim.backends.cuda.target import cuda, float32, inner

AHEAD = 16


@inner
def begin_with_shift(kind, net, data, s, rows, team):
    """What the sums of the dense stage `s`, or those for the gradients of its weights, begin with."""
    stages, _, weights, work, _ = net
    _, _, _, _, scaling = data
    inputs, units = stages[s, INPUTS], stages[s, UNITS]
    if kind == FIND_STARTS:
        find_starts(weights, stages[s, WEIGHT], inputs, units, scaling[2], work, stages[s, STARTS], team)
    else:
        find_starts(work, stages[s, D], rows, units, scaling[2], work, stages[s, GRADIENT_STARTS], team)


@inner
def find_starts(values, at, rows, columns, shift, out, place, team):
    """`shift` times the sum of each column of `values` (rows, columns), from `at` on, into `out` from `place` on."""
    ahead = cuda.local.array(AHEAD, float32)
    for column in range(first_of(team), columns, stride_of(team)):
        total = ZERO
        for row in range(0, rows, AHEAD):
            for k in range(AHEAD):
                ahead[k] = values[at + (row + k) * columns + column] if row + k < rows else ZERO
            for k in range(AHEAD):
                total += ahead[k]
        out[place + column] = total * shift + ZERO
