"""How the rows and the columns of a batch are divided into blocks: rows by shape alone, whatever the threads."""

from __future__ import annotations

from neurosim.backends.cpu.jit import compiled

# More parts than this are too small to be worth handing out for the sake of an even distribution.
MOST_PARTS = 8


@compiled
def row_blocks(rows):
    """The number of blocks into which the rows of a batch are divided."""
    if rows < 16:
        return 1
    return max(2, rows // 64)


@compiled
def parts_of(groups, threads):
    """How many parts each of some groups of maps is divided into, so that no thread waits for long; 1 if none does.

    A thread takes a whole group through many stages while it is in cache, whereas parts meet after each stage.
    """
    rounds = (groups + threads - 1) // threads
    if 10 * groups >= 7 * rounds * threads:
        return 1
    common, rest = groups, threads
    while rest:
        common, rest = rest, common % rest
    # As many as make the blocks a multiple of the threads.
    even = threads // common
    return even if even <= MOST_PARTS else (threads + groups - 1) // groups


@compiled
def share(part, parts, count):
    """The range of `count` things that is part number `part`."""
    return part * count // parts, (part + 1) * count // parts


@compiled
def edge(q, blocks, count):
    """The beginning of block `q` of `blocks` among `count` rows or columns, on a multiple of 8 where possible."""
    if q == blocks:
        return count
    return q * count // blocks // 8 * 8
