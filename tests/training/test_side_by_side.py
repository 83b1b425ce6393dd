"""Networks trained side by side: how many at once, and how all of them end."""

import sys
import threading

import pytest

from neurosim import Ensemble, load_scenario
from neurosim.network import memory
from neurosim.training.side_by_side import SideBySide


@pytest.mark.parametrize(
    ("count", "backend", "threads", "at_once", "each"),
    [
        (2, "cpu", 4, 2, 2),
        (9, "cpu", 4, 4, 1),
        (1, "cpu", 4, 1, 4),
        (9, "cuda", None, 1, None),
        (9, "reference", 2, 1, 2),
    ],
)
def test_threads_are_shared(count, backend, threads, at_once, each):
    crew = SideBySide.of(count, backend, threads)
    assert (crew.at_once, crew.threads) == (at_once, each)


def test_all_are_trained_and_no_more_at_once_than_asked_for():
    crew = SideBySide(2, 1)
    both = threading.Barrier(2)
    trained, now, most = [], 0, 0

    def train(number):
        nonlocal now, most
        with crew.lock:
            now += 1
            most = max(most, now)
        both.wait()
        with crew.lock:
            now -= 1
            trained.append(number)

    crew.train(train, range(8))
    assert sorted(trained) == list(range(8))
    assert most == 2


@pytest.fixture
def unhurried_switches():
    """Python lets a thread go on for long before another has its turn."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(10.0)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("unhurried_switches")
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_no_network_begins_after_one_that_raised(error):
    begun, all_wait = [], threading.Event()

    def networks():
        yield from range(8)
        all_wait.set()

    def train(number):
        all_wait.wait()
        begun.append(number)
        raise error(f"network {number}")

    with pytest.raises(error, match="network 0"):
        SideBySide(1, 1).train(train, networks())
    assert begun == [0]


def test_the_first_error_ends_all():
    crew = SideBySide(2, 1)
    begun = threading.Barrier(2)
    ended = []

    def train(number):
        if number < 2:
            begun.wait()
        if number == 0:
            raise ValueError("it cannot be trained")
        try:
            while True:
                crew.heed()
        finally:
            ended.append(number)

    with pytest.raises(ValueError, match="it cannot be trained"):
        crew.train(train, range(8))
    # Another may have been begun before the error was seen.
    assert 1 in ended
    assert len(ended) <= 2


def test_networks_of_an_ensemble_are_trained_one_by_one_where_memory_is_short(monkeypatch):
    scenario = load_scenario("digits", overrides={"training.epochs": 1})
    found = []
    for there in (None, 400_000):  # enough for two
        monkeypatch.setattr(memory, "machine_memory", lambda there=there: there)
        ensemble = Ensemble(scenario, 4, threads=4)
        ensemble.train()
        found.append(ensemble.records())
    assert found[0] == found[1]
