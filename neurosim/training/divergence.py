"""Divergence: training that leaves the finite numbers, noticed in the epoch and traced to its batch.

The loss of every epoch is looked at. A look at every parameter and at the optimizer's memory costs more than a tiny
epoch does, so it is taken when training has gone on for long enough to make that cost disappear. Each look that finds
all finite is followed by a copy of the state. When something is not finite, training is repeated from the copy (the
same steps give the same bits), epoch by epoch and then by halves, which finds the batch; what the layers compute for
its rows shows where it began.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import Backend, Begun, Totals, shuffle_key
from neurosim.backends.formula_blame import Blame, blame_loss, blame_outputs, blame_slopes, blame_update
from neurosim.data.rows import Rows
from neurosim.errors import DivergedError
from neurosim.network.layers import Activated, in_order
from neurosim.randomness import permutation

SLOWER = (
    "Try a smaller learning rate (optimizer.lr), clipped gradients (training.clip_norm = 1), "
    "or, where that is not done yet, scaled inputs (data.standardize = true)."
)
SMALLER = "Nothing was learned yet: scale the inputs (data.standardize = true), or choose an init with smaller weights."
TARGETS = (
    "The targets are about {size:.2g} in size, and a new network answers with numbers around 0: scale them "
    "(data.standardize_targets = true), or give them in larger units, such as thousands."
)
# Root mean square of targets that may throw a network far away, as `neurosim doctor` has it.
LARGE = 10.0
# Rows by which the size of the inputs is judged.
SOME = 1000
# Training goes on for so many times as long as the last look at all numbers took before the next one.
RARELY = 400

LARGEST = float(np.finfo(np.float32).max)


class Guard:
    """Watches one backend, and brings it back to where its numbers were finite.

    Parameters
    ----------
    backend : Backend
        Whose training is watched.
    rows_of : function ``rows_of(epoch) -> Rows``
        The training rows of an epoch, from 0.
    always : bool
        Look at all numbers in every epoch, whatever that costs.
    """

    def __init__(self, backend: Backend, rows_of: Callable[[int], Rows], *, always: bool) -> None:
        self._backend = backend
        self._rows_of = rows_of
        self._rarely = 0 if always else RARELY
        self._start = _State(backend)
        self._place = (0, Begun())
        self._kept = False
        self._next_look = 0.0

    def forget(self) -> None:
        """The backend has been changed from outside: what was kept leads no longer to what it is."""
        self._kept = False

    def begin(self, epoch: int, begun: Begun) -> None:
        """Called before some steps of an epoch are made, with the part of it that is done."""
        if not self._kept:
            self._start.keep()
            self._place = (epoch, begun)
            self._kept = True

    def check(self, epoch: int, totals: Totals, last: int, now: float) -> None:
        """Look at what the steps since `begin` have made, up to before number `last` of an epoch.

        `now` is the time of `time.perf_counter`.

        Raises
        ------
        DivergedError
            When something is not finite; the backend is then as it was at the place that `settle` returns.
        """
        if not math.isfinite(totals.loss):
            self._trace(epoch, last)
        elif now >= self._next_look:
            self.settle(epoch, last)

    def settle(self, epoch: int, last: int | None) -> None:
        """Look at all numbers now, when an epoch is done, or its steps before number `last`; raises as `check`."""
        if not self._kept:
            return
        before = time.perf_counter()
        if not self._finite():
            self._trace(epoch, last)
        # The copy, which comes next, takes about as long as the look.
        now = time.perf_counter()
        self._next_look = now + 2 * self._rarely * (now - before)
        self._kept = False

    @property
    def place(self) -> tuple[int, Begun]:
        """After a divergence: the epoch that the backend has been brought back to, and the part of it that is done."""
        return self._place

    def _trace(self, epoch: int, last: int | None) -> None:
        """Find the step after which something is not finite first, go back, and raise DivergedError."""
        backend, (first_epoch, begun) = self._backend, self._place
        self._start.put_back()
        with np.errstate(all="ignore"):
            for number in range(first_epoch, epoch + 1):
                rows = self._rows_of(number)
                first = begun.steps if number == first_epoch else 0
                end = backend.span(rows, number, first, last if number == epoch else None)[2]
                if number > first_epoch:
                    self._start.keep()
                    self._place = (number, Begun())
                if not self._finite(backend.train_epoch(rows, number, first, end)):
                    break
            step = self._first_bad(rows, number, first, end)
            what, blame = self._first_bad_tensor(rows, number, step)
        self._start.put_back()
        self._kept = False
        batches = backend.course(rows.count).steps(number)
        at_once = number == step == 0 and what.startswith(("the weighted sums", "the outputs", "the loss"))
        remedy = _beyond_targets(rows) or (SMALLER if at_once else SLOWER)
        if blame is not None:
            what = f"{what}: {blame.what}"
            remedy = blame.advice if blame.ordinary else f"{blame.advice}\nOr keep its input small. {remedy}"
        raise DivergedError(f"training diverged in epoch {number + 1}, batch {step + 1} of {batches}: {what}", remedy)

    def _finite(self, totals: Totals | None = None) -> bool:
        backend = self._backend
        arrays = (backend.parameters, backend.state, backend.statistics)
        return (totals is None or math.isfinite(totals.loss)) and all(all_finite(array) for array in arrays)

    def _first_bad(self, rows: Rows, epoch: int, first: int, end: int) -> int:
        """The first step after which something is not finite; the backend is left as it is before this step."""
        before = _State(self._backend)
        self._start.put_back()
        before.keep()
        while end - first > 1:
            middle = (first + end) // 2
            if self._finite(self._backend.train_epoch(rows, epoch, first, middle)):
                first = middle
                before.keep()
            else:
                end = middle
                before.put_back()
        return first

    def _first_bad_tensor(self, rows: Rows, epoch: int, step: int) -> tuple[str, Blame | None]:
        """In words, what is not finite first when this step is made, and the formula to blame if it is a plugin's."""
        backend, training, network = self._backend, self._backend.training, self._backend.network
        precision = np.float64 if backend.parameters.dtype == np.float64 else np.float32
        order = permutation(shuffle_key(backend.seed, epoch), rows.count) if training.shuffle else np.arange(rows.count)
        start, stop, _ = backend.span(rows, epoch, step, step + 1)
        batch = rows.some(order[start : stop if stop > start else None])
        seen = backend.inspect(batch)
        for layer in in_order(backend.network.layers):
            signals = seen.layers.get(layer.name)
            for name, values in (
                () if signals is None else (("weighted sums", signals.sums), ("outputs", signals.outputs))
            ):
                if values is not None and not all_finite(values):
                    blame = None
                    if name == "outputs" and isinstance(layer, Activated) and signals and signals.sums is not None:
                        blame = blame_outputs(layer, signals.sums, precision)
                    return f"the {name} of {layer.name} are no longer finite", blame
        if not math.isfinite(seen.loss):
            return f"the loss is {seen.loss}", blame_loss(network, seen, batch, precision, gradient=False)
        gradient = self._first_of(seen.gradient)
        if gradient:
            found = blame_loss(network, seen, batch, precision, gradient=True)
            return f"the gradient of {gradient} is no longer finite", found or blame_slopes(network, seen, precision)
        kept = backend.state[: len(training.optimizer.record.slots)]
        before = [array.copy() for array in (backend.parameters, *kept)]
        number = backend.steps_done + 1
        totals = backend.train_epoch(rows, epoch, step, step + 1)
        parameter = self._first_of(backend.parameters)
        if parameter:
            place = int(np.flatnonzero(~(np.abs(backend.parameters) <= LARGEST))[-1])
            weight, *slots = (float(array[place]) for array in before)
            settings = backend.course(rows.count).settings(epoch).some(step, step + 1)
            numbers = (weight, float(seen.gradient[place]), *slots)
            found = blame_update(training, numbers, number, settings, precision)
            return f"the update leaves {parameter} no longer finite", found
        for slot, values in zip(training.slots, backend.state, strict=True):
            if not all_finite(values):
                return f"{slot} of the optimizer for {self._first_of(values)} is no longer finite", None
        if not all_finite(backend.statistics):
            return "the running statistics of batch normalization are no longer finite", None
        return f"the loss is {totals.mean_loss}", None

    def _first_of(self, flat: NDArray[Any]) -> str:
        """Name of the parameter nearest to the output with a number that is not finite; empty where there is none."""
        bad = [name for name, values in self._backend.network.named(flat).items() if not all_finite(values)]
        return bad[-1] if bad else ""


def _beyond_targets(rows: Rows) -> str:
    """What to do about targets that are large, and larger than the inputs; empty if they are not."""
    if not rows.values.size:
        return ""
    size = _size(rows.values)
    if size <= LARGE or size <= _size(rows.features[:SOME] * np.float64(rows.scale) + rows.shift):
        return ""
    return TARGETS.format(size=size)


def _size(values: NDArray[Any]) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


class _State:
    """A copy of what training changes in a backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._copies: list[NDArray[Any]] = []
        self._steps = 0

    def keep(self) -> None:
        arrays = self._arrays()
        if not self._copies:
            self._copies = [np.empty_like(array) for array in arrays]
        for copy, array in zip(self._copies, arrays, strict=True):
            copy[...] = array
        self._steps = self._backend.steps_done

    def put_back(self) -> None:
        for copy, array in zip(self._copies, self._arrays(), strict=True):
            array[...] = copy
        self._backend.steps_done = self._steps

    def _arrays(self) -> tuple[NDArray[Any], ...]:
        backend = self._backend
        return backend.parameters, backend.state, backend.statistics


def all_finite(array: NDArray[Any]) -> bool:
    """Whether all numbers of an array are finite in float32: that of model files, and of all backends but one."""
    return bool(np.isfinite(array).all() if array.dtype == np.float32 else (np.abs(array) <= LARGEST).all())
