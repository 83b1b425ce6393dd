"""The backend on GPUs that are small, old or draw a screen, and when the driver refuses."""

import gc

import numpy as np
import pytest
import support
from numba import cuda
from support import Dense

from cuda_emulator import emulator
from cuda_emulator.emulated_networks import PERSISTENT, SIGMOID, SINGLE, Case
from neurosim.backends.cuda.backend import CudaBackend
from neurosim.backends.cuda.device import GENERATED, call, cooperative_blocks
from neurosim.backends.cuda.ensemble import GpuEnsemble
from neurosim.backends.cuda.pace import has_limit
from neurosim.backends.cuda.target import check_capability
from neurosim.backends.select import on_compilation
from neurosim.errors import BackendError, DataError, PluginError
from neurosim.formulas.float32 import Generated, Translator


def test_what_the_driver_refuses_is_told_in_words():
    @cuda.jit
    def write(x):
        x[cuda.blockIdx.x] = 1.0

    x = cuda.to_device(np.zeros(3, np.float32))
    with pytest.raises(BackendError, match="the GPU has failed: CUDA_ERROR_1") as caught:
        call(write, 3, 2048, x)
    assert 'backend="cpu"' in caught.value.hint


def test_a_kernel_that_cannot_be_compiled_blames_the_plugin_before_a_barrier_of_the_grid_too():
    names = {"cuda": cuda}
    exec("@cuda.jit\ndef kernel(x):\n    x[0] = 'one' + x[1]\n", names)
    x = cuda.to_device(np.zeros(3, np.float32))
    names[GENERATED] = Generated("", Translator())
    with pytest.raises(PluginError, match="cannot be compiled for the GPU"):
        cooperative_blocks(names["kernel"], 1, x)


def test_a_gpu_that_the_toolkit_does_not_know_is_refused():
    """Pascal and Volta with CUDA 13."""
    check_capability((7, 5))
    check_capability((9, 0))
    with pytest.raises(BackendError, match=r"knows no GPUs of compute capability 6\.1") as caught:
        check_capability((6, 1))
    assert "cuda12" in caught.value.hint


def test_a_launch_is_short_where_the_gpu_draws_a_screen():
    """And the numbers are the same."""
    found = []
    for draws in (False, True):
        emulator.set_device(3, draws_a_screen=draws)
        assert has_limit() == draws
        bench, _ = Case(9, SIGMOID, "binary_cross_entropy", "adam", PERSISTENT).make()
        emulator.forget()
        for epoch in range(2):
            bench._pace._steps = 2  # of three
            bench.train_epoch(support.rows(41, 9, 1), epoch)
        assert emulator.counts()["launches"] == 2 * (1 + draws)
        found.append(bench.parameters.tobytes())
    assert found[0] == found[1]


@pytest.mark.slow
def test_so_is_that_of_many_epochs_of_small_networks():
    """The second launch has as many epochs as fit."""
    net = support.network(9, SIGMOID, "binary_cross_entropy")
    rows = support.rows(20, 9, 1)
    found = []
    for draws in (False, True):
        emulator.set_device(2, draws_a_screen=draws)
        members = GpuEnsemble(CudaBackend(net, support.training("adam", shuffle=True), 3), [3, 4], [rows])
        emulator.forget()
        totals = members.train(6)
        assert (emulator.counts()["launches"] > 1) == draws
        found.append((totals.tobytes(), members.parameters.tobytes()))
    assert found[0] == found[1]


@pytest.mark.parametrize("strategy", [PERSISTENT, pytest.param(SINGLE, marks=pytest.mark.slow)])
def test_compiling_is_announced_and_counted_but_once(strategy, monkeypatch, tmp_path):
    monkeypatch.setenv("NEUROSIM_CACHE", str(tmp_path))
    layers = [Dense(3 if strategy is SINGLE else 4, "tanh"), Dense(1)]
    bench = CudaBackend(support.network(2, layers), support.training(), 3, strategy=strategy)
    told, named = [], []
    with on_compilation(lambda: told.append("now"), named.append):
        bench.train_epoch(support.rows(9, 2, 1), 0)
    assert told == ["now"]
    assert named == [f"GPU kernel: {'small networks' if strategy is SINGLE else 'an epoch'}"]
    assert bench.compile_seconds > 0.1
    with on_compilation(lambda: told.append("again")):
        bench.train_epoch(support.rows(9, 2, 1), 1)
    assert told == ["now"]


def in_use():
    """Bytes that earlier tests have not given back."""
    gc.collect()
    cuda.current_context().deallocations.clear()
    free, total = cuda.current_context().get_memory_info()
    return total - free


def test_an_evaluation_takes_a_part_of_what_is_free_and_few_work_spaces_are_kept():
    net = support.network(9, SIGMOID, "binary_cross_entropy")
    rows = support.rows(700, 9, 1)
    found = []
    for room in (None, 250_000):
        bench = None  # what it had is free again
        emulator.set_device(memory=in_use() + room if room else emulator.MEMORY)
        bench = CudaBackend(net, support.training(), 3)
        found.append(bench.evaluate(rows).loss)
        ((capacity, *_),) = bench._launches
        assert (capacity < 700) == (room is not None)
    assert found[0] == found[1]
    for count in range(1, 9):
        bench.gradients(support.rows(count, 9, 1))
    assert [capacity for capacity, *_ in bench._launches] == [5, 6, 7, 8]


def test_what_has_no_room_is_refused():
    emulator.set_device(memory=in_use() + (1 << 20))
    with pytest.raises(DataError, match=r"[\d,]+ bytes asked, [\d,]+ free"):
        CudaBackend(support.network(900, [Dense(900)], "mse"), support.training(), 3)
