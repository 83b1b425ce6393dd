"""A ladder of matrix products, C = A B: the worth of each idea, from one thread per result to 16 bytes at a time.

What they compute. A (m, depth), B (depth, n) and C (m, n), float32, row after row, of any shape; each
number of C is a sum of `depth` products, added up by one thread from first to last. So a product takes m n depth
multiply-adds, and each of them needs two numbers, 8 bytes. A GPU can do many more multiply-adds than it can load
numbers (an H200, by its data sheet: 67 TFLOP/s of float32 and 4.8 TB/s, 28 multiply-adds in the time in which one
number arrives from memory). All that the ladder does is to use each number more often once it is close.

Launch geometry, the same for all. One block of THREADS threads for each tile of ROWS x COLUMNS results, with tiles
counted along the rows of C; each thread computes DOWN x ACROSS of them. A tile may extend beyond C: missing numbers
are loaded as 0 and not stored.

Where the bytes go is described rung by rung, as bytes requested per multiply-add.
"""

import numpy as np

from neurosim.backends.cuda.blanks import ACROSS, COLUMNS, DEPTH, DOWN, ROWS, THREADS
from neurosim.backends.cuda.target import cuda, float32, inner, jit
from neurosim.backends.cuda.vector_loads import load_four

ZERO = np.float32(0)
U = np.uint32
# The threads of a block form a grid, THREADS_DOWN x THREADS_ACROSS.
THREADS_DOWN, THREADS_ACROSS = ROWS // DOWN, COLUMNS // ACROSS
SUMS = DOWN * ACROSS


@inner
def inside(matrix, row, column):
    """Whether a position is inside a matrix. All unsigned: Numba compares signed and unsigned numbers as float64."""
    return row < U(matrix.shape[0]) and column < U(matrix.shape[1])


@inner
def one(matrix, row, column):
    """A number of a matrix, 0 outside."""
    return matrix[row, column] if inside(matrix, row, column) else ZERO


@inner
def first_row(c):
    """The row of C in which this block's tile begins."""
    return cuda.blockIdx.x // ((c.shape[1] + COLUMNS - 1) // COLUMNS) * ROWS


@inner
def first_column(c):
    """The column of C in which this block's tile begins."""
    return cuda.blockIdx.x % ((c.shape[1] + COLUMNS - 1) // COLUMNS) * COLUMNS


# Naive ----------------------------------------------------------------------------------------------------------
#
# Each thread goes along a row of A and down a column of B, and loads every number from memory.
#
# Bytes per multiply-add: 8 from global memory. The threads of a warp help by accident: 32 neighbors in a row of C need
# the same number of A, which is sent to all at once, and 32 neighboring numbers of B, which are one line of memory.
# The caches serve what the other warps need again. Still, every multiply-add waits for two loads, and the load units
# are busy while the arithmetic units are not.


@jit
def naive(a, b, c):
    """C = A B, one thread per result (DOWN = ACROSS = 1)."""
    i = first_row(c) + cuda.threadIdx.x // COLUMNS
    j = first_column(c) + cuda.threadIdx.x % COLUMNS
    if i < c.shape[0] and j < c.shape[1]:
        total = ZERO
        for k in range(a.shape[1]):
            total = cuda.fma(a[i, k], b[k, j], total)
        c[i, j] = total


# Tiled ----------------------------------------------------------------------------------------------------------
#
# The threads of a block need the same rows of A and columns of B, so they fetch them together, DEPTH at a time, into
# shared memory, which is as close as the level-1 cache and is theirs to fill. Each loads a few numbers, all wait until
# the tiles are full, each adds up its DEPTH products, and all wait until the tiles are no longer needed.
#
# Bytes per multiply-add: a number of A is fetched once for COLUMNS results and one of B once for ROWS, so 4 / COLUMNS
# + 4 / ROWS from global memory (0.5 with tiles of 16 x 16). But still 8 from shared memory: two loads for one
# multiply-add, although a multiprocessor can do one load and four multiply-adds at a time.


@inner
def fetch(tile, matrix, row, column):
    """Fill a shared tile from position (row, column) of a matrix on; neighboring threads load neighboring numbers."""
    height, width = U(tile.shape[0]), U(tile.shape[1])
    for place in range(U(cuda.threadIdx.x), height * width, U(THREADS)):
        y, x = place // width, place % width
        tile[y, x] = one(matrix, U(row) + y, U(column) + x)


@jit
def tiled(a, b, c):
    """C = A B through shared memory, one thread per result (DOWN = ACROSS = 1)."""
    left = cuda.shared.array((ROWS, DEPTH), float32)
    right = cuda.shared.array((DEPTH, COLUMNS), float32)
    i, j = cuda.threadIdx.x // COLUMNS, cuda.threadIdx.x % COLUMNS
    row, column = first_row(c), first_column(c)
    total = ZERO
    for k0 in range(0, a.shape[1], DEPTH):
        fetch(left, a, row, k0)
        fetch(right, b, k0, column)
        cuda.syncthreads()
        for k in range(DEPTH):
            total = cuda.fma(left[i, k], right[k, j], total)
        cuda.syncthreads()
    if row + i < c.shape[0] and column + j < c.shape[1]:
        c[row + i, column + j] = total


# Register-tiled -------------------------------------------------------------------------------------------------
#
# Registers are closer still. A thread that computes DOWN x ACROSS results takes DOWN numbers of A and ACROSS of B from
# shared memory, and multiplies each with each: many multiply-adds for few loads. Its results are spaced THREADS_ACROSS
# columns and THREADS_DOWN rows apart, so that at each moment neighboring threads read neighboring numbers: 32 numbers
# in 32 different banks of shared memory arrive at once.
#
# Bytes per multiply-add: 4 / COLUMNS + 4 / ROWS from global memory (0.125 with tiles of 64 x 64), and 4 / ACROSS + 4 /
# DOWN from shared memory (2 with 4 x 4 results per thread, down from 8). The price is registers: SUMS of them for the
# results alone, so fewer threads fit on the GPU at once.
#
# From here on indices are unsigned. A negative index counts from the end, in Python and in Numba; checking for that
# costs two instructions and a register each time. An unsigned index needs no check.


@jit
def register_tiled(a, b, c):
    """C = A B through shared memory and registers, DOWN x ACROSS results per thread."""
    left = cuda.shared.array((ROWS, DEPTH), float32)
    right = cuda.shared.array((DEPTH, COLUMNS), float32)
    sums = cuda.local.array(SUMS, float32)
    factors = cuda.local.array(ACROSS, float32)
    thread = U(cuda.threadIdx.x)
    i0, j0 = thread // U(THREADS_ACROSS), thread % U(THREADS_ACROSS)
    row, column = U(first_row(c)), U(first_column(c))
    for n in range(SUMS):
        sums[n] = ZERO
    for k0 in range(U(0), U(a.shape[1]), U(DEPTH)):
        fetch(left, a, row, k0)
        fetch(right, b, k0, column)
        cuda.syncthreads()
        for k in range(DEPTH):
            for j in range(ACROSS):
                factors[j] = right[U(k), j0 + U(j * THREADS_ACROSS)]
            for i in range(DOWN):
                factor = left[i0 + U(i * THREADS_DOWN), U(k)]
                for j in range(ACROSS):
                    sums[i * ACROSS + j] = cuda.fma(factor, factors[j], sums[i * ACROSS + j])
        cuda.syncthreads()
    for i in range(DOWN):
        for j in range(ACROSS):
            y, x = row + i0 + U(i * THREADS_DOWN), column + j0 + U(j * THREADS_ACROSS)
            if inside(c, y, x):
                c[y, x] = sums[i * ACROSS + j]


# Vectorised -----------------------------------------------------------------------------------------------------
#
# The same with fewer instructions to move the bytes, and without waiting for memory.
#
# * Fours. All loads take 16 bytes: from global memory by `load_four`, from shared memory because the four numbers
#   that belong together lie side by side there, at a multiple of 16 bytes. For that the tile of A is turned round
#   on its way into shared memory, and a thread's rows and columns come in groups of four.
# * Ahead. While the threads multiply one tile, the next one is on its way from global memory into registers. It
#   is put into the other half of shared memory, so that one wait for each other per tile is enough.
#
# Bytes per multiply-add: addresses take fewer registers now, and there is room for 8 x 8 results per thread and tiles
# of 128 x 128: 0.06 from global memory, 1 from shared memory.
#
# Shapes. DOWN and ACROSS are multiples of four, and each thread loads one four of each tile: ROWS DEPTH =
# COLUMNS DEPTH = 4 THREADS. Matrices whose rows are no multiple of four numbers are loaded one number at a time.

FOUR = 4
# Four more than needed, so that two groups of threads storing columns of the transposed tile hit different banks.
LEFT_WIDTH = ROWS + FOUR
FOURS_DEEP, FOURS_ACROSS = U(max(DEPTH // FOUR, 1)), U(max(COLUMNS // FOUR, 1))
GROUPS_DOWN, GROUPS_ACROSS = DOWN // FOUR, ACROSS // FOUR
# From one group of four results of a thread to the next one.
STEP_DOWN, STEP_ACROSS = FOUR * THREADS_DOWN, FOUR * THREADS_ACROSS


@inner
def four(matrix, row, column):
    """Four numbers of a row of a matrix from `column` on, a multiple of four; 0 outside."""
    if matrix.shape[1] % FOUR != 0:
        return (
            one(matrix, row, column),
            one(matrix, row, column + U(1)),
            one(matrix, row, column + U(2)),
            one(matrix, row, column + U(3)),
        )
    # Then all four are inside, or none.
    if inside(matrix, row, column):
        return load_four(matrix, row, column)
    return ZERO, ZERO, ZERO, ZERO


@inner
def put(left, right, half, from_a, from_b, thread):
    """Store four numbers of A, transposed, and four of B in one half of the shared tiles."""
    row, k = thread // FOURS_DEEP, thread % FOURS_DEEP * U(FOUR)
    for n in range(FOUR):
        left[half, k + U(n), row] = from_a[n]
    k, column = thread // FOURS_ACROSS, thread % FOURS_ACROSS * U(FOUR)
    for n in range(FOUR):
        right[half, k, column + U(n)] = from_b[n]


@jit
def vectorized(a, b, c):
    """C = A B like `register_tiled`, but 16 bytes at a time, and with the next tile fetched while this one is used."""
    left = cuda.shared.array((2, DEPTH, LEFT_WIDTH), float32, alignment=16)
    right = cuda.shared.array((2, DEPTH, COLUMNS), float32, alignment=16)
    sums = cuda.local.array(SUMS, float32)
    downs = cuda.local.array(DOWN, float32)
    acrosses = cuda.local.array(ACROSS, float32)
    thread = U(cuda.threadIdx.x)
    i0, j0 = thread // U(THREADS_ACROSS) * U(FOUR), thread % U(THREADS_ACROSS) * U(FOUR)
    row, column = U(first_row(c)), U(first_column(c))
    # The source of this thread's four numbers of each tile of A and of B.
    a_row, a_k = row + thread // FOURS_DEEP, thread % FOURS_DEEP * U(FOUR)
    b_k, b_column = thread // FOURS_ACROSS, column + thread % FOURS_ACROSS * U(FOUR)
    for n in range(SUMS):
        sums[n] = ZERO
    half = U(0)
    put(left, right, half, four(a, a_row, a_k), four(b, b_k, b_column), thread)
    cuda.syncthreads()
    for k0 in range(U(0), U(a.shape[1]), U(DEPTH)):
        # Beyond the last tile there are zeros, which are never used.
        following = k0 + U(DEPTH)
        from_a, from_b = four(a, a_row, following + a_k), four(b, following + b_k, b_column)
        for k in range(DEPTH):
            for group in range(GROUPS_DOWN):
                for n in range(FOUR):
                    downs[group * FOUR + n] = left[half, U(k), i0 + U(group * STEP_DOWN + n)]
            for group in range(GROUPS_ACROSS):
                for n in range(FOUR):
                    acrosses[group * FOUR + n] = right[half, U(k), j0 + U(group * STEP_ACROSS + n)]
            for i in range(DOWN):
                for j in range(ACROSS):
                    sums[i * ACROSS + j] = cuda.fma(downs[i], acrosses[j], sums[i * ACROSS + j])
        half ^= U(1)
        put(left, right, half, from_a, from_b, thread)
        cuda.syncthreads()
    for i in range(DOWN):
        for j in range(ACROSS):
            y = row + i0 + U(i // FOUR * STEP_DOWN + i % FOUR)
            x = column + j0 + U(j // FOUR * STEP_ACROSS + j % FOUR)
            if inside(c, y, x):
                c[y, x] = sums[i * ACROSS + j]
