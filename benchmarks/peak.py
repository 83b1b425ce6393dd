"""The machine's own limit: one large float32 matrix product in NumPy's BLAS."""

from __future__ import annotations

from typing import Any

import numpy as np

SIZE = 2048
FLOP = 2 * SIZE**3


class Sgemm:
    """2048^3; units are floating-point operations."""

    units, repeats = FLOP, 15

    def __init__(self, threads: int) -> None:
        random = np.random.default_rng(0)
        self.a, self.b = (random.random((SIZE, SIZE), np.float32) for _ in range(2))
        self.c = np.empty((SIZE, SIZE), np.float32)

    def setup(self) -> None:
        pass

    def run(self) -> None:
        np.dot(self.a, self.b, out=self.c)

    def validate(self) -> dict[str, Any]:
        return {}
