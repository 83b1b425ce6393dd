"""What the bits of the CUDA backend depend on, and that they are those of the CPU backend.

The networks of `emulated_networks` are compared bit by bit in `test_emulated_networks`.
"""

import json
import re

import numpy as np
import pytest
from golden.golden_networks import LARGE, STORED, digest
from numba import float32, njit

import neurosim
from neurosim.backends.cpu import vector_math
from neurosim.backends.cpu.jit import FLAGS
from neurosim.backends.cuda import ladder
from neurosim.backends.cuda.device import call
from neurosim.backends.cuda.functions import math
from neurosim.backends.cuda.resources import fusible_instructions
from neurosim.backends.cuda.target import compile_ptx, cuda, flushing_jit, jit
from neurosim.backends.select import make_small_ensemble

HASHES = json.loads(STORED.read_text(encoding="utf-8"))


def test_networks_that_share_a_warp_have_the_bits_of_the_cpu():
    """Five of them, of which the last one is alone in its warp; and the single one."""
    assert digest("xor", 1, "cuda") == HASHES["xor"]
    found = set()
    for name in ("cpu", "cuda"):
        bench = neurosim.Simulator(neurosim.load_scenario("xor"), backend=name)
        bench._backend.prepare()
        together = make_small_ensemble(bench._backend, range(5), [bench._splits["train"]])
        assert together.train(30).shape == (30, 5, 2)
        found.add(np.array(together.parameters).tobytes())
    assert len(found) == 1


# For each two kernels are compiled, and those with MNIST take minutes.
@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in HASHES if name != "xor"])
def test_the_first_steps_of_a_scenario_have_the_hash_of_the_cpu(name):
    source = neurosim.load_scenario(name).data.source
    if source in LARGE and not (neurosim.data.data_root() / source).is_dir():
        pytest.skip("needs its data set")
    assert digest(name, 1, "cuda") == HASHES[name]


def run(kernel, *arrays):
    """The last array as the kernel fills it, with a thread for each number."""
    on_device = [cuda.to_device(array) for array in arrays]
    call(kernel, -(-arrays[-1].size // 32), 32, *on_device)
    return on_device[-1].copy_to_host()


def numbers(count=4096):
    """Of every sign and size, and special ones."""
    random = np.random.default_rng(1)
    patterns = random.integers(0, 2**32, count // 2, dtype=np.uint64).astype(np.uint32).view(np.float32)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-40, 1.0, -1.0, 0.625, 88.73, -104.0], np.float32)
    return np.concatenate([special, patterns, np.linspace(-20, 20, count // 2 - special.size, dtype=np.float32)])


def test_functions_have_the_bits_of_the_cpu():
    @jit
    def on_gpu(x, out):
        i = cuda.grid(1)
        if i < x.size:
            out[0, i], out[1, i], out[2, i] = math.exp(x[i]), math.expm1(x[i]), math.log(x[i])
            out[3, i], out[4, i], out[5, i] = math.log1p(x[i]), math.tanh(x[i]), math.erf(x[i])
            out[6, i], out[7, i], out[8, i] = math.floor(x[i]), math.fmod(x[i], float32(0.7)), math.sqrt(x[i])

    @njit(**FLAGS)
    def on_cpu(x, out):
        for i in range(x.size):
            out[0, i], out[1, i], out[2, i] = vector_math.exp(x[i]), vector_math.expm1(x[i]), vector_math.log(x[i])
            out[3, i], out[4, i], out[5, i] = vector_math.log1p(x[i]), vector_math.tanh(x[i]), vector_math.erf(x[i])
            out[6, i], out[7, i], out[8, i] = np.floor(x[i]), np.fmod(x[i], float32(0.7)), np.sqrt(x[i])

    x = numbers()
    expected = np.zeros((9, x.size), np.float32)
    on_cpu(x, expected)
    found = run(on_gpu, x, np.zeros_like(expected))
    # NaNs have other bits on a GPU.
    same = (found.view(np.int32) == expected.view(np.int32)) | (np.isnan(found) & np.isnan(expected))
    assert same.all(), np.unique(np.argwhere(~same)[:, 0])


def fuse(x, y):
    i = cuda.grid(1)
    y[i] = x[i] * x[i] + y[i]


def test_products_and_sums_are_fused_only_where_it_is_written():
    """The emulator fuses what a GPU's compiler would fuse, unless it has been told not to."""
    x = np.random.default_rng(1).normal(size=64).astype(np.float32)
    rounded_twice = x * x - np.float32(1.0)
    rounded_once = (x.astype(np.float64) ** 2 - 1.0).astype(np.float32)
    assert not np.array_equal(rounded_twice, rounded_once)
    start = np.full(64, -1.0, np.float32)
    np.testing.assert_array_equal(run(jit(fuse), x, start), rounded_twice)
    np.testing.assert_array_equal(run(cuda.jit(fuse), x, start), rounded_once)


def test_tiny_numbers_count_as_0_where_that_is_asked_for():
    x, start = np.full(32, 1e-20, np.float32), np.zeros(32, np.float32)
    assert (run(jit(fuse), x, start) > 0.0).all()
    assert (run(flushing_jit(fuse), x, start) == 0.0).all()


def test_the_assembler_has_nothing_to_fuse():
    @jit
    def divide(x, y):
        i = cuda.grid(1)
        y[i] = math.sqrt(math.exp(x[i]) * x[i] + y[i]) / (x[i] - y[i])

    types = float32[::1], float32[::1]
    text = compile_ptx(divide, types, (9, 0))
    assert fusible_instructions(text) == []
    # Those of `exp`; what is written beside it is rounded by itself, and to the nearest number.
    assert len(re.findall(r"\bfma\.rn\.f32", text)) == 9
    assert re.findall(r"\b(?:div|rcp|sqrt)\.\S*f32", text) == ["sqrt.rn.f32", "div.rn.f32"]
    plain = jit(fuse)
    assert "fma" not in compile_ptx(plain, types, (9, 0))
    assert "mul.rn.ftz.f32" in compile_ptx(flushing_jit(fuse), types, (9, 0))


def test_a_product_of_matrices_is_fused_throughout():
    matrix = float32[:, ::1]
    for rung in ladder.ON_GPU[:2]:
        text = compile_ptx(rung.kernel, (matrix, matrix, matrix), (9, 0))
        assert "fma.rn.f32" in text, rung.name
        assert re.findall(r"\b(?:mul|add|sub)\.\S*f32", text) == [], rung.name
