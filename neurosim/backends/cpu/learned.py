"""What activations learn: the gradients of their parameters, from the parts that their kernels leave behind.

The backward kernel of such an activation multiplies the gradient of each output by the derivative with respect to each
learned parameter, and adds the products up within its block of rows (by unit) or its group of maps (by channel and
line). Blocks and groups depend on the rows alone, and are added up here in order: so the bits do not depend on the
number of threads.
"""

from __future__ import annotations

from neurosim.backends.cpu.cutting import edge, row_blocks
from neurosim.backends.cpu.jit import compiled, kernel
from neurosim.backends.cpu.map_tiles import sum_of_line
from neurosim.backends.cpu.memory import LEARNED as SIGNATURE
from neurosim.backends.cpu.memory import call_update, floats, words
from neurosim.backends.cpu.table import (
    FIELDS,
    LEARNED,
    LEARNED_FIELDS,
    LEARNED_GRADIENT,
    LEARNED_STATE,
    LEARNS,
    MAPS,
    NAMES,
    NUMBERS,
    PARAMS,
    SUMS,
    WIDTH,
)
from neurosim.backends.cpu.vector_norms import total
from neurosim.backends.cpu.vectors import LANES as GROUP
from neurosim.backends.cpu.vectors import LINE


@compiled
def add_rows(table, rows):
    """Add the sums of all blocks of rows to those of the first."""
    count = table[NAMES] * table[WIDTH]
    sums = floats(table[SUMS], count)
    blocks = row_blocks(rows)
    for q in range(1, blocks):
        part = floats(table[SUMS] + 4 * edge(q, blocks, rows) * count, count)
        for j in range(count):
            sums[j] += part[j]


@compiled
def add_maps(table, rows):
    """Add the sums of all groups to those of the first, and make one number of each line."""
    count = table[NAMES] * table[WIDTH]
    lines = floats(table[SUMS], count * GROUP)
    for group in range(1, (rows + GROUP - 1) // GROUP):
        part = floats(table[SUMS] + group * count * LINE, count * GROUP)
        for j in range(count * GROUP):
            lines[j] += part[j]
    for j in range(count):
        lines[j] = sum_of_line(table[SUMS] + j * LINE)


@kernel(SIGNATURE)
def finish(plan, stages, rows, function, state_stride, constants, thread, threads):
    """Gradients of what the activations of all stages learn, and the updates; each stage is one thread's."""
    number = 0
    for s in range(stages):
        stage = words(plan + 8 * s * FIELDS, FIELDS)
        if not stage[LEARNS]:
            continue
        number += 1
        if number % threads != thread:
            continue
        table = words(stage[PARAMS], LEARNED_FIELDS)
        if table[LEARNED_GRADIENT] == 0:
            continue
        if stage[MAPS]:
            add_maps(table, rows)
        else:
            add_rows(table, rows)
        width, count = table[WIDTH], table[NAMES] * table[NUMBERS]
        gradient = floats(table[LEARNED_GRADIENT], count)
        sums = floats(table[SUMS], table[NAMES] * width)
        for k in range(count):
            gradient[k] = total(sums[k * width : (k + 1) * width]) if table[NUMBERS] == 1 else sums[k]
        if function != 0:
            place = (table[LEARNED], table[LEARNED_GRADIENT], table[LEARNED_STATE])
            call_update(function, (*place, state_stride, count, constants))
