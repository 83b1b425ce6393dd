"""What is done to one group of maps by each kind of stage: a kernel that the loops in `maps` call by address.

So a network compiles those of its own stages and no others. A group is x, out and so on from the table plus the group's
number times the distance from group to group.
"""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.conv2d import (
    conv_forward,
    conv_input_gradient,
    conv_weight_gradient,
    pack_transposed,
    pack_weights,
)
from neurosim.backends.cpu.jit import compiled, kernel_on_demand
from neurosim.backends.cpu.map_norms import (
    batch_moments,
    batch_norm,
    batch_norm_backward,
    batch_norm_sums,
    layer_norm,
    layer_norm_backward,
)
from neurosim.backends.cpu.masks import GOLDEN, mix64, uniform
from neurosim.backends.cpu.memory import MAP_STAGE, call_activation, floats, integers, words
from neurosim.backends.cpu.pools import average_pool, average_pool_backward, max_pool, max_pool_backward
from neurosim.backends.cpu.table import (
    A_GROUP,
    ACTIVATION,
    ADD,
    AVG_POOL,
    BACKWARD,
    BATCH_NORM,
    BIAS,
    CHANNELS,
    CONV,
    DROP_BELOW,
    DROP_SCALE,
    DROPOUT,
    DROPOUT_INDEX,
    DX,
    FIELDS,
    FORK,
    FORWARD,
    FROM_LOGITS,
    GEOMETRY,
    GO_BACK,
    GO_FORWARD,
    HAS_BIAS,
    INNER,
    LAYER_NORM,
    LEARNED,
    LEARNED_FIELDS,
    LEARNS,
    MAX_POOL,
    MOMENTS,
    NAMES,
    OTHER,
    PACK_BOTH,
    PACKED,
    PACKED_TRANSPOSED,
    PARAMS,
    PARTIAL,
    PARTIALS,
    SPREAD,
    TO_ROWS,
    UNITS,
    WEIGHT,
    WEIGHTS,
    WIDTH,
    X_GROUP,
    A,
    D,
    X,
    Z,
)
from neurosim.backends.cpu.vectors import LANES as GROUP
from neurosim.backends.cpu.vectors import LINE, stack_lines

ZERO = np.float32(0)


@compiled
def geometry_of(stage):
    """The numbers that describe how a kernel moves over a map, as the convolutions take them."""
    g = words(stage[GEOMETRY], 12)
    return g[0], g[1], g[2], g[3], g[4], g[5], g[6], g[7], g[8], g[9], g[10], g[11]


@compiled
def drop_group(stage, source, out, first_row, keys):
    """Apply a dropout stage's mask to a group whose samples have row numbers from `first_row` on."""
    units = stage[UNITS]
    key = np.uint64(words(keys, stage[DROPOUT_INDEX] + 1)[stage[DROPOUT_INDEX]])
    below = np.uint32(stage[DROP_BELOW])
    scale = floats(stage[DROP_SCALE], 1)[0]
    place = stack_lines(2)
    starts, seconds = integers(place, GROUP), integers(place + LINE, GROUP)
    for n in range(GROUP):
        word = mix64(key + np.uint64(first_row + n + 1) * GOLDEN)
        starts[n] = np.uint32(word >> np.uint64(32))
        seconds[n] = np.uint32(word)
    for unit in range(units):
        values = floats(source + unit * LINE, GROUP)
        results = floats(out + unit * LINE, GROUP)
        for n in range(GROUP):
            kept = uniform(np.uint32(starts[n]), np.uint32(seconds[n]), unit) >= below
            results[n] = values[n] * (scale if kept else ZERO)


@compiled
def add_maps(first, second, out, units):
    """out = first + second."""
    a, b = floats(first, units * GROUP), floats(second, units * GROUP)
    c = floats(out, units * GROUP)
    for n in range(units * GROUP):
        c[n] = a[n] + b[n]


@compiled
def copy_map(source, out, units):
    """out = source."""
    a, b = floats(source, units * GROUP), floats(out, units * GROUP)
    for n in range(units * GROUP):
        b[n] = a[n]


@compiled
def to_rows(source, out, units, rows):
    """From lines to rows, for the samples that exist."""
    for unit in range(units):
        values = floats(source + unit * LINE, GROUP)
        for n in range(rows):
            floats(out + 4 * (n * units + unit), 1)[0] = values[n]


@compiled
def from_rows(source, out, units, rows):
    """The inverse of `to_rows`; zeros for the samples that do not exist."""
    for unit in range(units):
        values = floats(out + unit * LINE, GROUP)
        for n in range(GROUP):
            values[n] = floats(source + 4 * (n * units + unit), 1)[0] if n < rows else ZERO


@compiled
def convolve(stage, x, z, a):
    """A convolution with its activation, row by row of the output."""
    geometry = geometry_of(stage)
    height, width, channels = geometry[3], geometry[4], geometry[5]
    line = width * channels * LINE
    zeros = stage[PACKED] + 4 * stage[WEIGHTS]
    for y in range(height):
        conv_forward(geometry, x, stage[PACKED], stage[BIAS], z, y, y + 1)
        if stage[FORWARD] != 0:
            place = (z + y * line, zeros, a + y * line)
            call_activation(stage[FORWARD], (*place, channels * GROUP, 0, width, 0, channels * GROUP, stage[PARAMS]))


@compiled
def spread(table):
    """Lines of the learned parameters of the channels, if these have parameters of their own."""
    if table[SPREAD] == 0:
        return
    count = table[NAMES] * table[WIDTH]
    learned, lines = floats(table[LEARNED], count), floats(table[SPREAD], count * GROUP)
    for k in range(count):
        for n in range(GROUP):
            lines[k * GROUP + n] = learned[k]


@compiled
def inputs_of(stage, group, batch):
    """Address of the inputs of a group."""
    return (batch if stage[X] == 0 else stage[X]) + group * stage[X_GROUP]


@kernel_on_demand(MAP_STAGE)
def convolution(address, group, batch, batch_rows, first_row, keys, scratch, what):
    """A convolution with its activation, and the order of the weights in which it reads them."""
    stage = words(address, FIELDS)
    geometry = geometry_of(stage)
    x = inputs_of(stage, group, batch)
    z, a, d = stage[Z] + group * stage[A_GROUP], stage[A] + group * stage[A_GROUP], stage[D] + group * stage[A_GROUP]
    if what == GO_FORWARD:
        convolve(stage, x, z, a)
    elif what == GO_BACK:
        count = stage[UNITS] * GROUP
        if stage[BACKWARD] != 0 and not stage[FROM_LOGITS]:
            call_activation(stage[BACKWARD], (z, a, d, count, 0, 1, 0, count, stage[PARAMS]))
        partial = stage[PARTIALS] + 4 * group * stage[PARTIAL]
        bias = partial + 4 * stage[WEIGHTS] if stage[HAS_BIAS] else 0
        conv_weight_gradient(geometry, x, d, partial, bias, scratch)
        if stage[DX] != 0:
            dx = stage[DX] + group * stage[X_GROUP]
            conv_input_gradient(geometry, d, stage[PACKED_TRANSPOSED], dx, 0, geometry[0])
    else:
        pack_weights(geometry, stage[WEIGHT], stage[PACKED])
        if what == PACK_BOTH and stage[DX] != 0:
            pack_transposed(geometry, stage[WEIGHT], stage[PACKED_TRANSPOSED])
        if stage[LEARNS]:
            spread(words(stage[PARAMS], LEARNED_FIELDS))


@kernel_on_demand(MAP_STAGE)
def activation(address, group, batch, batch_rows, first_row, keys, scratch, what):
    """An activation as a stage of its own."""
    stage = words(address, FIELDS)
    count = stage[UNITS] * GROUP
    x, a, d = inputs_of(stage, group, batch), stage[A] + group * stage[A_GROUP], stage[D] + group * stage[A_GROUP]
    if what == GO_FORWARD:
        width = stage[CHANNELS] * GROUP
        call_activation(stage[FORWARD], (x, stage[BIAS], a, width, 0, count // width, 0, width, stage[PARAMS]))
    elif what == GO_BACK:
        if not stage[FROM_LOGITS]:
            call_activation(stage[BACKWARD], (x, a, d, count, 0, 1, 0, count, stage[PARAMS]))
    elif stage[LEARNS]:
        spread(words(stage[PARAMS], LEARNED_FIELDS))


@kernel_on_demand(MAP_STAGE)
def max_pooling(address, group, batch, batch_rows, first_row, keys, scratch, what):
    """A pool of largest numbers."""
    stage = words(address, FIELDS)
    x, a = inputs_of(stage, group, batch), stage[A] + group * stage[A_GROUP]
    if what == GO_FORWARD:
        max_pool(geometry_of(stage), x, a)
    elif what == GO_BACK and stage[DX] != 0:
        d, dx = stage[D] + group * stage[A_GROUP], stage[DX] + group * stage[X_GROUP]
        max_pool_backward(geometry_of(stage), x, a, d, dx, scratch)


@kernel_on_demand(MAP_STAGE)
def average_pooling(address, group, batch, batch_rows, first_row, keys, scratch, what):
    """A pool of averages."""
    stage = words(address, FIELDS)
    if what == GO_FORWARD:
        average_pool(geometry_of(stage), inputs_of(stage, group, batch), stage[A] + group * stage[A_GROUP])
    elif what == GO_BACK and stage[DX] != 0:
        d, dx = stage[D] + group * stage[A_GROUP], stage[DX] + group * stage[X_GROUP]
        average_pool_backward(geometry_of(stage), d, dx)


@kernel_on_demand(MAP_STAGE)
def dropout(address, group, batch, batch_rows, first_row, keys, scratch, what):
    """Dropout, of outputs or of their gradients."""
    stage = words(address, FIELDS)
    if what == GO_FORWARD:
        drop_group(stage, inputs_of(stage, group, batch), stage[A] + group * stage[A_GROUP], first_row, keys)
    elif what == GO_BACK:
        d = stage[D] + group * stage[A_GROUP]
        drop_group(stage, d, d, first_row, keys)


@kernel_on_demand(MAP_STAGE)
def moments(address, group, batch, batch_rows, first_row, keys, scratch, what):
    """What batch normalization measures in each group, and the rest of its way back."""
    stage = words(address, FIELDS)
    x, rows = inputs_of(stage, group, batch), min(GROUP, batch_rows - group * GROUP)
    if what == GO_FORWARD:
        batch_moments(stage, group, x, rows, scratch)
    elif what == GO_BACK:
        batch_norm_backward(stage, x, stage[D] + group * stage[A_GROUP], batch_rows, rows, scratch)


@kernel_on_demand(MAP_STAGE)
def batch_normalization(address, group, batch, batch_rows, first_row, keys, scratch, what):
    """Batch normalization, once the moments of all groups are known; on the way back, the sums of each."""
    stage = words(address, FIELDS)
    x = inputs_of(stage, group, batch)
    if what == GO_FORWARD:
        batch_norm(stage, group, x, stage[A] + group * stage[A_GROUP], batch_rows, scratch)
    elif what == GO_BACK:
        batch_norm_sums(stage, group, x, stage[D] + group * stage[A_GROUP], scratch)


@kernel_on_demand(MAP_STAGE)
def layer_normalization(address, group, batch, batch_rows, first_row, keys, scratch, what):
    """Layer normalization."""
    stage = words(address, FIELDS)
    if what == GO_FORWARD:
        layer_norm(stage, group, inputs_of(stage, group, batch), stage[A] + group * stage[A_GROUP], scratch)
    elif what == GO_BACK:
        d, dx = stage[D] + group * stage[A_GROUP], stage[DX] + group * stage[X_GROUP]
        layer_norm_backward(stage, group, d, dx, scratch)


@kernel_on_demand(MAP_STAGE)
def join(address, group, batch, batch_rows, first_row, keys, scratch, what):
    """The end of a residual layer, where its branches are added."""
    stage = words(address, FIELDS)
    if what == GO_FORWARD:
        other = (batch if stage[OTHER] == 0 else stage[OTHER]) + group * stage[A_GROUP]
        add_maps(inputs_of(stage, group, batch), other, stage[A] + group * stage[A_GROUP], stage[UNITS])
    elif what == GO_BACK and stage[INNER] != 0:
        copy_map(stage[D] + group * stage[A_GROUP], stage[INNER] + group * stage[A_GROUP], stage[UNITS])


@kernel_on_demand(MAP_STAGE)
def fork(address, group, batch, batch_rows, first_row, keys, scratch, what):
    """The beginning of a residual layer, where the gradients of its branches are added."""
    stage = words(address, FIELDS)
    if what == GO_BACK and stage[DX] != 0:
        d, other = stage[D] + group * stage[A_GROUP], stage[OTHER] + group * stage[A_GROUP]
        add_maps(d, other, stage[DX] + group * stage[X_GROUP], stage[UNITS])


@kernel_on_demand(MAP_STAGE)
def rows_of_maps(address, group, batch, batch_rows, first_row, keys, scratch, what):
    """From maps to vectors, which are stored row by row."""
    stage = words(address, FIELDS)
    units, rows = stage[UNITS], min(GROUP, batch_rows - group * GROUP)
    if what == GO_FORWARD:
        to_rows(inputs_of(stage, group, batch), stage[A] + group * stage[A_GROUP], units, rows)
        if stage[OTHER] != 0:
            to_rows(stage[OTHER] + group * stage[X_GROUP], stage[Z] + group * stage[A_GROUP], units, rows)
    elif what == GO_BACK and stage[DX] != 0:
        from_rows(stage[D] + group * stage[A_GROUP], stage[DX] + group * stage[X_GROUP], units, rows)


MAP_KERNELS = {
    CONV: convolution,
    ACTIVATION: activation,
    MAX_POOL: max_pooling,
    AVG_POOL: average_pooling,
    DROPOUT: dropout,
    MOMENTS: moments,
    BATCH_NORM: batch_normalization,
    LAYER_NORM: layer_normalization,
    ADD: join,
    FORK: fork,
    TO_ROWS: rows_of_maps,
}
