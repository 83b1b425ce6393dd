"""A student's scenario, trained in a process of its own within limits.

The process gets a copy of the text in an empty folder, so that what the scenario names is looked for there, and never
in the student's folder. It sends back a few numbers as JSON, and is ended when its time is up.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from neurosim.errors import NeurosimError
from neurosim.printable import shortened
from neurosim.process.children import end_with_parent, without_main
from neurosim.scenario import Scenario, load_scenario

MOST_ANSWER, LONGEST_REASON = 20_000, 240
# Files that the process may write, such as compiled kernels, in bytes.
MOST_WRITTEN = 64 << 20
# Seconds to start, to load libraries, and to compile.
BEFORE = 60.0
# What trains, with all that it imports.
_LIBRARIES = ("neurosim.runs.running", "neurosim.backends.cpu.backend", "neurosim.backends.select")
_MEMORY = "needs more memory than it may have"


@dataclass(frozen=True)
class Limits:
    """What the training of a student's network may take.

    Attributes
    ----------
    seconds : float
        Processor time; twice as much by the clock.
    memory : int
        MiB.
    epochs, parameters : int
        Of the scenario.
    """

    seconds: float = 60.0
    memory: int = 1024
    epochs: int = 10_000
    parameters: int = 1_000_000


@dataclass(frozen=True)
class Trained:
    """What became of a network: its final measures, or why there are none."""

    final: dict[str, float] = field(default_factory=dict)
    parameters: int = 0
    epochs: int = 0
    reason: str = ""


class Trainer:
    """Trains students' scenarios for a class.

    Parameters
    ----------
    given : Path
        The scenario as it was handed out.
    limits : Limits
        What each may take.
    data_dir : Path, optional
        Folder of data sets.
    backend : str
        What trains them.
    """

    def __init__(self, given: Path, limits: Limits, data_dir: Path | None = None, backend: str = "cpu") -> None:
        self._given, self._limits, self._data_dir, self._backend = given, limits, data_dir, backend
        self._kind = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"

    def train(self, text: bytes, seed: int) -> Trained:
        """Train a scenario from a student's seed; whatever the text is, nothing is raised but an interruption."""
        context: Any = multiprocessing.get_context(self._kind)
        if self._kind == "forkserver":
            # Libraries are loaded once, and each process begins with them.
            context.set_forkserver_preload([__name__, *_LIBRARIES])
        with tempfile.TemporaryDirectory(prefix="neurosim-class-") as home:
            (Path(home) / "scenario.toml").write_bytes(text)
            ours, theirs = context.Pipe(duplex=False)
            order = (home, str(self._given), seed, self._limits, self._data_dir, self._backend)
            process = context.Process(target=_serve, args=(theirs, *order), daemon=True)
            with without_main():
                process.start()
            theirs.close()
            try:
                return self._outcome(ours, process)
            finally:
                if process.is_alive():
                    process.kill()
                process.join()
                process.close()
                ours.close()

    def _outcome(self, ours: Connection, process: Any) -> Trained:
        patience = BEFORE + 2 * self._limits.seconds
        if not ours.poll(patience):
            return Trained(reason=self._too_long())
        try:
            told = json.loads(ours.recv_bytes(MOST_ANSWER))
            return Trained(**told)
        except (EOFError, OSError, ValueError, TypeError):
            process.join(5)
            # By the limit of processor time (SIGXCPU or SIGKILL), or by a fault of a library without memory.
            if process.exitcode in (-24, -9):
                return Trained(reason=self._too_long())
            return Trained(reason=_MEMORY if (process.exitcode or 0) < 0 else "could not be trained")

    def _too_long(self) -> str:
        return f"takes longer than {self._limits.seconds:g} seconds"


def _serve(
    theirs: Connection,
    home: str,
    given: str,
    seed: int,
    limits: Limits,
    data_dir: Path | None,
    backend: str,
) -> None:
    """The process: train, and send what came out."""
    # The caller, or the process that all of these are forked from, which ends with the caller.
    end_with_parent(os.getppid())
    with open(os.devnull, "w") as nowhere:
        sys.stdout = sys.stderr = nowhere
        try:
            with _limited(limits):
                told = _trained(Path(home) / "scenario.toml", Path(given), seed, limits, data_dir, backend)
        except MemoryError:
            told = {"reason": _MEMORY}
        except NeurosimError as error:
            told = {"reason": _words(error, home)}
        except RecursionError:
            told = {"reason": "is nested too deeply"}
        except Exception as error:  # a library's, about something that nobody has thought of
            told = {"reason": f"cannot be trained ({type(error).__name__})"}
        with contextlib.suppress(OSError):
            theirs.send_bytes(json.dumps(told).encode())


@contextlib.contextmanager
def _limited(limits: Limits) -> Iterator[None]:
    """Where the system has them, limits of processor time, memory and written files."""
    if sys.platform == "win32":
        yield
        return
    import resource

    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    seconds = int(used + limits.seconds) + 1
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, MOST_WRITTEN)
    _lower(resource.RLIMIT_CPU, seconds)
    statm = Path("/proc/self/statm")
    before = resource.getrlimit(resource.RLIMIT_AS)
    if statm.exists():
        # Libraries reserve much more of the address space than they use.
        now = int(statm.read_text().split()[0]) * resource.getpagesize()
        _lower(resource.RLIMIT_AS, now + (limits.memory << 20), hard=False)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, before)


def _lower(what: int, limit: int, *, hard: bool = True) -> None:
    """Lower a limit of this process, never raise it."""
    if sys.platform == "win32":
        return
    import resource

    soft, most = resource.getrlimit(what)
    least = min(each for each in (limit, soft, most) if each != resource.RLIM_INFINITY)
    resource.setrlimit(what, (least, least if hard else most))


def _words(error: NeurosimError, home: str) -> str:
    """The first lines of a message, without the folder of the copy."""
    text = error.message.replace(home + os.sep, "")
    return shortened(" ".join(text.split()), LONGEST_REASON)


def _trained(path: Path, given: Path, seed: int, limits: Limits, data_dir: Path | None, backend: str) -> dict[str, Any]:
    from neurosim.runs.running import train_to_end
    from neurosim.training.observer import Observer
    from neurosim.training.simulator import Simulator

    scenario = load_scenario(path, overrides={"scenario.seed": seed})
    refused = why_not(scenario, load_scenario(given), limits)
    if refused:
        return {"reason": refused}
    simulator = Simulator(scenario, backend, None, 1, data_dir)
    size = simulator.network.size
    if size > limits.parameters:
        return {"reason": f"has {size:,} parameters; {limits.parameters:,} are allowed", "parameters": size}
    begin = time.perf_counter()
    simulator.prepare()
    result = train_to_end(simulator, None, Observer(), begin)
    final = {name: value for name, value in result.metrics.items() if value is not None}
    return {"final": final, "parameters": size, "epochs": len(simulator.history)}


def why_not(scenario: Scenario, given: Scenario, limits: Limits) -> str:
    """Why a scenario is not trained for its student; empty if it is."""
    if scenario.is_study:
        return "trains several networks; one is wanted"
    if scenario.training.observers:
        return "has observers, which are not wanted here"
    if scenario.data != given.data:
        return "has another [data] section than the scenario that was handed out"
    if scenario.training.epochs > limits.epochs:
        return f"trains for {scenario.training.epochs:,} epochs; {limits.epochs:,} are allowed"
    return ""
