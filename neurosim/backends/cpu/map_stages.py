"""What is done to one group of maps by each kind of stage: a kernel that the loops in `maps` call by address.

So a network compiles those of its own stages and no others. Where groups are in parts, each does a share of what can be
computed apart: rows, places, channels or units. A group is x, out and so on from the table plus the group's number
times the distance from group to group.
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
from neurosim.backends.cpu.cutting import share
from neurosim.backends.cpu.jit import compiled, kernel_on_demand
from neurosim.backends.cpu.map_norms import (
    batch_moments,
    batch_norm,
    batch_norm_backward,
    batch_norm_sums,
    frozen_backward,
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
    BATCH,
    BATCH_NORM,
    BESIDE,
    BIAS,
    BRANCH_FIELDS,
    BRANCHES,
    CHANNELS,
    CONCATENATE,
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
    THROUGH_ACTIVATION,
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
def apart_of(stage):
    """Rows and columns from one cell under the window of a pool to the next."""
    g = words(stage[GEOMETRY], 18)
    return g[12], g[13]


@compiled
def counted_of(stage):
    """Cells beyond the top, the bottom, the left and the right edge of a map that count in a pool of means."""
    g = words(stage[GEOMETRY], 18)
    return g[14], g[15], g[16], g[17]


@compiled
def drop_group(stage, source, out, first_row, keys, units):
    """Apply a dropout stage's mask to a range of units of a group, whose samples have rows from `first_row` on."""
    key = np.uint64(words(keys, stage[DROPOUT_INDEX] + 1)[stage[DROPOUT_INDEX]])
    below = np.uint32(stage[DROP_BELOW])
    scale = floats(stage[DROP_SCALE], 1)[0]
    place = stack_lines(2)
    starts, seconds = integers(place, GROUP), integers(place + LINE, GROUP)
    for n in range(GROUP):
        word = mix64(key + np.uint64(first_row + n + 1) * GOLDEN)
        starts[n] = np.uint32(word >> np.uint64(32))
        seconds[n] = np.uint32(word)
    for unit in range(*units):
        values = floats(source + unit * LINE, GROUP)
        results = floats(out + unit * LINE, GROUP)
        for n in range(GROUP):
            kept = uniform(np.uint32(starts[n]), np.uint32(seconds[n]), unit) >= below
            results[n] = values[n] * (scale if kept else ZERO)


@compiled
def add_maps(first, second, out, units):
    """out = first + second, for a range of units."""
    skip, count = units[0] * LINE, (units[1] - units[0]) * GROUP
    a, b, c = floats(first + skip, count), floats(second + skip, count), floats(out + skip, count)
    for n in range(count):
        c[n] = a[n] + b[n]


@compiled
def copy_map(source, out, units):
    """out = source, for a range of units."""
    skip, count = units[0] * LINE, (units[1] - units[0]) * GROUP
    a, b = floats(source + skip, count), floats(out + skip, count)
    for n in range(count):
        b[n] = a[n]


@compiled
def to_rows(source, out, units, rows, chosen):
    """From lines to rows, for the samples that exist and a range of units."""
    for unit in range(*chosen):
        values = floats(source + unit * LINE, GROUP)
        for n in range(rows):
            floats(out + 4 * (n * units + unit), 1)[0] = values[n]


@compiled
def from_rows(source, out, units, rows, chosen):
    """The inverse of `to_rows`; zeros for the samples that do not exist."""
    for unit in range(*chosen):
        values = floats(out + unit * LINE, GROUP)
        for n in range(GROUP):
            values[n] = floats(source + 4 * (n * units + unit), 1)[0] if n < rows else ZERO


@compiled
def convolve(stage, x, z, a, rows):
    """A convolution with its activation, for a range of rows of the output, row by row."""
    geometry = geometry_of(stage)
    width, channels = geometry[4], geometry[5]
    line = width * channels * LINE
    zeros = stage[PACKED] + 4 * stage[WEIGHTS]
    for y in range(*rows):
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


@compiled
def through_activation(stage, group, x, d, part, parts):
    """Back through the activation of a stage, or of a convolution, in place, for a part of a group."""
    first, last = share(part, parts, stage[UNITS])
    if stage[LEARNS]:
        # Its sums are over all of the group.
        first, last = np.int64(0), stage[UNITS] if part == 0 else np.int64(0)
    skip, count = first * LINE, (last - first) * GROUP
    if count == 0:
        return
    a = stage[A] + group * stage[A_GROUP] + skip
    call_activation(stage[BACKWARD], (x + skip, a, d + skip, count, 0, 1, 0, count, stage[PARAMS]))


@kernel_on_demand(MAP_STAGE)
def convolution(address, group, batch, batch_rows, first_row, keys, scratch, what, part, parts):
    """A convolution with its activation, and the order of the weights in which it reads them."""
    stage = words(address, FIELDS)
    geometry = geometry_of(stage)
    x = inputs_of(stage, group, batch)
    z, a, d = stage[Z] + group * stage[A_GROUP], stage[A] + group * stage[A_GROUP], stage[D] + group * stage[A_GROUP]
    has_slope = stage[BACKWARD] != 0 and not stage[FROM_LOGITS]
    if what == GO_FORWARD:
        convolve(stage, x, z, a, share(part, parts, geometry[3]))
    elif what == THROUGH_ACTIVATION:
        if has_slope:
            through_activation(stage, group, z, d, part, parts)
    elif what == GO_BACK:
        # All parts must have come through before the rest.
        if has_slope and parts == 1:
            through_activation(stage, group, z, d, part, parts)
        if stage[PARTIALS] != 0:
            partial = stage[PARTIALS] + 4 * group * stage[PARTIAL]
            bias = partial + 4 * stage[WEIGHTS] if stage[HAS_BIAS] else 0
            conv_weight_gradient(geometry, x, d, partial, bias, scratch, (part, parts))
        if stage[DX] != 0:
            dx = stage[DX] + group * stage[X_GROUP]
            conv_input_gradient(geometry, d, stage[PACKED_TRANSPOSED], dx, *share(part, parts, geometry[0]))
    else:
        pack_weights(geometry, stage[WEIGHT], stage[PACKED])
        if what == PACK_BOTH and stage[DX] != 0:
            pack_transposed(geometry, stage[WEIGHT], stage[PACKED_TRANSPOSED])
        if stage[LEARNS]:
            spread(words(stage[PARAMS], LEARNED_FIELDS))


@kernel_on_demand(MAP_STAGE)
def activation(address, group, batch, batch_rows, first_row, keys, scratch, what, part, parts):
    """An activation as a stage of its own."""
    stage = words(address, FIELDS)
    width = stage[CHANNELS] * GROUP
    first, last = share(part, parts, stage[UNITS] // stage[CHANNELS])
    x, a, d = inputs_of(stage, group, batch), stage[A] + group * stage[A_GROUP], stage[D] + group * stage[A_GROUP]
    if what == GO_FORWARD:
        skip = 4 * first * width
        place = (x + skip, stage[BIAS], a + skip)
        call_activation(stage[FORWARD], (*place, width, 0, last - first, 0, width, stage[PARAMS]))
    elif what == GO_BACK:
        if not stage[FROM_LOGITS]:
            through_activation(stage, group, x, d, part, parts)
    elif stage[LEARNS]:
        spread(words(stage[PARAMS], LEARNED_FIELDS))


@kernel_on_demand(MAP_STAGE)
def max_pooling(address, group, batch, batch_rows, first_row, keys, scratch, what, part, parts):
    """A pool of largest numbers."""
    stage = words(address, FIELDS)
    x, a = inputs_of(stage, group, batch), stage[A] + group * stage[A_GROUP]
    chosen = share(part, parts, stage[CHANNELS])
    if what == GO_FORWARD:
        max_pool(geometry_of(stage), apart_of(stage), x, a, chosen)
    elif what == GO_BACK and stage[DX] != 0:
        d, dx = stage[D] + group * stage[A_GROUP], stage[DX] + group * stage[X_GROUP]
        max_pool_backward(geometry_of(stage), apart_of(stage), x, a, d, dx, scratch, chosen)


@kernel_on_demand(MAP_STAGE)
def average_pooling(address, group, batch, batch_rows, first_row, keys, scratch, what, part, parts):
    """A pool of averages."""
    stage = words(address, FIELDS)
    chosen = share(part, parts, stage[CHANNELS])
    if what == GO_FORWARD:
        x, a = inputs_of(stage, group, batch), stage[A] + group * stage[A_GROUP]
        average_pool(geometry_of(stage), counted_of(stage), x, a, chosen)
    elif what == GO_BACK and stage[DX] != 0:
        d, dx = stage[D] + group * stage[A_GROUP], stage[DX] + group * stage[X_GROUP]
        average_pool_backward(geometry_of(stage), counted_of(stage), d, dx, chosen)


@kernel_on_demand(MAP_STAGE)
def dropout(address, group, batch, batch_rows, first_row, keys, scratch, what, part, parts):
    """Dropout, of outputs or of their gradients."""
    stage = words(address, FIELDS)
    a, d = stage[A] + group * stage[A_GROUP], stage[D] + group * stage[A_GROUP]
    chosen = share(part, parts, stage[UNITS])
    if what == GO_FORWARD:
        drop_group(stage, inputs_of(stage, group, batch), a, first_row, keys, chosen)
    elif what == GO_BACK:
        drop_group(stage, d, d, first_row, keys, chosen)


@kernel_on_demand(MAP_STAGE)
def moments(address, group, batch, batch_rows, first_row, keys, scratch, what, part, parts):
    """What batch normalization measures in each group, and the rest of its way back."""
    stage = words(address, FIELDS)
    x, rows = inputs_of(stage, group, batch), min(GROUP, batch_rows - group * GROUP)
    if what == GO_FORWARD:
        batch_moments(stage, group, x, rows, scratch, share(part, parts, stage[CHANNELS]))
    elif what == GO_BACK:
        places = share(part, parts, stage[UNITS] // stage[CHANNELS])
        batch_norm_backward(stage, x, stage[D] + group * stage[A_GROUP], batch_rows, rows, scratch, places)


@kernel_on_demand(MAP_STAGE)
def batch_normalization(address, group, batch, batch_rows, first_row, keys, scratch, what, part, parts):
    """Batch normalization, once the moments of all groups are known; on the way back, the sums of each."""
    stage = words(address, FIELDS)
    x, is_first = inputs_of(stage, group, batch), group == 0 and part == 0
    if what == GO_FORWARD:
        places = share(part, parts, stage[UNITS] // stage[CHANNELS])
        batch_norm(stage, is_first, x, stage[A] + group * stage[A_GROUP], batch_rows, scratch, places)
    elif what == GO_BACK and stage[BATCH]:
        chosen = share(part, parts, stage[CHANNELS])
        batch_norm_sums(stage, group, x, stage[D] + group * stage[A_GROUP], scratch, chosen)
    elif what == GO_BACK:
        places = share(part, parts, stage[UNITS] // stage[CHANNELS])
        frozen_backward(stage, stage[D] + group * stage[A_GROUP], places)


@kernel_on_demand(MAP_STAGE)
def layer_normalization(address, group, batch, batch_rows, first_row, keys, scratch, what, part, parts):
    """Layer normalization; only forward in parts."""
    stage = words(address, FIELDS)
    if what == GO_FORWARD:
        places = share(part, parts, stage[UNITS] // stage[CHANNELS])
        layer_norm(stage, group, inputs_of(stage, group, batch), stage[A] + group * stage[A_GROUP], scratch, places)
    elif what == GO_BACK and part == 0:
        d, dx = stage[D] + group * stage[A_GROUP], stage[DX] + group * stage[X_GROUP]
        layer_norm_backward(stage, group, d, dx, scratch)


@kernel_on_demand(MAP_STAGE)
def join(address, group, batch, batch_rows, first_row, keys, scratch, what, part, parts):
    """The end of a residual layer, where its branches are added."""
    stage = words(address, FIELDS)
    chosen = share(part, parts, stage[UNITS])
    if what == GO_FORWARD:
        other = (batch if stage[OTHER] == 0 else stage[OTHER]) + group * stage[A_GROUP]
        add_maps(inputs_of(stage, group, batch), other, stage[A] + group * stage[A_GROUP], chosen)
    elif what == GO_BACK:
        if stage[INNER] != 0:
            copy_map(stage[D] + group * stage[A_GROUP], stage[INNER] + group * stage[A_GROUP], chosen)
        if stage[BESIDE] != 0:
            copy_map(stage[D] + group * stage[A_GROUP], stage[BESIDE] + group * stage[A_GROUP], chosen)


@kernel_on_demand(MAP_STAGE)
def fork(address, group, batch, batch_rows, first_row, keys, scratch, what, part, parts):
    """The beginning of a residual layer, where the gradients of its branches are added."""
    stage = words(address, FIELDS)
    if what == GO_BACK and stage[DX] != 0:
        d, other = stage[D] + group * stage[A_GROUP], stage[OTHER] + group * stage[A_GROUP]
        add_maps(d, other, stage[DX] + group * stage[X_GROUP], share(part, parts, stage[UNITS]))


@kernel_on_demand(MAP_STAGE)
def concatenation(address, group, batch, batch_rows, first_row, keys, scratch, what, part, parts):
    """The end of branches whose channels follow each other."""
    stage = words(address, FIELDS)
    channels, count = stage[CHANNELS], words(stage[BRANCHES], 1)[0]
    p0, p1 = share(part, parts, stage[UNITS] // channels)
    start = np.int64(0)
    for k in range(count):
        # By `BranchField`.
        outputs, gradient, width, group_bytes = words(stage[BRANCHES] + 8 * (1 + k * BRANCH_FIELDS), BRANCH_FIELDS)
        if what == GO_FORWARD or (what == GO_BACK and gradient != 0):
            for p in range(p0, p1):
                whole = group * stage[A_GROUP] + (p * channels + start) * LINE
                part_of_it = group * group_bytes + p * width * LINE
                if what == GO_FORWARD:
                    source, target = (batch if outputs == 0 else outputs) + part_of_it, stage[A] + whole
                else:
                    source, target = stage[D] + whole, gradient + part_of_it
                a, b = floats(source, width * GROUP), floats(target, width * GROUP)
                for n in range(width * GROUP):
                    b[n] = a[n]
        start += width


@kernel_on_demand(MAP_STAGE)
def rows_of_maps(address, group, batch, batch_rows, first_row, keys, scratch, what, part, parts):
    """From maps to vectors, which are stored row by row."""
    stage = words(address, FIELDS)
    units, rows = stage[UNITS], min(GROUP, batch_rows - group * GROUP)
    chosen = share(part, parts, units)
    if what == GO_FORWARD:
        to_rows(inputs_of(stage, group, batch), stage[A] + group * stage[A_GROUP], units, rows, chosen)
        if stage[OTHER] != 0:
            to_rows(stage[OTHER] + group * stage[X_GROUP], stage[Z] + group * stage[A_GROUP], units, rows, chosen)
    elif what == GO_BACK and stage[DX] != 0:
        from_rows(stage[D] + group * stage[A_GROUP], stage[DX] + group * stage[X_GROUP], units, rows, chosen)


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
    CONCATENATE: concatenation,
    TO_ROWS: rows_of_maps,
}
