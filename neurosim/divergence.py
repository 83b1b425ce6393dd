"""Divergence: training that leaves the finite numbers, found at the end of an epoch and traced to its batch.

Each epoch begins with a copy of the state. Where loss, parameters or the optimizer's memory are no longer finite
at its end, the epoch is repeated from that copy by halves (an epoch in parts gives the same bits), which finds the
batch; what the layers compute for its rows tells where it began.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import Backend, Rows, Totals, shuffle_key
from neurosim.errors import DivergedError
from neurosim.layers import Layer, Residual
from neurosim.randomness import permutation

SLOWER = (
    "Try a smaller learning rate (--set optimizer.lr=...), clipped gradients (--set training.clip_norm=1), "
    "or scale the inputs ([data] standardize = true)."
)
SMALLER = (
    "Nothing was learnt yet: scale the inputs ([data] standardize = true), or choose an init with smaller weights."
)


class Guard:
    """Watches one backend, and brings it back to where its numbers were finite.

    Parameters
    ----------
    backend : Backend
        Whose training is watched.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._start = _State(backend)

    def begin(self) -> None:
        """Keep the state as it is now; called before each epoch or part of one."""
        self._start.keep()

    def check(self, rows: Rows, epoch: int, totals: Totals, first: int = 0, last: int | None = None) -> None:
        """Look at what the steps since `begin` have made: those from `first` to before `last` of an epoch.

        Raises
        ------
        DivergedError
            When something is not finite; the backend is as it was at `begin` then.
        """
        if self._finite(totals):
            return
        with np.errstate(all="ignore"):
            end = self._backend.span(rows, first, last)[2]
            step = self._first_bad(rows, epoch, first, end)
            what = self._first_bad_tensor(rows, epoch, step)
        self._start.put_back()
        batches = self._backend.span(rows, 0, None)[2]
        at_once = epoch == step == 0 and what.startswith(("the weighted sums", "the outputs", "the loss"))
        raise DivergedError(
            f"training diverged in epoch {epoch + 1}, batch {step + 1} of {batches}: {what}",
            SMALLER if at_once else SLOWER,
        )

    def _finite(self, totals: Totals) -> bool:
        backend = self._backend
        arrays = (backend.parameters, backend.state, backend.statistics)
        return math.isfinite(totals.loss) and all(all_finite(array) for array in arrays)

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

    def _first_bad_tensor(self, rows: Rows, epoch: int, step: int) -> str:
        """In words, what is not finite first when this step is made."""
        backend, training = self._backend, self._backend.training
        order = permutation(shuffle_key(backend.seed, epoch), rows.count) if training.shuffle else np.arange(rows.count)
        start, stop, _ = backend.span(rows, step, step + 1)
        seen = backend.inspect(rows.some(order[start : stop if stop > start else None]))
        for layer in in_order(backend.network.layers):
            signals = seen.layers.get(layer.name)
            for name, values in (
                () if signals is None else (("weighted sums", signals.sums), ("outputs", signals.outputs))
            ):
                if values is not None and not all_finite(values):
                    return f"the {name} of {layer.name} are no longer finite"
        if not math.isfinite(seen.loss):
            return f"the loss is {seen.loss}"
        gradient = self._first_of(seen.gradient)
        if gradient:
            return f"the gradient of {gradient} is no longer finite"
        totals = backend.train_epoch(rows, epoch, step, step + 1)
        parameter = self._first_of(backend.parameters)
        if parameter:
            return f"the update leaves {parameter} no longer finite"
        for slot, values in zip(training.optimizer.record.slots, backend.state, strict=True):
            if not all_finite(values):
                return f"{slot} of the optimizer for {self._first_of(values)} is no longer finite"
        if not all_finite(backend.statistics):
            return "the running statistics of batch normalization are no longer finite"
        return f"the loss is {totals.mean_loss}"

    def _first_of(self, flat: NDArray[Any]) -> str:
        """Name of the parameter nearest to the output with a number that is not finite; empty where there is none."""
        bad = [name for name, values in self._backend.network.named(flat).items() if not all_finite(values)]
        return bad[-1] if bad else ""


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


def in_order(layers: Sequence[Layer]) -> Iterator[Layer]:
    """Every layer in the order in which data reach them: those inside of a residual one before it."""
    for layer in layers:
        if isinstance(layer, Residual):
            yield from in_order(layer.layers)
            if layer.projection is not None:
                yield layer.projection
        yield layer


def all_finite(array: NDArray[Any]) -> bool:
    """Whether all numbers of an array are finite."""
    # The sum is finite unless something in it is not, or it overflows; only then look closer.
    with np.errstate(all="ignore"):
        return bool(np.isfinite(array.sum())) or bool(np.isfinite(array).all())
