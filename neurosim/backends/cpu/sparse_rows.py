"""Which rows a network reads as lists of the bytes that are not 0, and the table for the kernels that do."""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.plan import Lists, Plan
from neurosim.backends.cpu.stages.base import address
from neurosim.backends.cpu.table import DENSE, Field, ListsField
from neurosim.data.rows import Rows

# Lists are faster up to about this share of bytes that are not 0, and from about so many units on.
MOST = 0.3
FEWEST_UNITS = 64
# How many rows are looked at.
SAMPLE = 1024
# Places in lists have 24 bits.
LARGEST = 1 << 23


def mostly_zero(rows: Rows) -> bool:
    """Whether most inputs are bytes of 0: a sample of the rows decides."""
    if rows.features.dtype != np.uint8:
        return False
    sample = rows.features[:: max(1, rows.count // SAMPLE)]
    return bool(np.count_nonzero(sample) < MOST * sample.size)


def choose_lists(plan: Plan, *, wanted: bool, rows: Rows) -> None:
    """Let a plan read these rows as lists if that is wanted, which its network must be able to; else as numbers."""
    plan.stages[0, Field.LISTS] = 0
    if wanted:
        plan.lists = plan.lists or _make_lists(plan)
        plan.lists.scales[:-1] = np.arange(plan.lists.scales.size - 1) * np.float32(rows.scale)
        plan.lists.scales[-1] = rows.shift
        plan.stages[0, Field.LISTS] = address(plan.lists.table)


def can_read_lists(plan: Plan) -> bool:
    """Whether a wide dense layer reads the rows, and nothing else does."""
    first = plan.stages[0]
    return bool(
        first[Field.KIND] == DENSE
        and not first[Field.MAPS]
        and first[Field.UNITS] >= FEWEST_UNITS
        and max(first[Field.INPUTS], plan.capacity) < LARGEST
        and not (plan.stages[1:, Field.X] == 0).any()
    )


def _make_lists(plan: Plan) -> Lists:
    # Imported, and so compiled, only for rows that are read like this.
    from neurosim.backends.cpu import sparse_products as kernels

    plan.scratch = max(plan.scratch, kernels.scratch_numbers(plan.capacity, int(plan.stages[0, Field.UNITS])))
    lists = Lists(
        np.zeros(len(ListsField), np.int64),
        np.zeros(2 * plan.capacity, np.int64),
        np.zeros(kernels.BYTES + 1, np.float32),
    )
    lists.table[ListsField.GATHER] = kernels.gather.address
    lists.table[ListsField.FORWARD] = kernels.forward.address
    lists.table[ListsField.BACKWARD] = kernels.backward.address
    lists.table[ListsField.FIRST_LIST] = address(plan.inputs)
    lists.table[ListsField.COUNTS] = address(lists.counts)
    lists.table[ListsField.SCALES] = address(lists.scales)
    return lists
