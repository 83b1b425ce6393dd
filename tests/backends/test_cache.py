"""The cache of compiled kernels: never needed, never stale, and nothing is compiled twice."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import support

from neurosim.backends import cache

# Trains a small network and prints how many functions were compiled, which warnings came, and the bytes.
SCRIPT = """
import hashlib, sys, warnings
sys.path.insert(0, sys.argv[1])
from numba.core import event

class Count(event.Listener):
    started = 0
    def on_start(self, event):
        self.started += 1
    def on_end(self, event):
        pass

count = Count()
event.register("numba:compile", count)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from test_cache import train
    result = train()
print(count.started)
print(len(caught), *{warning.category.__name__ for warning in caught}, *{str(warning.message) for warning in caught})
print(hashlib.sha256(result).hexdigest())
"""
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


def test_a_cache_that_cannot_be_written_costs_one_warning(tmp_path):
    """A path below a regular file; all is compiled in memory, without optimisation to be quick."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    compiled, warnings, _ = in_another_process(NEUROSIM_CACHE=str(blocked / "cache"), NUMBA_OPT="0")
    assert int(compiled) > 0
    count, category, message = warnings.split(" ", 2)
    assert (count, category) == ("1", "RuntimeWarning")
    assert "compiled kernels cannot be kept in" in message
    assert "Set NEUROSIM_CACHE" in message


@pytest.fixture
def other_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROSIM_CACHE", str(tmp_path))
    cache.cache_folder.cache_clear()
    yield tmp_path / "kernels" / cache.fingerprint()
    cache.cache_folder.cache_clear()


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
    assert here / "scalars.py" in covered
    assert here / "invariants.py" in covered
