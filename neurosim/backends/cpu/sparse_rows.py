"""Which rows a network reads by bitmaps of the bytes that are not 0, and the table for the kernels that do."""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.plan import Bitmaps, Plan
from neurosim.backends.cpu.stages.base import address
from neurosim.backends.cpu.table import DENSE, BitmapsField, Field
from neurosim.data.rows import Rows

# Bitmaps are faster up to about this share of bytes that are not 0, and from about so many units on.
MOST = 0.3
FEWEST_UNITS = 64
# How many rows are looked at.
SAMPLE = 1024


def mostly_zero(rows: Rows) -> bool:
    """Whether most inputs are bytes of 0: a sample of the rows decides."""
    if rows.features.dtype != np.uint8:
        return False
    sample = rows.features[:: max(1, rows.count // SAMPLE)]
    return bool(np.count_nonzero(sample) < MOST * sample.size)


def choose_bitmaps(plan: Plan, *, wanted: bool, rows: Rows) -> None:
    """Let a plan read these rows by bitmaps if that is wanted, which its network must be able to; else as numbers."""
    plan.stages[0, Field.BITMAPS] = 0
    if wanted:
        plan.bitmaps = plan.bitmaps or _make_bitmaps(plan)
        plan.bitmaps.scales[:-1] = np.arange(plan.bitmaps.scales.size - 1) * np.float32(rows.scale)
        plan.bitmaps.scales[-1] = rows.shift
        plan.stages[0, Field.BITMAPS] = address(plan.bitmaps.table)


def can_read_bitmaps(plan: Plan) -> bool:
    """Whether a wide dense layer reads the rows, and nothing else does."""
    first = plan.stages[0]
    return bool(
        first[Field.KIND] == DENSE
        and not first[Field.MAPS]
        and first[Field.UNITS] >= FEWEST_UNITS
        and not (plan.stages[1:, Field.X] == 0).any()
    )


def _make_bitmaps(plan: Plan) -> Bitmaps:
    # Imported, and so compiled, only for rows that are read like this.
    from neurosim.backends.cpu import sparse_products as kernels

    inputs, units = int(plan.stages[0, Field.INPUTS]), int(plan.stages[0, Field.UNITS])
    plan.scratch = max(plan.scratch, kernels.scratch_numbers(plan.capacity, units))
    bitmaps = Bitmaps(
        np.zeros(len(BitmapsField), np.int64),
        np.zeros(2 * plan.capacity * kernels.word_count(inputs), np.uint64),
        np.zeros(kernels.BYTES + 1, np.float32),
    )
    bitmaps.table[BitmapsField.GATHER] = kernels.gather.address
    bitmaps.table[BitmapsField.FORWARD] = kernels.forward.address
    bitmaps.table[BitmapsField.BACKWARD] = kernels.backward.address
    bitmaps.table[BitmapsField.BATCHES] = address(plan.inputs)
    bitmaps.table[BitmapsField.WORDS] = address(bitmaps.words)
    bitmaps.table[BitmapsField.SCALES] = address(bitmaps.scales)
    return bitmaps
