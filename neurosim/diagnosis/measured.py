"""The outcome of a training, in the few numbers by which two of them are compared."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import DivergedError
from neurosim.training.simulator import Simulator

# A network that has learned this share of what there is to learn counts as having learned.
LEARNED = 0.5
# How many rows of a split a network is measured on, at most.
MOST = 2000


@dataclass(frozen=True)
class Measured:
    """A network after some training; what does not apply is None.

    Attributes
    ----------
    skill : float or None
        How much of what there is to learn was learned from the training rows: 0 is what a constant answer gives, 1 is
        no error.
    loss : float or None
        Mean loss on the training rows, without penalties.
    kept_loss : float or None
        Mean loss on the held-out rows.
    rare : float or None
        Share of the training rows of the rarest class that are recognized.
    dead : float
        Share of dead units in the hidden layer that has most of them.
    failure : str
        Why training failed; empty if it did not.
    """

    skill: float | None = None
    loss: float | None = None
    kept_loss: float | None = None
    rare: float | None = None
    dead: float = 0.0
    failure: str = ""

    @property
    def learned(self) -> bool:
        """Whether at least half of what there is to learn was learned."""
        return self.skill is not None and self.skill >= LEARNED

    def as_json(self) -> dict[str, Any]:
        """The same as plain data."""
        return asdict(self)


def measure(simulator: Simulator) -> Measured:
    """Measure a network as it is now, on some of the rows if there are many."""
    counts = simulator.confusion("train", MOST)
    split = kept_split(simulator)
    dead = simulator.measure_layers(("dead",)).values["dead"][0]
    return Measured(
        skill(simulator, counts),
        simulator.evaluate("train", MOST)["loss"],
        None if split is None else simulator.evaluate(split, MOST)["loss"],
        None if counts is None else rare_share(counts),
        float(np.max(dead[~np.isnan(dead)], initial=0.0)),
    )


def train(simulator: Simulator, steps: int) -> Measured:
    """Train a new simulator for this many steps, or to its end if that is all of them, and measure it."""
    try:
        if steps < total_steps(simulator):
            simulator.train_to(steps)
        else:
            simulator.train()
    except DivergedError as error:
        return Measured(failure=error.message)
    return measure(simulator)


def total_steps(simulator: Simulator) -> int:
    """Steps in the whole training of its scenario."""
    return simulator.course.total


def kept_split(simulator: Simulator) -> str | None:
    """The held-out rows by which training is judged: validation, else test; None if there are none."""
    return next((name for name in ("validation", "test") if name in simulator.splits), None)


def skill(simulator: Simulator, counts: NDArray[np.uint32] | None) -> float | None:
    """How much of what there is to learn was learned; `counts` is the confusion matrix of the training rows."""
    if counts is not None:
        total = max(int(counts.sum()), 1)
        usual = counts.sum(axis=1).max() / total
        return float((np.trace(counts) / total - usual) / max(1 - usual, 1e-9))
    rows = simulator.split_rows("train", MOST)
    inputs = rows.inputs(np.float32)
    targets = rows.values.astype(np.float64)
    error = float(np.mean((simulator.forward(inputs)[:, : simulator.network.answers] - targets) ** 2))
    spread = float(np.mean((targets - targets.mean(axis=0)) ** 2))
    return 1 - error / spread if spread > 0 and np.isfinite(error) else None


def rare_share(counts: NDArray[np.uint32]) -> float:
    """Share of the rows of the rarest class that are recognized."""
    sizes = counts.sum(axis=1)
    rarest = int(np.where(sizes > 0, sizes, sizes.max() + 1).argmin())
    return float(counts[rarest, rarest] / max(int(sizes[rarest]), 1))
