"""The emulator itself, on kernels of a few lines: right ones with nothing found, and one for each kind of fault."""

import ctypes
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numba import cuda, float32, int32

from cuda_emulator.library import load
from neurosim.backends.cuda.device import call

THREADS, BLOCKS = 8, 3


def run(kernel, *arrays, blocks=BLOCKS, threads=THREADS):
    """Launch the kernel with copies of the arrays; returns the copies as it leaves them."""
    copies = [cuda.to_device(array) if isinstance(array, np.ndarray) else array for array in arrays]
    call(kernel, blocks, threads, *copies)
    return [copy.copy_to_host() for copy in copies]


def kinds(device):
    return {finding.kind for finding in device.findings()}


def zeros(count=THREADS * BLOCKS, dtype=np.float32):
    return np.zeros(count, dtype)


# What is right ------------------------------------------------------------------------------------------------------


@cuda.jit
def reverse(x, y):
    """Each block its part, through shared memory."""
    shared = cuda.shared.array(THREADS, float32)
    i = cuda.grid(1)
    shared[cuda.threadIdx.x] = x[i]
    cuda.syncthreads()
    y[i] = shared[THREADS - 1 - cuda.threadIdx.x]


@pytest.mark.parametrize("seed", range(5))
def test_a_kernel_that_is_right_runs_and_nothing_is_found(device, seed):
    device.set_seed(seed)
    x = np.arange(24, dtype=np.float32)
    _, y = run(reverse, x, zeros())
    np.testing.assert_array_equal(y.reshape(3, 8), x.reshape(3, 8)[:, ::-1])
    assert device.findings() == []
    counts = device.counts()
    assert (counts["launches"], counts["blocks"], counts["barriers"]) == (1, 3, 3)
    assert (counts["reads"], counts["writes"]) == (48, 48)


@cuda.jit
def reverse_in_a_warp(x, y):
    """All but two threads: a warp does not wait for those that have ended."""
    shared = cuda.shared.array(THREADS, float32)
    i = cuda.threadIdx.x
    if i < THREADS - 2:
        shared[i] = x[i]
        cuda.syncwarp()
        y[i] = shared[THREADS - 3 - i]


def test_a_warp_meets_where_it_is_alone_in_its_block(device):
    x = np.arange(8, dtype=np.float32)
    _, y = run(reverse_in_a_warp, x, zeros(), blocks=1)
    np.testing.assert_array_equal(y[:6], x[5::-1])
    assert device.findings() == []
    run(reverse_in_a_warp, x, zeros(), blocks=1, threads=64)
    assert kinds(device) == {"not emulated"}


@cuda.jit
def sum_over_grid(parts, total):
    grid = cuda.cg.this_grid()
    if cuda.threadIdx.x == 0:
        parts[cuda.blockIdx.x] = cuda.blockIdx.x + 1
    grid.sync()
    value = float32(0.0)
    for k in range(parts.shape[0]):
        value += parts[k]
    total[cuda.grid(1)] = value


@pytest.mark.parametrize(("processors", "each"), [(4, 1), (2, 2), (1, 4)])
def test_all_blocks_meet_at_a_barrier_of_the_grid(device, processors, each):
    device.set_device(processors, each)
    _, total = run(sum_over_grid, zeros(4), zeros(32), blocks=4)
    assert (total == 10.0).all()
    assert device.findings() == []
    assert device.counts()["grid_barriers"] == 1


@cuda.jit
def local_sums(x, y):
    sums = cuda.local.array(4, float32)
    for k in range(4):
        sums[k] = float32(0.0)
    for k in range(x.shape[0]):
        sums[k % 4] += x[k]
    y[cuda.grid(1)] = sums[0] + sums[1] * float32(2.0) + sums[2] * float32(3.0) + sums[x.shape[0] % 4] * float32(4.0)


def test_local_memory_is_each_threads_own(device):
    x = np.arange(7, dtype=np.float32)
    _, y = run(local_sums, x, zeros())
    assert (y == 4.0 + 2 * 6.0 + 3 * 8.0 + 4 * 3.0).all()
    assert device.findings() == []


@cuda.jit
def one_of_three(x, y):
    i = cuda.grid(1)
    y[i] = 1 if x[i] in (3, 5, 7) else 0


def test_what_the_optimizer_makes_a_table_of_can_be_read(device):
    """It looks up the numbers to compare with: an array of constants that no kernel has asked for."""
    x = np.arange(24, dtype=np.int32)
    _, y = run(one_of_three, x, zeros())
    np.testing.assert_array_equal(y, np.isin(x, (3, 5, 7)))
    assert device.findings() == []


@cuda.jit
def last_block_adds(parts, done, total):
    """By a fence and an atomic: whoever is last sees what all others have written."""
    if cuda.threadIdx.x == 0:
        parts[cuda.blockIdx.x] = cuda.blockIdx.x + 1
        cuda.threadfence()
        if cuda.atomic.add(done, 0, 1) == cuda.gridDim.x - 1:
            cuda.threadfence()
            value = float32(0.0)
            for k in range(parts.shape[0]):
                value += parts[k]
            total[0] = value


@cuda.jit
def last_block_adds_without_a_fence(parts, done, total):
    if cuda.threadIdx.x == 0:
        parts[cuda.blockIdx.x] = cuda.blockIdx.x + 1
        if cuda.atomic.add(done, 0, 1) == cuda.gridDim.x - 1:
            cuda.threadfence()
            value = float32(0.0)
            for k in range(parts.shape[0]):
                value += parts[k]
            total[0] = value


def test_a_fence_and_an_atomic_hand_numbers_on(device):
    _, _, total = run(last_block_adds, zeros(3), zeros(1, np.int32), zeros(1))
    assert total[0] == 6.0
    assert device.findings() == []


def test_an_atomic_without_a_fence_does_not(device):
    run(last_block_adds_without_a_fence, zeros(3), zeros(1, np.int32), zeros(1))
    assert kinds(device) == {"race between blocks"}


@cuda.jit
def own_barrier(x, met, y, fenced):
    """All blocks meet by counting; the first thread of each waits for the others."""
    # With the number of the neighbor beside it, which is in the cache from now on.
    before = x[cuda.blockIdx.x]
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        x[cuda.blockIdx.x] = before + float32(2.0)
        if fenced[0] > 0:
            cuda.threadfence()
        cuda.atomic.add(met, 0, 1)
        while cuda.atomic.add(met, 0, 0) < cuda.gridDim.x:
            pass
        if fenced[0] > 0:
            cuda.threadfence()
    cuda.syncthreads()
    y[cuda.grid(1)] = x[(cuda.blockIdx.x + 1) % cuda.gridDim.x]


@pytest.mark.parametrize("seed", range(3))
def test_without_a_fence_old_numbers_are_read_from_a_cache(device, seed):
    arrays = zeros(2), zeros(1, np.int32), zeros(16)
    device.set_seed(seed)
    _, _, y, _ = run(own_barrier, *arrays, np.array([1], np.int32), blocks=2)
    assert (y == 2.0).all()
    assert device.findings() == []
    _, _, y, _ = run(own_barrier, *arrays, np.array([0], np.int32), blocks=2)
    assert (y == 0.0).any()
    assert kinds(device) == {"race between blocks", "stale cache line"}
    device.forget()
    # Blocks that share a cache see each other's numbers, but nobody may count on that.
    device.set_device(1, 2)
    _, _, y, _ = run(own_barrier, *arrays, np.array([0], np.int32), blocks=2)
    assert (y == 2.0).all()
    assert kinds(device) == {"race between blocks"}


# What is wrong ------------------------------------------------------------------------------------------------------


@cuda.jit
def reverse_without_a_barrier(x, y):
    shared = cuda.shared.array(THREADS, float32)
    i = cuda.grid(1)
    shared[cuda.threadIdx.x] = x[i]
    y[i] = shared[THREADS - 1 - cuda.threadIdx.x]


@cuda.jit
def all_write_one(x, y):
    y[cuda.blockIdx.x] = x[cuda.threadIdx.x]


@cuda.jit
def neighbors_of_other_blocks(x, y):
    i = cuda.grid(1)
    y[i] = x[i]
    cuda.syncthreads()
    x[i] = y[(i + THREADS) % y.shape[0]]


@cuda.jit
def beyond_the_end(x, y):
    i = cuda.grid(1)
    y[i + 1] = x[i]


@cuda.jit
def before_the_beginning(x, y):
    i = cuda.grid(1)
    y[i] = x[int32(i) - 1 if i > 0 else -100]


@cuda.jit
def beyond_shared(x, y):
    shared = cuda.shared.array(THREADS, float32)
    i = cuda.threadIdx.x
    shared[i + 1] = x[i]
    cuda.syncthreads()
    y[cuda.grid(1)] = shared[i + 1]


@cuda.jit
def beyond_local(x, y):
    own = cuda.local.array(4, float32)
    for k in range(4):
        own[k] = x[k]
    y[cuda.grid(1)] = own[x.shape[0]]


@cuda.jit
def shared_never_written(x, y):
    shared = cuda.shared.array(THREADS, float32)
    if cuda.threadIdx.x != 3:
        shared[cuda.threadIdx.x] = x[cuda.threadIdx.x]
    cuda.syncthreads()
    y[cuda.grid(1)] = shared[cuda.threadIdx.x]


@cuda.jit
def local_never_written(x, y):
    own = cuda.local.array(4, float32)
    for k in range(3):
        own[k] = x[k]
    y[cuda.grid(1)] = own[(x.shape[0] + 3) % 4]


@cuda.jit
def some_leave_before_the_barrier(x, y):
    if cuda.threadIdx.x < 3:
        return
    cuda.syncthreads()
    y[cuda.grid(1)] = x[cuda.grid(1)]


@cuda.jit
def barriers_at_two_places(x, y):
    if x[cuda.threadIdx.x] > 3:
        y[cuda.grid(1)] = float32(1.0)
        cuda.syncthreads()
    else:
        cuda.syncthreads()
        y[cuda.grid(1)] = float32(2.0)


@cuda.jit
def one_block_misses_the_grid(x, y):
    if cuda.blockIdx.x != 1:
        grid = cuda.cg.this_grid()
        grid.sync()
    y[cuda.grid(1)] = x[cuda.grid(1)]


@cuda.jit
def waits_for_itself(x, y):
    met = cuda.shared.array(1, int32)
    if cuda.threadIdx.x == 0:
        met[0] = 0
    cuda.syncthreads()
    cuda.atomic.add(met, 0, 1)
    while cuda.atomic.add(met, 0, 0) <= THREADS:
        pass
    y[cuda.grid(1)] = x[cuda.grid(1)]


FAULTS = [
    (reverse_without_a_barrier, {"race in a block", "never written"}),
    (all_write_one, {"race in a block"}),
    (neighbors_of_other_blocks, {"race between blocks", "never written"}),
    (beyond_the_end, {"out of bounds"}),
    (before_the_beginning, {"out of bounds"}),
    (beyond_shared, {"out of bounds"}),
    (beyond_local, {"out of bounds"}),
    (shared_never_written, {"never written"}),
    (local_never_written, {"never written"}),
    (some_leave_before_the_barrier, {"divergent barrier"}),
    (barriers_at_two_places, {"divergent barrier"}),
    (one_block_misses_the_grid, {"deadlock"}),
    (waits_for_itself, {"deadlock"}),
]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("kernel", "expected"), FAULTS, ids=[kernel.py_func.__name__ for kernel, _ in FAULTS])
def test_every_fault_is_found(device, kernel, expected, seed):
    device.set_device(3)
    device.set_seed(seed)
    y = cuda.device_array(24, np.float32) if "never written" in expected else zeros()
    run(kernel, np.arange(24, dtype=np.float32), y)
    found = device.findings()
    assert {finding.kind for finding in found} <= expected
    assert found
    assert {finding.function for finding in found} <= {kernel.py_func.__name__, "?"}


def test_memory_that_was_never_written_or_given_back_is_not_to_be_read(device):
    @cuda.jit
    def copy(x, y):
        y[cuda.grid(1)] = x[cuda.grid(1)]

    _, y = run(copy, cuda.device_array(24, np.float32), zeros())
    assert np.isnan(y).all()
    assert kinds(device) == {"never written"}
    device.forget()
    x = cuda.to_device(zeros())
    view = x[:]
    call(copy, BLOCKS, THREADS, view, cuda.to_device(zeros()))
    assert device.findings() == []


def test_another_thread_may_give_back_memory_while_a_kernel_runs(device):
    """As Python does, which collects arrays in whatever thread it is, and lets others run during a launch."""
    driver, ended = load(), threading.Event()

    def take_and_give_back():
        address = ctypes.c_uint64()
        while not ended.is_set():
            assert driver.cuMemAlloc_v2(ctypes.byref(address), ctypes.c_size_t(64)) == 0
            assert driver.cuMemFree_v2(address) == 0

    x = np.arange(24, dtype=np.float32)
    with ThreadPoolExecutor() as pool:
        other = pool.submit(take_and_give_back)
        for _ in range(100):
            _, y = run(reverse, x, zeros())
            np.testing.assert_array_equal(y.reshape(3, 8), x.reshape(3, 8)[:, ::-1])
        ended.set()
        other.result()
    assert device.findings() == []


def test_what_is_not_emulated_is_refused():
    @cuda.jit
    def shuffle(x, y):
        y[cuda.grid(1)] = cuda.shfl_sync(0xFFFFFFFF, x[cuda.grid(1)], 0)

    with pytest.raises(NotImplementedError, match=r"not emulated: .*shfl"):
        run(shuffle, zeros(), zeros())


def test_too_many_blocks_at_a_barrier_are_refused(device):
    device.set_device(2)
    with pytest.raises(Exception, match=r"exceeds the limit|720"):
        run(sum_over_grid, zeros(3), zeros(24), blocks=3)


def test_threads_go_in_a_different_order_for_each_seed(device):
    @cuda.jit
    def order(turn, y):
        y[cuda.grid(1)] = cuda.atomic.add(turn, 0, 1)

    orders = set()
    for seed in range(4):
        for _ in range(2):
            device.set_seed(seed)
            _, y = run(order, zeros(1, np.int32), zeros(24, np.int32))
            orders.add(tuple(y))
            assert sorted(y) == list(range(24))
    assert len(orders) == 4
    assert device.findings() == []
