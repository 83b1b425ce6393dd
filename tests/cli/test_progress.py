"""The live line of a run on a terminal, and the word about compiling."""

import io
import re

import numba
import pytest
from numba import types
from rich.console import Console

from neurosim import Simulator, build_registry, load_scenario, study
from neurosim.backends.cpu import jit
from neurosim.backends.cpu.kernel_cache import words_of
from neurosim.backends.cpu.kernels import activation_kernels
from neurosim.backends.select import on_compilation
from neurosim.cli import application, progress, streams


@pytest.fixture
def terminal(monkeypatch):
    """A terminal 110 columns wide; gives what was written to it."""
    screen = io.StringIO()
    monkeypatch.setattr(
        "rich.progress.get_console", lambda: Console(file=screen, force_terminal=True, width=110, color_system=None)
    )
    return screen


def test_the_live_line_shows_epoch_loss_accuracy_speed_and_time_left(terminal):
    simulator = Simulator(load_scenario("moons", overrides={"training.epochs": 3}))
    with progress._live_progress("epoch") as observer:
        observer.compiling()
        observer.started(simulator)
        simulator.train(observer.epoch)
    shown = terminal.getvalue()
    assert progress.COMPILING in shown
    last = shown.split("\r")[-1]
    for word in ("epoch 3/3", "loss", "accuracy", "test", "samples/s", "0:00"):
        assert word in last, last


def test_the_live_line_says_what_is_being_compiled(terminal, tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROSIM_CACHE", str(tmp_path))
    with progress._live_progress("epoch") as observer, on_compilation(observer.compiling, observer.compiles):
        jit.kernel(types.void(types.intp))(nothing)
        observer.progress.refresh()
        # Numba compiles more than what was asked for where it is the first in its process.
        assert re.search(r"compiling [1-9] ━+ nothing", terminal.getvalue())
        observer.started(Simulator(load_scenario("moons", overrides={"training.epochs": 3})))
        observer.progress.refresh()
    assert "compiling" not in terminal.getvalue().split("\r")[-1]
    assert words_of(nothing) == "nothing"
    tanh = activation_kernels(build_registry().activations.get("tanh")).module.forward
    assert words_of(tanh._pyfunc) == "activation tanh, forward"


def nothing(address):
    """Has only to be compiled."""


def test_the_live_line_of_an_ensemble_counts_networks(terminal):
    with progress._live_progress("20 networks") as observer:
        observer.share(0.5)
        observer.share(1.0)
    assert "20 networks" in terminal.getvalue()


@pytest.mark.parametrize("count", [progress.FEW, progress.FEW + 1])
def test_many_networks_are_counted_and_few_named(count, capsys):
    (result,) = study("xor", backend="reference", overrides={"training.epochs": 0, "scenario.repeats": 1}).results
    observer = progress.PlainProgress()
    observer.planned([f"seed-{number}" for number in range(count)], 0)
    for number in range(count):
        observer.finished(f"seed-{number}", result)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{count} networks, 0 epochs in all"
    assert len(lines) == 1 + (count if count == progress.FEW else 0)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5, "about 5 seconds"), (119, "about 119 seconds"), (150, "about 2 minutes"), (7200, "about 2 hours")],
)
def test_a_time_is_told_as_exactly_as_it_is_known(seconds, words):
    assert progress.about(seconds) == words


class Screen(io.StringIO):
    """Standard error on a terminal."""

    def isatty(self):
        return True


def test_what_is_said_after_ctrl_c_begins_a_line(monkeypatch):
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr(streams, "_ended", False)
    observer = progress.PlainProgress()
    screen.write("^C")
    observer.stopping()
    assert application._report(KeyboardInterrupt(), None, debug=False) == 130
    lines = screen.getvalue().splitlines()
    assert lines[0] == "^C"
    assert [line.split()[0] for line in lines[1:]] == ["stopping", "interrupted"]
    screen.write("^C")
    application._report(KeyboardInterrupt("asked twice"), None, debug=False)
    assert screen.getvalue().splitlines()[-2:] == ["^C", "interrupted"]


def test_what_is_said_after_ctrl_c_stands_above_the_live_line(terminal, monkeypatch):
    monkeypatch.setattr("sys.stderr", Screen())
    with progress._live_progress("2 networks") as observer:
        observer.share(0.5)
        terminal.write("^C")
        observer.stopping()
    shown = terminal.getvalue()
    # The live line, with what the terminal wrote into it, is wiped before.
    assert "\r\x1b[2Kstopping in a moment" in shown
    assert "2 networks" in shown.rpartition("stopping in a moment")[2]


def test_compiling_is_told_once_and_only_when_something_is_compiled():
    told = []
    with on_compilation(lambda: told.append("now")):
        pass
    assert told == []
    with on_compilation(lambda: told.append("now")):
        numba.njit(lambda x: x + 1)(1)
        numba.njit(lambda x: x + 2)(1)
    assert told == ["now"]
