"""How the rows and the columns of a batch are divided into blocks: rows by shape alone, whatever the threads."""

from __future__ import annotations

from neurosim.backends.cpu.jit import compiled


@compiled
def row_blocks(rows):
    """The number of blocks into which the rows of a batch are divided."""
    if rows < 16:
        return 1
    return max(2, rows // 64)


@compiled
def edge(q, blocks, count):
    """The beginning of block `q` of `blocks` among `count` rows or columns, on a multiple of 8 where possible."""
    if q == blocks:
        return count
    return q * count // blocks // 8 * 8
