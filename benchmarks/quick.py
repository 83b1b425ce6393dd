"""How long it takes from the start of a process until a network reads 98%, or 99%, of MNIST's test digits."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from crew import Settings
from measure import Samples, interleave
from outcome import DisagreementError, Outcome, Row
from pieces import describe
from process import ProcessError, has_torch

from neurosim.data import dataset_folder

# The scenarios, and what each must reach.
GOALS = {"mnist-quick": 0.98, "mnist-cnn-quick": 0.99}
# How many times as soon as PyTorch.
TARGETS = {"mnist-quick": 4.0, "mnist-cnn-quick": 3.0}
PEER = Path(__file__).with_name("quick_torch.py")
EPOCH = re.compile(r"epoch (\d+)/(\d+) ")
ACCURACY = re.compile(r'(?:"test_accuracy": |test accuracy )([\d.]+)')


class Process:
    """A process that prints a line for each epoch; a round is the time from its start to the last of these lines.

    `command` gives its arguments for a seed and a folder, and `told` where it says what it has reached.
    """

    def __init__(self, command: Callable[[int, Path], list[str]], told: Callable[[str, Path], str]) -> None:
        self._command, self._told = command, told
        self.accuracies: list[float] = []
        self.totals: list[float] = []

    def round(self) -> float:
        """With another seed each time."""
        reached = 0.0
        printed = []
        with tempfile.TemporaryDirectory() as name:
            command = [sys.executable, *self._command(len(self.totals), Path(name))]
            start = time.perf_counter()
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
                assert process.stdout is not None
                for line in process.stdout:
                    printed.append(line)
                    found = EPOCH.match(line)
                    if found is not None and found[1] == found[2]:
                        reached = time.perf_counter() - start
            self.totals.append(time.perf_counter() - start)
            # A scenario whose promise is missed ends with 5.
            if process.returncode not in (0, 5) or not reached:
                raise ProcessError(f"exit status {process.returncode}: {''.join(printed[-1:])}")
            told = self._told("".join(printed), Path(name))
        self.accuracies.append(float(ACCURACY.findall(told)[-1]))
        return reached


def quick(settings: Settings) -> Outcome:
    """Time to 98% with a fully connected network, and to 99% with convolutions, start-up included."""
    outcome = Outcome()
    peer = has_torch()
    if not peer:
        outcome.skipped["PyTorch"] = "torch is not installed"
    for name, goal in GOALS.items():
        contenders = {f"neurosim run {name}": _ours(name, settings.threads)}
        if peer:
            contenders[f"PyTorch, {name}"] = _theirs(name, settings.threads)
        settings.say(f"filling the cache of kernels for {name}")
        _ours(name, settings.threads).round()
        settings.say(f"timing {', '.join(contenders)}: {settings.rounds} rounds")
        samples = interleave(contenders, settings.rounds)
        outcome.samples |= samples
        ours, *theirs = contenders
        missed = [accuracy for accuracy in contenders[ours].accuracies if accuracy < goal]
        if missed:
            raise DisagreementError(f"{ours} reaches {min(missed):.2%}, not {goal:.0%}")
        for label, process in contenders.items():
            lowest, met = min(process.accuracies), sum(accuracy >= goal for accuracy in process.accuracies)
            whole = describe("whole process", {"whole process": Samples(tuple(process.totals))})
            outcome.notes.append(
                f"{label}: {met} of {len(process.accuracies)} reach {goal:.0%}, lowest {lowest:.2%}; {whole}"
            )
        work = f"{goal:.0%} of MNIST's test digits (`{name}`), from the start of the process, vs PyTorch"
        shown = describe(ours, samples)
        if theirs:
            ratio = samples[theirs[0]].median / samples[ours].median
            outcome.rows.append(Row(work, ratio, TARGETS[name], "x", ours=shown, theirs=describe(theirs[0], samples)))
        else:
            outcome.rows.append(Row(work, None, TARGETS[name], "x", ours=shown, theirs="no peer could be timed"))
    return outcome


def _ours(name: str, threads: int) -> Process:
    def command(seed: int, folder: Path) -> list[str]:
        run = ["-m", "neurosim", "run", name, "--seed", str(seed), "--threads", str(threads)]
        return [*run, "--out", str(folder / "run")]

    return Process(command, lambda printed, folder: (folder / "run" / "summary.json").read_text(encoding="utf-8"))


def _theirs(name: str, threads: int) -> Process:
    folder = dataset_folder("mnist", None)

    def command(seed: int, _: Path) -> list[str]:
        return [str(PEER), name, str(folder), "--seed", str(seed), "--threads", str(threads)]

    return Process(command, lambda printed, _: printed)
