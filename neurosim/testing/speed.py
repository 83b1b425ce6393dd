"""The speed of an activation's compiled passes compared with those of ReLU."""

from __future__ import annotations

import ctypes
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.network.layers import choose
from neurosim.plugin import Activation
from neurosim.testing.scope import built_in
from neurosim.testing.verdicts import Verdict, noted

# A block of a wide layer that stays in the processor's cache, like those that the engine works on.
ROWS, COLUMNS = 256, 256
# About a million numbers, both passes.
ROUNDS = 16


def activation_speed(record: Any) -> Verdict:
    """Time of forward and backward passes relative to ReLU: medians of rounds in which both take turns."""
    own, relu = _Passes(record), _Passes(built_in().activations.get("relu"))
    own.seconds()
    relu.seconds()
    times = np.array([[own.seconds(), relu.seconds()] for _ in range(ROUNDS)])
    ours, theirs = np.median(times, axis=0) / (own.columns, relu.columns)
    nanoseconds = 1e9 * ours / ROWS
    return noted("speed", f"{ours / theirs:.1f} times relu on one thread ({nanoseconds:.2g} ns per unit, both passes)")


class _Passes:
    """Both passes of an activation over a block."""

    def __init__(self, record: Any) -> None:
        from neurosim.backends.cpu.kernels import activation_kernels, learned_kernels

        # Code and arrays are called by address: this object keeps them alive.
        learns = isinstance(record, Activation) and bool(record.learn)
        self.kernels = learned_kernels(record, False, False) if learns else activation_kernels(record)
        signature = ctypes.CFUNCTYPE(None, *[ctypes.c_ssize_t] * 9)
        self.forward, self.backward = signature(self.kernels.forward), signature(self.kernels.backward)
        # A formula of rows may index beyond the end of a row of another width.
        unit = max(getattr(record, "widths", ()), default=1)
        self.columns = max(COLUMNS // unit, 1) * unit
        self.given = np.random.default_rng(1).normal(0.0, 2.0, (ROWS, self.columns)).astype(np.float32)
        self.z, self.a, self.d = (np.zeros_like(self.given) for _ in range(3))
        self.bias = np.zeros(self.columns, np.float32)
        self.params = np.array(choose(record).values, np.float32)
        self.settings = self._table(record) if learns else self.params

    def _table(self, record: Activation) -> NDArray[np.int64]:
        """What a kernel of an activation that learns is given for its parameters."""
        from neurosim.backends.cpu.table import LearnedField

        params = choose(record).params
        learned = [params[name] for name in record.learn]
        self.params = np.array(
            [value for name, value in params.items() if name not in record.learn] + [0.0], np.float32
        )
        self.learned = np.array(learned, np.float32)
        self.sums = np.zeros(ROWS * COLUMNS * len(learned), np.float32)
        table = np.zeros(len(LearnedField), np.int64)
        table[LearnedField.FIXED], table[LearnedField.LEARNED] = self.params.ctypes.data, self.learned.ctypes.data
        table[LearnedField.NAMES], table[LearnedField.NUMBERS] = len(learned), 1
        table[LearnedField.WIDTH], table[LearnedField.SUMS] = COLUMNS, self.sums.ctypes.data
        return table

    def seconds(self) -> float:
        """The time of one forward and one backward pass."""
        # The first pass changes z, and the second one d.
        self.z[:] = self.given
        self.d[:] = 1.0
        z, a, d, bias, params = (array.ctypes.data for array in (self.z, self.a, self.d, self.bias, self.settings))
        block = (self.columns, 0, ROWS, 0, self.columns, params)
        start = time.perf_counter()
        self.forward(z, bias, a, *block)
        self.backward(z, a, d, *block)
        return time.perf_counter() - start
