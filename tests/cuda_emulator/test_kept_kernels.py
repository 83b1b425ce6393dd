"""Kernels that one process has compiled are loaded by the next, and compiled again if anything is not as it was."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba.core import event

from cuda_emulator.emulated_networks import CASES
from neurosim.backends import cache
from neurosim.backends.cuda import toolkit
from neurosim.backends.cuda.device import call, call_cooperative, cooperative_blocks
from neurosim.backends.cuda.target import cuda, jit
from neurosim.backends.kept_files import keep

TEXT = """
from neurosim.backends.cuda.target import cuda, jit

@jit
def add(x):
    x[cuda.blockIdx.x] += {number}
    cuda.cg.this_grid().sync()
    if cuda.blockIdx.x == 0:
        x[0] += x[1]
"""


class Compiled(event.Listener):
    """How many kernels have been compiled."""

    count = 0

    def on_start(self, _):
        self.count += 1

    def on_end(self, _):
        pass


@pytest.fixture
def compiled(monkeypatch, tmp_path):
    """An empty cache, and a count of what is compiled."""
    monkeypatch.setenv("NEUROSIM_CACHE", str(tmp_path))
    listener = Compiled()
    with event.install_listener("numba:compile", listener):
        yield listener


def files(folder):
    return sorted(folder.rglob("*.cuda"))


def kernel(number=1):
    """As another process has it: not compiled, whatever this one has done."""
    return jit(cache.load_generated("kept", TEXT.format(number=number)).add.py_func)


def run(add, dtype=np.float32):
    x = cuda.to_device(np.zeros(2, dtype))
    assert cooperative_blocks(add, 32, x) == 2
    call_cooperative(add, 2, 1, x)
    return x.copy_to_host().tolist()


def test_a_kernel_is_compiled_once(compiled, tmp_path):
    for _ in range(3):
        assert run(kernel()) == [2.0, 1.0]
    assert compiled.count == 1
    (file,) = files(tmp_path)
    assert file.stat().st_mode & 0o077 == 0
    assert run(kernel(), np.int32) == [2, 1]
    assert run(kernel(2)) == [4.0, 2.0]
    assert compiled.count == 3
    assert len(files(tmp_path)) == 3


@pytest.mark.parametrize("part", ["file", "name", "driver", "sources"])
def test_another_toolkit_compiles_anew(part, compiled, monkeypatch):
    run(kernel())
    version, *others, sources = toolkit.facts()
    others = {"file": [*others[:-1], ("libnvJitLink.so.14", 1, 1)], "driver": [*others[:2], (99, 0), *others[3:]]}.get(
        part, others
    )
    found = (version + "1" if part == "name" else version, *others, sources[1:] if part == "sources" else sources)
    monkeypatch.setattr(toolkit, "facts", lambda: found)
    run(kernel())
    assert compiled.count == 2


@pytest.mark.parametrize("damage", ["a flipped bit", "cut", "another's", "not machine code"])
def test_a_file_that_is_not_as_it_was_is_compiled_again(damage, compiled, tmp_path):
    run(kernel())
    (file,) = files(tmp_path)
    whole = file.read_bytes()
    if damage == "a flipped bit":
        file.write_bytes(whole[:50] + bytes([whole[50] ^ 1]) + whole[51:])
    elif damage == "cut":
        file.write_bytes(whole[:-10])
    elif damage == "another's":
        run(kernel(2))
        (other,) = set(files(tmp_path)) - {file}
        file.write_bytes(other.read_bytes())
    else:
        keep(file.name, b'{"name": "add", "cooperative": true}\nnothing')
    before = compiled.count
    for _ in range(2):
        assert run(kernel()) == [2.0, 1.0]
    assert compiled.count == before + 1


def test_a_kernel_with_more_in_it_than_its_text_says_is_not_kept(compiled, tmp_path):
    def made(number):
        @jit
        def store(x):
            x[0] = number

        return store

    for number in (1.0, 2.0):
        x = cuda.to_device(np.zeros(1, np.float32))
        call(made(number), 1, 1, x)
        assert x.copy_to_host()[0] == number
    assert files(tmp_path) == []


def test_all_that_kernels_are_made_from_is_part_of_the_name():
    """What the generated modules import, besides Numba and NumPy."""
    bench, _ = CASES["one block: step"].make()
    lines = Path(bench._module("separate").__file__).read_text().splitlines()
    imported = {line.split()[1] for line in lines if line.startswith(("from neurosim", "import neurosim"))}
    assert imported
    assert all(name.startswith("neurosim.backends.cuda.") for name in imported)


TWO_PROCESSES = """
import cuda_emulator
assert cuda_emulator.start() is None
import support
from numba.core import event
from cuda_emulator.emulated_networks import CASES
from cuda_emulator.test_kept_kernels import Compiled

case = CASES["one block: step"]
bench, _ = case.make()
with event.install_listener("numba:compile", Compiled()) as listener:
    bench.train_epoch(case.rows, 0)
    loss = bench.evaluate(case.rows).loss
print(listener.count, loss, bench.parameters.tobytes().hex())
"""


@pytest.mark.slow
def test_a_second_process_compiles_nothing(tmp_path):
    paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "NEUROSIM_CACHE": str(tmp_path), "PYTHONPATH": os.pathsep.join(paths)}
    found = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", TWO_PROCESSES], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        count, *numbers = done.stdout.split()
        found.append((int(count), numbers))
    (cold, first), (warm, second) = found
    assert (cold, warm) == (2, 0)
    assert first == second
