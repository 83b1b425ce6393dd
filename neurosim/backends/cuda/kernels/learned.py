"""What activations learn: parameters that a layer has once, or once for each unit of a vector or channel of a map.

What is computed. For each learned parameter p of an activation a = f(z, p), with the gradient d of the outputs:

    dp = sum of d * df/dp over the rows and positions, and over the units too if they share it

How. The products are stored by whatever turns the gradient of an output into that of its weighted sum, where d, z and a
are at hand (`common.through_unit`). Their sums are divided into parts of LEARNED_TERMS positions of one channel, one
thread each; the parts are added up in order when the parameters learn.

Where the bytes go. A product is written once and read once, by neighboring threads in whole lines.

Launch geometry. Any number of blocks. Which terms form a part depends only on LEARNED_TERMS and the rows, so the bits
do not depend on it.
"""

from neurosim.backends.cuda.kernels.common import (
    LEARNED,
    LEARNED_NAMES,
    LEARNED_NUMBERS,
    LEARNED_SLOPES,
    LEARNED_SUMS,
    LEARNED_TERMS,
    LEARNED_WIDTH,
    UNITS,
    ZERO,
    first_of,
    learn_one,
    split,
    stride_of,
)
from neurosim.backends.cuda.target import inner


@inner
def learned_places(stages, s, rows):
    """The positions of all rows of a batch, and the number of parts into which they are divided."""
    places = rows * (stages[s, UNITS] // stages[s, LEARNED_WIDTH])
    return places, (places + stages[s, LEARNED_TERMS] - 1) // stages[s, LEARNED_TERMS]


@inner
def learned_parts(net, s, rows, team):
    """The parts of the gradient of what the activation of stage `s` learns: (parts, channels, names)."""
    stages, _, _, work, _ = net
    slopes, terms = stages[s, LEARNED_SLOPES], stages[s, LEARNED_TERMS]
    row = stages[s, LEARNED_WIDTH] * stages[s, LEARNED_NAMES]
    places, parts = learned_places(stages, s, rows)
    for e in range(first_of(team), parts * row, stride_of(team)):
        part, k = split(e, row)
        total = ZERO
        for place in range(part * terms, min((part + 1) * terms, places)):
            total += work[slopes + place * row + k]
        work[stages[s, LEARNED_SUMS] + e] = total


@inner
def learn_activation(net, s, rows, learner, step, learning, team):
    """Add up the parts of the gradient of each learned number, in order; then it learns."""
    stages, _, _, work, _ = net
    names, numbers, width = stages[s, LEARNED_NAMES], stages[s, LEARNED_NUMBERS], stages[s, LEARNED_WIDTH]
    _, parts = learned_places(stages, s, rows)
    shared = width if numbers == 1 else 1
    for e in range(first_of(team), names * numbers, stride_of(team)):
        k, unit = split(e, numbers)
        g = ZERO
        for part in range(parts):
            total = ZERO
            for channel in range(unit, unit + shared):
                total += work[stages[s, LEARNED_SUMS] + (part * width + channel) * names + k]
            g += total
        learn_one(net, stages[s, LEARNED] + e, g, learner, step, learning)
