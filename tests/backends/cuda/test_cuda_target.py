"""Where CUDA comes in: on demand only, and with a simulator that can be trusted."""

import os
import subprocess
import sys

import pytest

from neurosim.backends.cuda import toolkit


def run(script, **environment):
    """What a script prints in a process of its own."""
    variables = {name: value for name, value in os.environ.items() if name != "NUMBA_ENABLE_CUDASIM"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        env={**variables, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_cuda_is_loaded_only_when_asked_for():
    script = """
import sys
import neurosim.backends.cuda
assert "numba.cuda" not in sys.modules
import neurosim.backends.cpu.backend
assert "numba.cuda" not in sys.modules
"""
    assert run(script) == []


def test_a_missing_cuda_target_is_told_with_what_to_install():
    script = """
import sys
import numba
sys.modules["numba.cuda"] = None
from neurosim.errors import BackendError
try:
    import neurosim.backends.cuda.formula_runs
except BackendError as error:
    print(error.message)
    print(error.hint)
"""
    message, hint = run(script)
    assert message == "numba has no CUDA target here"
    assert 'pip install "neurosim-edu[cuda13]"' in hint


def test_says_why_there_is_no_gpu_and_what_to_do():
    """Or names it. The same words from the command line and for `info`."""
    script = """
from neurosim.backends.cuda import target
from neurosim.errors import BackendError
try:
    print(target.find_device().name)
except BackendError as error:
    print(error.message)
    print(error.hint)
"""
    found = run(script)
    if len(found) == 1:
        pytest.skip(f"there is a GPU: {found[0]}")
    message, hint = found
    assert message.startswith(("there is no NVIDIA driver", "the NVIDIA driver finds no GPU", "the GPU"))
    assert hint
    hint = hint.replace('backend="cpu"', "--backend cpu")  # on the command line
    script = """
import sys
from neurosim.cli.application import execute
sys.stderr = sys.stdout
print(execute(["run", "xor", "--backend", "cuda"]))
print(execute(["bench", "--backend", "cuda"]))
execute(["info"])
"""
    refusal = [f"Error: {message}", f"Hint: {hint}", "2"]
    lines = run(script)
    assert lines[:6] == 2 * refusal
    assert any(line.split() == ["GPU", *f"none: {message}".split()] for line in lines)


@pytest.mark.parametrize("found", [True, False])
def test_a_toolkit_that_numba_cuda_would_not_find_is_named_by_cuda_home(found, monkeypatch, tmp_path):
    def load(library):
        assert found
        return f"lib{library}.so"

    monkeypatch.setattr(toolkit, "_load", load)
    for name in ("CUDA_HOME", "CUDA_PATH"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "cuda"
    (home / "nvvm" / "lib64").mkdir(parents=True)
    (home / "nvvm" / "lib64" / "libnvvm.so.4").touch()
    toolkit.locate([str(tmp_path / "nothing"), str(tmp_path)])
    assert "CUDA_HOME" not in os.environ
    toolkit.locate([str(tmp_path / "nothing"), str(home)])
    assert os.environ.get("CUDA_HOME") == (None if found else str(home))
    monkeypatch.setenv("CUDA_HOME", "chosen")
    toolkit.locate([str(home)])
    assert os.environ["CUDA_HOME"] == "chosen"


SIMULATOR = """
import sys
import threading
import numpy as np
from neurosim.backends.cuda.target import cuda, jit, scalar, simulated

assert simulated()
sys.setswitchinterval(1e-5)
"""


def simulate(script):
    return run(SIMULATOR + script, NUMBA_ENABLE_CUDASIM="1")


def test_memory_that_nobody_has_written_to_is_nan_in_every_block():
    script = """
@jit
def kernel(before, after, dynamic, local):
    shared = cuda.shared.array(4, np.float32)
    words = cuda.shared.array((2, 2), np.int32)
    given = cuda.shared.array(0, np.float32)
    mine = cuda.local.array(2, np.float32)
    i, block = cuda.threadIdx.x, cuda.blockIdx.x
    before[block, i], dynamic[block, i], local[block, i] = shared[i], given[i], mine[1]
    assert words[0, 1] == -1
    cuda.syncthreads()
    shared[i] = given[i] = i
    cuda.syncthreads()
    after[block, i] = shared[3 - i] + given[3 - i]

arrays = [np.zeros((3, 4), np.float32) for _ in range(4)]
kernel[3, 4, 0, 16](*arrays)
before, after, dynamic, local = arrays
for unset in (before, dynamic, local):
    assert np.isnan(unset).all(), unset
assert (after == [6.0, 4.0, 2.0, 0.0]).all(), after
print("done")
"""
    assert simulate(script) == ["done"]


def test_threads_of_a_block_share_one_array():
    """However long it takes to make one: meanwhile the other threads come and ask for it."""
    script = """
class Slow:
    def __index__(self):
        return sum(1 for _ in range(20_000)) // 2_500

@jit
def kernel(sums):
    tile = cuda.shared.array(Slow(), np.float32)
    tile[cuda.threadIdx.x] = 1.0
    cuda.syncthreads()
    total = 0.0
    for k in range(8):
        total += tile[k]
    sums[cuda.threadIdx.x] = total

for _ in range(3):
    sums = np.zeros(8)
    kernel[1, 8](sums)
    assert (sums == 8.0).all(), sums
print("done")
"""
    assert simulate(script) == ["done"]


def test_keywords_for_the_gpu_are_left_out_in_the_simulator():
    script = """
@scalar
def twice(x):
    return x + x

@jit(max_registers=32, lineinfo=True, fastmath=False)
def kernel(x):
    x[cuda.grid(1)] = twice(x[cuda.grid(1)])

x = np.arange(4.0)
kernel[2, 2](x)
print(*x)
"""
    assert simulate(script) == ["0.0 2.0 4.0 6.0"]


@pytest.mark.parametrize("simulator", [True, False], ids=["simulator", "none"])
def test_formulas_run_and_compile_with_and_without_the_simulator(simulator):
    """A process that has the simulator on compiles in another one, and the other way round."""
    script = """
from neurosim.backends.cuda.formula_runs import compile_formulas, evaluate
from neurosim.errors import BackendError
from neurosim.plugin.host import build_registry

sigmoid = build_registry(entry_points=False).activations.get("sigmoid")
print(evaluate(sigmoid, {"f": [[-800.0, 800.0]]}).results["f"].tolist())
try:
    print(compile_formulas(sigmoid, [(8, 0)]))
except BackendError as error:
    print("[]" if error.message.startswith("libNVVM") else error)
"""
    found = run(script, **({"NUMBA_ENABLE_CUDASIM": "1"} if simulator else {}))
    assert found == ["[[0.0], [1.0]]", "[]"]
