"""Progress in a notebook: a bar with the measures of the last epoch, updated in place."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

from neurosim.markup import escape, measure, measure_words
from neurosim.runs.observers import COMPILING, StudyObserver
from neurosim.runs.results import Result
from neurosim.training.history import METRICS, Record, metrics_in
from neurosim.training.simulator import Simulator

# Seconds between two updates, to spare the browser.
PAUSE = 0.1


def in_notebook() -> NotebookProgress | None:
    """What shows progress in a notebook's kernel; None elsewhere."""
    # A notebook's kernel always has it loaded.
    interactive = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive is not None else None
    return NotebookProgress() if shell is not None and hasattr(shell, "kernel") else None


class NotebookProgress(StudyObserver):
    """Shows progress in the output of a notebook's cell, of a run or of a study."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._name, self._epochs, self._shown = "", 0, 0.0

    def compiling(self) -> None:
        """Say that this takes a while, and why."""
        self._show(0.0, COMPILING)

    def compiles(self, what: str) -> None:
        """Say what is being compiled."""
        self._show(0.0, f"{COMPILING}; now {what}")

    def started(self, simulator: Simulator) -> None:
        """Begin the bar."""
        self._name, self._epochs = simulator.scenario.scenario.name, simulator.training.epochs
        self._show(len(simulator.history) / max(self._epochs, 1), f"{simulator.network.size:,} parameters")

    def epoch(self, record: Record) -> None:
        """Move the bar; the last epoch is always shown."""
        number = record["epoch"]
        if number < self._epochs and time.monotonic() - self._shown < PAUSE:
            return
        there = [name for name in (*METRICS, *metrics_in(record)) if record.get(name) is not None]
        words = [f"{measure_words(name)} {measure(name, record[name])}" for name in there]
        self._show(number / max(self._epochs, 1), f"epoch {number} of {self._epochs}: {', '.join(words)}")

    def planned(self, members: Sequence[str], epochs: int) -> None:
        """Begin the bar of a study."""
        self._name = f"{len(members)} networks"

    def share(self, done: float) -> None:
        """Move the bar of a study."""
        if done >= 1 or time.monotonic() - self._shown >= PAUSE:
            self._show(done, f"{done:.0%} of all epochs")

    def finished(self, member: str, result: Result) -> None:
        """Nothing to add: the share says it."""

    def _show(self, done: float, words: str) -> None:
        from IPython.display import HTML, display

        self._shown = time.monotonic()
        bar = f'<progress value="{min(done, 1.0):.4f}" max="1"></progress>'
        content = HTML(f"<p>{escape(self._name)} {bar} {escape(words)}</p>")
        if self._handle is None:
            self._handle = display(content, display_id=True)
        else:
            self._handle.update(content)
