"""What is told as training time is training: not compiling, not recording."""

import subprocess
import sys
import time

import pytest

import neurosim
from neurosim.cli.progress import speed
from neurosim.runs import run_ensemble
from neurosim.training.ensemble import Ensemble
from neurosim.training.simulator import Simulator

QUICK = {"training.epochs": 2, "expect": {}}

# In a process of its own: what other tests have compiled would be there already.
LATE = """
import gc, neurosim
from neurosim.training.ensemble import Ensemble
from neurosim.runs import Observer
from numba.core.dispatcher import Dispatcher

def compiled():
    return {f"{one.py_func.__module__}.{one.py_func.__name__}": len(one.overloads)
            for one in gc.get_objects() if isinstance(one, Dispatcher) and one.overloads}

class Watch(Observer):
    def started(self, simulator):
        self.before = compiled()

for name, how in (("xor", {"training.epochs": 3, "expect": {}}), ("iris", {"training.epochs": 1, "expect": {}})):
    watch = Watch()
    neurosim.run(name, overrides=how, for_report=True, observer=watch)
    print(name, {key: count for key, count in compiled().items() if watch.before.get(key) != count})
"""


def test_nothing_is_compiled_once_training_has_started():
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["xor {}", "iris {}"]


@pytest.fixture
def clock(monkeypatch):
    """A clock that only moves when it is told to."""
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


def test_recording_is_no_training_time(clock):
    simulator = Simulator(neurosim.load_scenario("xor", overrides=QUICK), "reference", for_report=True)
    backend = simulator._backend
    inspect, train_epoch = backend.inspect, backend.train_epoch

    def slow(rows):
        clock[0] += 5.0
        return inspect(rows)

    def train(*arguments):
        clock[0] += 0.25
        return train_epoch(*arguments)

    backend.inspect, backend.train_epoch = slow, train
    assert simulator.train().seconds == [0.25, 0.25]
    assert clock[0] > 110.0


def test_what_is_compiled_late_is_told_as_compiling(clock):
    simulator = Simulator(neurosim.load_scenario("xor", overrides=QUICK), "reference", for_report=True)
    backend = simulator._backend
    inspect = backend.inspect

    def late(rows):
        with backend.compiling():
            clock[0] += 3.0
            with backend.compiling():
                clock[0] += 4.0
        backend.inspect = inspect
        return inspect(rows)

    backend.inspect = late
    assert simulator.train().seconds == [0.0, 0.0]
    assert simulator.prepare() == 7.0


def test_many_seeds_tell_both_times(tmp_path):
    scenario = neurosim.load_scenario("xor", overrides=QUICK)
    found = run_ensemble(Ensemble(scenario, range(2)), tmp_path / "many")
    assert set(found["seconds"]) == {"compile", "train", "total"}
    assert found["seconds"]["compile"] + found["seconds"]["train"] <= found["seconds"]["total"]


def test_a_speed_that_cannot_be_measured_is_not_told():
    assert speed(4, 0.0) == ""
    assert speed(4, 0.01) == "400 samples/s"
