"""The stage of a convolution with groups or a dilation: that of others, with the loops of `spread_conv2d`."""

from __future__ import annotations

from neurosim.backends.cpu.cutting import share
from neurosim.backends.cpu.jit import compiled, kernel_on_demand
from neurosim.backends.cpu.map_stages import inputs_of, spread, through_activation
from neurosim.backends.cpu.memory import MAP_STAGE, call_activation, words
from neurosim.backends.cpu.spread_conv2d import (
    conv_forward,
    conv_input_gradient,
    pack_transposed,
    pack_weights,
)
from neurosim.backends.cpu.spread_gradients import conv_weight_gradient
from neurosim.backends.cpu.table import (
    A_GROUP,
    BACKWARD,
    BIAS,
    DX,
    FIELDS,
    FORWARD,
    FROM_LOGITS,
    GEOMETRY,
    GO_BACK,
    GO_FORWARD,
    HAS_BIAS,
    LEARNED_FIELDS,
    LEARNS,
    PACK_BOTH,
    PACKED,
    PACKED_TRANSPOSED,
    PARAMS,
    PARTIAL,
    PARTIALS,
    THROUGH_ACTIVATION,
    WEIGHT,
    WEIGHTS,
    X_GROUP,
    A,
    D,
    Z,
)
from neurosim.backends.cpu.vectors import LANES as GROUP
from neurosim.backends.cpu.vectors import LINE


@compiled
def geometry_of(stage):
    """The numbers that describe how the kernel moves over a map."""
    g = words(stage[GEOMETRY], 15)
    return g[0], g[1], g[2], g[3], g[4], g[5], g[6], g[7], g[8], g[9], g[10], g[11], g[12], g[13], g[14]


@compiled
def convolve(stage, geometry, x, z, a, rows, scratch):
    """A convolution for a range of rows of the output, and then its activation."""
    width, channels = geometry[4], geometry[5]
    line = width * channels * LINE
    conv_forward(geometry, x, stage[PACKED], stage[BIAS], z, rows[0], rows[1], scratch)
    if stage[FORWARD] != 0:
        zeros = stage[PACKED] + 4 * stage[WEIGHTS]
        for y in range(*rows):
            place = (z + y * line, zeros, a + y * line)
            call_activation(stage[FORWARD], (*place, channels * GROUP, 0, width, 0, channels * GROUP, stage[PARAMS]))


@kernel_on_demand(MAP_STAGE)
def spread_convolution(address, group, batch, batch_rows, first_row, keys, scratch, what, part, parts):
    """A convolution with its activation, and the order of the weights in which it reads them."""
    stage = words(address, FIELDS)
    geometry = geometry_of(stage)
    x = inputs_of(stage, group, batch)
    z, a, d = stage[Z] + group * stage[A_GROUP], stage[A] + group * stage[A_GROUP], stage[D] + group * stage[A_GROUP]
    has_slope = stage[BACKWARD] != 0 and not stage[FROM_LOGITS]
    if what == GO_FORWARD:
        convolve(stage, geometry, x, z, a, share(part, parts, geometry[3]), scratch)
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
            first, end = share(part, parts, geometry[0])
            conv_input_gradient(geometry, d, stage[PACKED_TRANSPOSED], dx, first, end, scratch)
    else:
        pack_weights(geometry, stage[WEIGHT], stage[PACKED])
        if what == PACK_BOTH and stage[DX] != 0:
            pack_transposed(geometry, stage[WEIGHT], stage[PACKED_TRANSPOSED])
        if stage[LEARNS]:
            spread(words(stage[PARAMS], LEARNED_FIELDS))
