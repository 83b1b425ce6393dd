"""The steps of a run, epoch by epoch: in parts, so that training can be left within a long epoch, and guarded.

Where an epoch is cut depends on the network and its batches only, never on the clock, so that the sums over it have
the same bits whether training was left there or not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import Backend, Begun, Totals, in_all
from neurosim.data.rows import Rows
from neurosim.training.divergence import Guard
from neurosim.training.recording.recorder import Recorder

# Multiply-adds of a part, forward and backward: about half a second of two processors.
PART = 1 << 34


class Epochs:
    """Trains a backend on one epoch after the other.

    Parameters
    ----------
    backend : Backend
        What is trained.
    rows_of : function ``rows_of(epoch) -> Rows``
        The training rows of an epoch, from 0.
    recorder : Recorder or None
        What records on the way.
    always_look : bool
        Look in every epoch for numbers that are not finite, however short it is.
    """

    def __init__(
        self, backend: Backend, rows_of: Callable[[int], Rows], recorder: Recorder | None, *, always_look: bool
    ) -> None:
        self._backend = backend
        self._rows_of = rows_of
        self._recorder = recorder
        self._guard = Guard(backend, rows_of, always=always_look)
        self._begun = Begun()
        # Training time of the epoch that is begun.
        self._seconds = 0.0
        self._work = 3 * backend.network.multiply_adds

    @property
    def begun_steps(self) -> int:
        """How many steps are done of the epoch that is not complete."""
        return self._begun.steps

    def complete(self, epoch: int, between: Callable[[], None] | None = None) -> tuple[Totals, float]:
        """Train what is left of an epoch; `between` is called between two of its parts, when the state is whole.

        Returns the totals of the whole epoch and the seconds that its steps took.

        Raises
        ------
        DivergedError
            When something is no longer finite; the backend is at the place that `after_divergence` gives then.
        """
        rows = self._rows_of(epoch)
        last = self._backend.course(rows.count).steps(epoch)
        part = self._steps_of_part(rows, epoch)
        first = True
        while self._begun.steps < last:
            if not first and between is not None:
                between()
            first = False
            self._train(rows, epoch, min(self._begun.steps // part * part + part, last), self._recorder)
        totals, seconds = in_all(self._begun.totals), self._seconds
        self._begun, self._seconds = Begun(), 0.0
        return totals, seconds

    def advance(self, epoch: int, last: int) -> None:
        """Train an epoch up to before its step number `last`, without recording; raises as `complete`."""
        if last > self._begun.steps:
            self._train(self._rows_of(epoch), epoch, last, None)

    def settle(self, epoch: int) -> None:
        """Look now whether all numbers are finite, when so many epochs are complete; raises as `complete`."""
        if self._begun.steps:
            self._guard.settle(epoch, self._begun.steps)
        elif epoch:
            self._guard.settle(epoch - 1, None)

    def after_divergence(self) -> int:
        """Resume from where the guard has brought the backend back to; returns how many epochs are complete there."""
        epoch, self._begun = self._guard.place
        self._seconds = 0.0
        if self._recorder is not None:
            self._recorder.recording = self._recorder.recording.until(self._backend.steps_done)
        return epoch

    def changed(self) -> None:
        """The backend's numbers have been changed from outside."""
        self._guard.forget()

    def state(self) -> dict[str, NDArray[Any]]:
        """What is done of the epoch that is begun as arrays, for a checkpoint; nothing between two epochs."""
        begun = self._begun.state()
        return {**begun, "begun_seconds": np.array([self._seconds])} if begun else {}

    def restore(self, state: Mapping[str, NDArray[Any]], rows: Rows) -> None:
        """Resume from a `state`; `rows` say how right answers are counted."""
        self._begun = Begun.restored(state, rows.accuracy)
        self._seconds = float(state["begun_seconds"][0]) if "begun_seconds" in state else 0.0
        self._guard.forget()

    def _steps_of_part(self, rows: Rows, epoch: int) -> int:
        return max(1, PART // max(1, self._work * self._backend.course(rows.count).batch(epoch)))

    def _train(self, rows: Rows, epoch: int, last: int, recorder: Recorder | None) -> None:
        apart = self._apart()
        start = time.perf_counter()
        self._guard.begin(epoch, self._begun)
        # The guard reports what is not finite, with its place.
        with np.errstate(all="ignore"):
            totals = (recorder or self._backend).train_epoch(rows, epoch, self._begun.steps, last)
        end = time.perf_counter()
        self._guard.check(epoch, totals, last, end)
        self._begun = Begun(last, (*self._begun.totals, totals))
        self._seconds += max(end - start - (self._apart() - apart), 0.0)

    def _apart(self) -> float:
        """Seconds so far of what happens while steps are done and is no part of them: recording, and compiling."""
        recording = 0.0 if self._recorder is None else self._recorder.seconds
        return recording + self._backend.compile_seconds
