"""The ladder of matrix products in the CUDA simulator (on a GPU with NEUROSIM_TEST_GPU): every rung against NumPy."""

import numpy as np
import pytest

from neurosim.backends.cuda import ladder, vector_loads
from neurosim.backends.cuda.generation import Tiles
from neurosim.backends.cuda.target import cuda, simulated

RUNGS = [pytest.param(rung, id=rung.name, marks=() if simulated() else pytest.mark.gpu) for rung in ladder.rungs()]
# (m, depth, n): one number; less than a tile; several blocks both ways with no side a multiple of any tile or of
# four; all sides multiples of four, but not of tiles; whole tiles; nothing to add up but one term.
SHAPES = [(1, 1, 1), (3, 2, 5), (17, 7, 19), (20, 12, 36), (16, 8, 16), (18, 1, 17)]


def operands(shape):
    m, depth, n = shape
    generator = np.random.default_rng(5)
    return (generator.normal(size=size).astype(np.float32) for size in ((m, depth), (depth, n)))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("rung", RUNGS)
def test_every_rung_is_the_product(rung, shape):
    a, b = operands(shape)
    # A row below C shows whoever writes beyond its end.
    whole = cuda.to_device(np.full((shape[0] + 1, shape[2]), np.nan, np.float32))
    c = whole[: shape[0]]
    rung.multiply(cuda.to_device(a), cuda.to_device(b), c)
    found = whole.copy_to_host()
    expected = a.astype(np.float64) @ b.astype(np.float64)
    np.testing.assert_allclose(found[:-1], expected, rtol=0.0, atol=1e-6 * max(1.0, np.abs(expected).max()))
    assert np.isnan(found[-1]).all()


def test_the_order_of_sums_does_not_depend_on_the_rung():
    """One thread adds up each result from first to last: the same bits but for fused multiply-adds, on a GPU alike."""
    a, b = operands((9, 21, 10))
    results = []
    for rung in ladder.rungs():
        c = cuda.to_device(np.zeros((9, 10), np.float32))
        rung.multiply(cuda.to_device(a), cuda.to_device(b), c)
        results.append(c.copy_to_host())
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


def test_several_blocks_take_part():
    for rung in ladder.rungs():
        assert rung.tiles.count(17, 19) > 1 or not simulated()


def test_tiles_of_a_gpu():
    for rung in ladder.ON_GPU:
        tiles = rung.tiles
        assert tiles.threads <= 1024
        # Two halves at the most, below 48 KiB.
        assert 2 * 4 * tiles.depth * (tiles.rows + 4 + tiles.columns) <= 48 * 1024
    for rung in (ladder.ON_GPU[-1], ladder.IN_SIMULATOR[-1]):
        tiles = rung.tiles
        assert rung.name == "vectorized"
        # Each thread loads one four of each tile.
        assert tiles.rows * tiles.depth == tiles.columns * tiles.depth == 4 * tiles.threads
        assert all(edge % 4 == 0 for edge in (tiles.depth, tiles.down, tiles.across))


@pytest.mark.skipif(not simulated(), reason="a GPU stops at such a load")
@pytest.mark.parametrize(
    ("columns", "row", "column", "words"),
    [
        (8, 1, 2, "not a multiple"),
        (6, 1, 0, "not a multiple"),
        (6, 0, 4, "out of the row"),
        (8, 0, 8, "out of the row"),
    ],
)
def test_the_wide_load_refuses_what_a_gpu_cannot_do(columns, row, column, words):
    with pytest.raises(ValueError, match=words):
        vector_loads.load_four(np.zeros((2, columns), np.float32), row, column)


@pytest.mark.skipif(not simulated(), reason="a GPU's load is no Python function")
def test_the_wide_load_takes_four_neighbors():
    matrix = np.arange(16, dtype=np.float32).reshape(2, 8)
    assert vector_loads.load_four(matrix, 1, 4) == (12.0, 13.0, 14.0, 15.0)


def test_wide_loads_are_used_where_rows_are_multiples_of_four(monkeypatch):
    """And single ones elsewhere: a row of 5 numbers would be loaded across its end, and from odd places."""
    if not simulated():
        pytest.skip("counts calls of a Python function")
    rung = ladder.Rung("vectorized", Tiles(16, 16, 4, 4, 4))
    calls = []
    original = vector_loads.load_four

    def counting(matrix, row, column):
        calls.append(matrix.shape)
        return original(matrix, row, column)

    # In the simulator a kernel looks its functions up when it runs.
    monkeypatch.setitem(rung.kernel.fn.__globals__, "load_four", counting)
    for shape, wide in {
        (4, 8, 12): {(4, 8), (8, 12)},
        (4, 8, 5): {(4, 8)},
        (4, 5, 8): {(5, 8)},
        (4, 5, 7): set(),
    }.items():
        calls.clear()
        a, b = operands(shape)
        c = cuda.to_device(np.zeros((shape[0], shape[2]), np.float32))
        rung.multiply(cuda.to_device(a), cuda.to_device(b), c)
        assert set(calls) == wide


def test_what_is_compiled():
    kernels = [entry[0] for entry in ladder.compilations()] if not simulated() else ladder.rungs()
    assert len(kernels) == 4
    assert len({rung.name for rung in ladder.ON_GPU}) == 4
    assert [rung.name for rung in ladder.ON_GPU] == [rung.name for rung in ladder.IN_SIMULATOR]
