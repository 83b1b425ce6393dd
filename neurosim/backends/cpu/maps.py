"""Stages that work on feature maps: convolutions, pools, and the stages between them.

Maps are stored in groups of 16 samples: a group is float32 (height, width, channels, 16), so that every number is a
line of 16 samples, and every innermost loop runs over a line. That is as fast for one channel as for a hundred, and
nothing has to be copied into columns (see `conv2d`).

A thread takes a group through all stages that need no other group, while its maps are in cache. With more threads than
groups, each group is divided into parts for each stage: rows, channels or whatever the stage can compute apart. Batch
normalization is where groups meet: it is divided into the moments of each group and, once those of all groups are
available, the rest. The backward pass works in the same way. Gradients of weights are summed over each group, and then
over the groups in order by `updates`.

Unused lines in the last group of a batch contain copies of its last sample in the forward pass and zeros in the
backward pass.
"""

from __future__ import annotations

from neurosim.backends.cpu.jit import kernel
from neurosim.backends.cpu.memory import MAPS as SIGNATURE
from neurosim.backends.cpu.memory import call_map_stage, words
from neurosim.backends.cpu.table import (
    ACTIVE,
    CONTEXT,
    CONV,
    FIELDS,
    FIRST_ROW,
    GO_BACK,
    GO_FORWARD,
    INPUT,
    KERNEL,
    KEYS,
    KIND,
    LEARNS,
    MAPS,
    PACK,
    PACK_BOTH,
    PARTS,
    ROWS,
    SCRATCH,
    THROUGH_ACTIVATION,
)
from neurosim.backends.cpu.vectors import LANES as GROUP


@kernel(SIGNATURE)
def forward(plan, first, end, block, context_address):
    """Stages from `first` up to, but not including, `end` for one group, or a part of one."""
    context = words(context_address, CONTEXT)
    parts = context[PARTS]
    group, part = block // parts, block % parts
    row = context[FIRST_ROW] + group * GROUP
    for s in range(first, end):
        at = plan + 8 * s * FIELDS
        place = (at, group, context[INPUT], context[ROWS], row, context[KEYS], context[SCRATCH])
        call_map_stage(words(at, FIELDS)[KERNEL], (*place, GO_FORWARD, part, parts))


@kernel(SIGNATURE)
def backward(plan, last, end, block, context_address):
    """Stages from `last` down to, but not including, `end` for one group, or a part of one.

    If `end` is `last`, the convolution at `last` goes back through its activation, and no further.
    """
    context = words(context_address, CONTEXT)
    parts = context[PARTS]
    group, part = block // parts, block % parts
    row = context[FIRST_ROW] + group * GROUP
    what = THROUGH_ACTIVATION if end == last else GO_BACK
    for s in range(last, min(end, last - 1), -1):
        at = plan + 8 * s * FIELDS
        stage = words(at, FIELDS)
        if stage[ACTIVE]:
            place = (at, group, context[INPUT], context[ROWS], row, context[KEYS], context[SCRATCH], what, part, parts)
            call_map_stage(stage[KERNEL], place)


@kernel(SIGNATURE)
def pack(plan, first, end, both, unused):
    """Put the weights of the stages from `first` to before `end` into the order in which convolutions read them.

    Parameters that activations have learned for each channel are spread over the samples.
    """
    for s in range(first, end):
        at = plan + 8 * s * FIELDS
        stage = words(at, FIELDS)
        if stage[MAPS] and (stage[KIND] == CONV or stage[LEARNS]):
            call_map_stage(stage[KERNEL], (at, 0, 0, 0, 0, 0, 0, PACK_BOTH if both else PACK, 0, 1))
