"""The cache of compiled kernels: never needed, never stale, and nothing is compiled twice."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import support
from numba.core import event

from neurosim.backends import cache

# Counts what is compiled, as opposed to found in the cache.
COUNT = """
from numba.core import event

class Count(event.Listener):
    started = 0
    def on_start(self, event):
        self.started += 1
    def on_end(self, event):
        pass

count = Count()
event.register("numba:compile", count)
"""

# Trains a small network and prints how many functions were compiled, which warnings came, and the bytes.
SCRIPT = (
    COUNT
    + """
import hashlib, sys, warnings
sys.path.insert(0, sys.argv[1])

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from test_cache import train
    result = train()
print(count.started)
print(len(caught), *{warning.category.__name__ for warning in caught}, *{str(warning.message) for warning in caught})
print(hashlib.sha256(result).hexdigest())
"""
)
HERE = Path(__file__).parent


def train():
    """Bytes of the parameters after an epoch of a small network."""
    net = support.network(4, [support.Dense(6, "tanh"), support.Dense(3, "softmax")], "categorical_cross_entropy")
    bench = support.COMPILED[0].make(net, support.training("adam", shuffle=True), seed=4)
    bench.train_epoch(support.rows(20, 4, 3), 0)
    bench.evaluate(support.rows(20, 4, 3))
    bench.forward(support.rows(20, 4, 3).features)
    return bench.parameters.tobytes()


def in_another_process(**environment):
    """The three lines that SCRIPT prints."""
    search = os.pathsep.join([str(HERE.parent), str(HERE.parent.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(HERE)],
        env={**os.environ, "PYTHONPATH": search, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def digest(values):
    import hashlib

    return hashlib.sha256(values).hexdigest()


def test_a_second_process_compiles_nothing():
    if cache.cache_folder() is None:
        pytest.skip("the cache cannot be written here")
    expected = digest(train())
    compiled, warnings, found = in_another_process()
    assert compiled == "0"
    assert warnings == "0"
    assert found == expected


@pytest.mark.ci
def test_a_cache_that_cannot_be_written_costs_one_warning(tmp_path):
    """A path below a regular file; all is compiled in memory."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    compiled, warnings, _ = in_another_process(NEUROSIM_CACHE=str(blocked / "cache"))
    assert int(compiled) > 0
    count, category, message = warnings.split(" ", 2)
    assert (count, category) == ("1", "RuntimeWarning")
    assert "compiled kernels cannot be kept in" in message
    assert "Set NEUROSIM_CACHE" in message


KERNELS = (
    COUNT
    + """
import ctypes, sys
import numpy as np
from neurosim import build_registry
from neurosim.backends.cpu.kernels import activation_kernels

z, bias, a = np.linspace(-2, 2, 8, dtype=np.float32), np.zeros(8, np.float32), np.zeros(8, np.float32)
for name in ("tanh", "softmax"):
    kernels = activation_kernels(build_registry().activations.get(name))
    forward = ctypes.CFUNCTYPE(None, *[ctypes.c_ssize_t] * 9)(kernels.forward)
    forward(z.ctypes.data, bias.ctypes.data, a.ctypes.data, 8, 0, 1, 0, 8, bias.ctypes.data)
    print(a.tobytes().hex())
print(count.started)
"""
)


def test_two_processes_that_start_cold_at_once_leave_a_good_cache(tmp_path):
    def kernels(_=None):
        command = [sys.executable, "-c", KERNELS]
        environment = {**os.environ, "NEUROSIM_CACHE": str(tmp_path)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=True)
        assert done.stderr == ""
        *values, compiled = done.stdout.splitlines()
        return values, int(compiled)

    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(kernels, range(2)))
    assert all(compiled > 0 for _, compiled in both)
    values, compiled = kernels()
    assert compiled == 0
    assert both[0][0] == both[1][0] == values
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.fixture
def compilations():
    """Counts what is compiled, as opposed to found in the cache, while the test runs."""

    class Count(event.Listener):
        started = 0

        def on_start(self, event):
            self.started += 1

        def on_end(self, event):
            pass

    count = Count()
    event.register("numba:compile", count)
    yield count
    event.unregister("numba:compile", count)


def test_other_shapes_and_settings_compile_nothing(compilations):
    def trained(widths, rows, lr, batch, seed, rate):
        layers = [layer for width in widths for layer in (support.Dense(width, "tanh"), support.Dropout(rate))]
        net = support.network(5, [*layers, support.Dense(3, "softmax")], "categorical_cross_entropy")
        bench = support.COMPILED[0].make(
            net, support.training(("adam", {"lr": lr}), batch=batch, shuffle=True), seed=seed
        )
        data = support.rows(rows, 5, 3)
        bench.train_epoch(data, 0)
        bench.train_step(data)
        bench.evaluate(data)

    # One small and one large network bring in all there is.
    trained([6], 20, 0.01, 8, 1, 0.1)
    trained([300, 40], 20, 0.01, 8, 1, 0.1)
    before = compilations.started
    trained([7, 9, 4], 31, 0.5, 5, 2, 0.3)
    trained([200, 130, 70, 64, 33], 31, 0.5, 16, 3, 0.5)
    assert compilations.started == before


@pytest.fixture
def other_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROSIM_CACHE", str(tmp_path))
    return tmp_path / "kernels" / cache.fingerprint()


def test_the_folder_is_private_and_named_by_what_code_depends_on(other_folder):
    assert cache.cache_folder() == other_folder
    if os.name == "posix":
        assert other_folder.stat().st_mode & 0o077 == 0


def test_generated_modules_are_named_by_their_text(other_folder):
    one, two = cache.load_generated("x", "A = 1\n"), cache.load_generated("x", "A = 2\n")
    assert (one.A, two.A) == (1, 2)
    assert one.__name__ != two.__name__
    assert cache.load_generated("x", "A = 1\n") is one
    assert Path(one.__file__).read_text() == "A = 1\n"
    assert not list(other_folder.glob("*.tmp"))


def test_a_damaged_generated_file_is_written_again(other_folder):
    path = Path(cache.load_generated("y", "B = 1\n").__file__)
    name = path.stem
    del sys.modules[name]
    path.write_text("B = ")
    assert cache.load_generated("y", "B = 1\n").B == 1
    assert path.read_text() == "B = 1\n"


def test_every_kernel_source_is_part_of_the_fingerprint():
    """Else a change of ours would leave stale machine code behind."""
    here = Path(cache.__file__).parent
    covered = {file for pattern in cache.KERNEL_SOURCES for file in here.glob(pattern)}
    cpu = set((here / "cpu").rglob("*.py"))
    assert cpu <= covered
    assert here / "../formulas/float32.py" in covered
    assert here / "invariants.py" in covered


@pytest.mark.ci
def test_files_that_are_damaged_are_compiled_again(tmp_path):
    def kernels():
        done = subprocess.run(
            [sys.executable, "-c", KERNELS.replace('("tanh", "softmax")', '("tanh",)')],
            env={**os.environ, "NEUROSIM_CACHE": str(tmp_path)}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stderr == ""
        *values, compiled = done.stdout.splitlines()
        return values, int(compiled)

    expected, cold = kernels()
    for path in tmp_path.rglob("*.nbc"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1  # in the machine code
        path.write_bytes(content)
    assert kernels() == (expected, cold)
    one, other = sorted(tmp_path.rglob("*.nbc"))
    # A whole file, but of another function; and one that was cut.
    one.write_bytes(other.read_bytes())
    other.write_bytes(other.read_bytes()[:-40])
    assert kernels() == (expected, cold)
    assert kernels() == (expected, 0)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_folder_that_others_may_write_to_is_not_used(other_folder):
    other_folder.mkdir(parents=True)
    other_folder.chmod(0o777)
    with pytest.warns(RuntimeWarning, match=f"{other_folder} can be changed by other users"):
        assert cache.cache_folder() is None


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_folder_that_others_are_let_into_later_is_no_longer_used(other_folder):
    cache.load_generated("z", "C = 1\n")
    other_folder.chmod(0o777)
    with pytest.warns(RuntimeWarning, match="can be changed by other users"):
        module = cache.load_generated("z", "C = 2\n")
    assert module.C == 2
    assert not Path(module.__file__).exists()


def test_a_folder_that_was_removed_is_made_again(other_folder):
    assert cache.load_generated("w", "D = 1\n").D == 1
    shutil.rmtree(other_folder.parent)
    assert Path(cache.load_generated("w", "D = 2\n").__file__).parent == other_folder


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
@pytest.mark.parametrize("most", [100, 10_000], ids=["nothing", "modules only"])
def test_a_cache_on_a_full_disk_costs_one_warning(most, tmp_path):
    """A limit on the size of files stands for the full disk: nothing fits, or no compiled code."""
    limited = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({most}, {most}))\n" + KERNELS
    done = subprocess.run(
        [sys.executable, "-W", "always::RuntimeWarning", "-c", limited.replace('("tanh", "softmax")', '("tanh",)')],
        env={**os.environ, "NEUROSIM_CACHE": str(tmp_path)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr.count("RuntimeWarning: compiled kernels cannot be kept in") == 1
    assert "File too large" in done.stderr
    assert int(done.stdout.splitlines()[-1]) > 0
    assert bool(list(tmp_path.rglob("*.py"))) == (most > 100)
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".nbc" or "tmp" in path.name]
