"""Stages that work on feature maps: convolutions, pools, and the stages between them.

Maps are stored in groups of 16 samples: a group is float32 (height, width, channels, 16), so that every number is a
line of 16 samples, and every innermost loop runs over a line. That is as fast for one channel as for a hundred, and
nothing has to be copied into columns (see `conv2d`).

A thread takes a group through all stages that need no other group, while its maps are in cache. Batch normalization is
where groups meet: it is divided into the moments of each group and, once those of all groups are available, the rest.
The backward pass works in the same way. Gradients of weights are summed over each group, and then over the groups in
order by `updates`.

Unused lines in the last group of a batch contain copies of its last sample in the forward pass and zeros in the
backward pass.
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
from neurosim.backends.cpu.jit import compiled, kernel
from neurosim.backends.cpu.map_norms import (
    batch_moments,
    batch_norm,
    batch_norm_backward,
    batch_norm_sums,
    layer_norm,
    layer_norm_backward,
)
from neurosim.backends.cpu.masks import GOLDEN, mix64, uniform
from neurosim.backends.cpu.memory import MAPS, call_activation, floats, integers, words
from neurosim.backends.cpu.pools import average_pool, average_pool_backward, max_pool, max_pool_backward
from neurosim.backends.cpu.table import (
    A_GROUP,
    ACTIVATION,
    ACTIVE,
    ADD,
    AVG_POOL,
    BACKWARD,
    BATCH_NORM,
    BIAS,
    CHANNELS,
    CONTEXT,
    CONV,
    DROP_BELOW,
    DROP_SCALE,
    DROPOUT,
    DROPOUT_INDEX,
    DX,
    FIELDS,
    FIRST_ROW,
    FORK,
    FORWARD,
    FROM_LOGITS,
    GEOMETRY,
    HAS_BIAS,
    INNER,
    INPUT,
    KEYS,
    KIND,
    LAYER_NORM,
    LEARNED,
    LEARNED_FIELDS,
    LEARNS,
    MAX_POOL,
    MOMENTS,
    NAMES,
    OTHER,
    PACKED,
    PACKED_TRANSPOSED,
    PARAMS,
    PARTIAL,
    PARTIALS,
    ROWS,
    SCRATCH,
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
def forward_stage(stage, group, batch, batch_rows, first_row, keys, scratch):
    """One stage for one group of a batch; its samples are rows `first_row` on of the epoch."""
    kind, units = stage[KIND], stage[UNITS]
    rows = min(GROUP, batch_rows - group * GROUP)
    x = (batch if stage[X] == 0 else stage[X]) + group * stage[X_GROUP]
    a = stage[A] + group * stage[A_GROUP]
    if kind == CONV:
        convolve(stage, x, stage[Z] + group * stage[A_GROUP], a)
    elif kind == ACTIVATION:
        width = stage[CHANNELS] * GROUP
        call_activation(stage[FORWARD], (x, stage[BIAS], a, width, 0, units * GROUP // width, 0, width, stage[PARAMS]))
    elif kind == MAX_POOL:
        max_pool(geometry_of(stage), x, a)
    elif kind == AVG_POOL:
        average_pool(geometry_of(stage), x, a)
    elif kind == DROPOUT:
        drop_group(stage, x, a, first_row, keys)
    elif kind == MOMENTS:
        batch_moments(stage, group, x, rows, scratch)
    elif kind == BATCH_NORM:
        batch_norm(stage, group, x, a, batch_rows, scratch)
    elif kind == LAYER_NORM:
        layer_norm(stage, group, x, a, scratch)
    elif kind == ADD:
        other = batch if stage[OTHER] == 0 else stage[OTHER]
        add_maps(x, other + group * stage[A_GROUP], a, units)
    elif kind == TO_ROWS:
        to_rows(x, a, units, rows)
        if stage[OTHER] != 0:
            to_rows(stage[OTHER] + group * stage[X_GROUP], stage[Z] + group * stage[A_GROUP], units, rows)


@compiled
def backward_stage(stage, group, x, batch_rows, first_row, keys, scratch):
    """Gradients of one stage for one group of a batch."""
    kind, units = stage[KIND], stage[UNITS]
    rows = min(GROUP, batch_rows - group * GROUP)
    a = stage[A] + group * stage[A_GROUP]
    d = stage[D] + group * stage[A_GROUP]
    dx = stage[DX] + group * stage[X_GROUP]
    count = units * GROUP
    if kind == CONV:
        if stage[BACKWARD] != 0 and not stage[FROM_LOGITS]:
            z = stage[Z] + group * stage[A_GROUP]
            call_activation(stage[BACKWARD], (z, a, d, count, 0, 1, 0, count, stage[PARAMS]))
        geometry = geometry_of(stage)
        partial = stage[PARTIALS] + 4 * group * stage[PARTIAL]
        bias = partial + 4 * stage[WEIGHTS] if stage[HAS_BIAS] else 0
        conv_weight_gradient(geometry, x, d, partial, bias, scratch)
        if stage[DX] != 0:
            conv_input_gradient(geometry, d, stage[PACKED_TRANSPOSED], dx, 0, geometry[0])
    elif kind == ACTIVATION:
        if not stage[FROM_LOGITS]:
            call_activation(stage[BACKWARD], (x, a, d, count, 0, 1, 0, count, stage[PARAMS]))
    elif kind == MAX_POOL:
        if stage[DX] != 0:
            max_pool_backward(geometry_of(stage), x, a, d, dx, scratch)
    elif kind == AVG_POOL:
        if stage[DX] != 0:
            average_pool_backward(geometry_of(stage), d, dx)
    elif kind == DROPOUT:
        drop_group(stage, d, d, first_row, keys)
    elif kind == BATCH_NORM:
        batch_norm_sums(stage, group, x, d, scratch)
    elif kind == MOMENTS:
        batch_norm_backward(stage, x, d, batch_rows, rows, scratch)
    elif kind == LAYER_NORM:
        layer_norm_backward(stage, group, d, dx, scratch)
    elif kind == ADD:
        if stage[INNER] != 0:
            copy_map(d, stage[INNER] + group * stage[A_GROUP], units)
    elif kind == FORK:
        if stage[DX] != 0:
            add_maps(d, stage[OTHER] + group * stage[A_GROUP], dx, units)
    elif kind == TO_ROWS and stage[DX] != 0:
        from_rows(d, dx, units, rows)


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


@kernel(MAPS)
def forward(plan, first, end, group, context_address):
    """Stages from `first` up to, but not including, `end` for one group."""
    context = words(context_address, CONTEXT)
    first_row = context[FIRST_ROW] + group * GROUP
    for s in range(first, end):
        stage = words(plan + 8 * s * FIELDS, FIELDS)
        forward_stage(stage, group, context[INPUT], context[ROWS], first_row, context[KEYS], context[SCRATCH])


@kernel(MAPS)
def backward(plan, last, end, group, context_address):
    """Stages from `last` down to, but not including, `end` for one group."""
    context = words(context_address, CONTEXT)
    first_row = context[FIRST_ROW] + group * GROUP
    for s in range(last, end, -1):
        stage = words(plan + 8 * s * FIELDS, FIELDS)
        if stage[ACTIVE]:
            x = (context[INPUT] if stage[X] == 0 else stage[X]) + group * stage[X_GROUP]
            backward_stage(stage, group, x, context[ROWS], first_row, context[KEYS], context[SCRATCH])


@kernel(MAPS)
def pack(plan, first, end, both, unused):
    """Put the weights of the stages from `first` to before `end` into the order in which convolutions read them.

    Parameters that activations have learned for each channel are spread over the samples.
    """
    for s in range(first, end):
        stage = words(plan + 8 * s * FIELDS, FIELDS)
        if stage[KIND] == CONV:
            pack_weights(geometry_of(stage), stage[WEIGHT], stage[PACKED])
            if both and stage[DX] != 0:
                pack_transposed(geometry_of(stage), stage[WEIGHT], stage[PACKED_TRANSPOSED])
        if stage[LEARNS]:
            spread(words(stage[PARAMS], LEARNED_FIELDS))
