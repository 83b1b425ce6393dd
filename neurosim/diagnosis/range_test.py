"""Which learning rate suits a network: each of many gets the same few steps from the same start.

After Smith 2015 (arXiv:1506.01186), who raises the rate within one short training. Separate trainings cost more, but
what one rate does to the weights does not affect the next.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from neurosim.diagnosis.budget import Budget, longest
from neurosim.diagnosis.measured import train
from neurosim.errors import NeurosimError
from neurosim.training.simulator import Simulator

# Powers of ten that are tried, then these multiples of the best one.
POWERS = range(-6, 3)
# This many steps tell a good rate from a bad one.
ENOUGH = 500
BETWEEN = (0.3, 3.0)
# A smaller rate is safer: of those that come this close to the best one, the smallest is taken.
NEARLY = 0.95


@dataclass(frozen=True)
class RangeTest:
    """The outcome with each learning rate.

    Attributes
    ----------
    steps : int
        How many steps each of them got.
    begin : float
        The loss before.
    rates : tuple of float
        The rates, ascending.
    losses : tuple of float
        The training loss after the steps; infinite where training diverged.
    """

    steps: int
    begin: float
    rates: tuple[float, ...]
    losses: tuple[float, ...]

    @property
    def best(self) -> float | None:
        """The smallest rate with which the loss falls nearly as far as with any; None if it falls with none."""
        fallen = self.begin - min(self.losses)
        if not fallen > 0:
            return None
        return next(
            rate for rate, loss in zip(self.rates, self.losses, strict=True) if self.begin - loss >= NEARLY * fallen
        )


def range_test(fresh: Simulator, budget: Budget) -> RangeTest | None:
    """Try learning rates; None if the optimizer has none, or that would take too long."""
    if rate_of(fresh) is None:
        return None
    steps = min(ENOUGH, longest(fresh, trainings=len(POWERS) + len(BETWEEN)))
    if not steps:
        return None
    begin = train(fresh.fresh(), 0).loss
    if begin is None or not math.isfinite(begin):
        return None
    losses: dict[float, float] = {}

    def look(rate: float) -> None:
        if rate not in losses and budget.spend(fresh, steps):
            try:
                loss = train(fresh.changed({"optimizer.lr": rate}), steps).loss
            except NeurosimError:
                return
            losses[rate] = loss if loss is not None and math.isfinite(loss) else math.inf

    for power in POWERS:
        look(float(f"1e{power}"))
    if not losses:
        return None
    best = min(losses, key=lambda rate: losses[rate])
    for factor in BETWEEN:
        look(float(f"{best * factor:.0e}"))
    return RangeTest(steps, begin, tuple(sorted(losses)), tuple(losses[rate] for rate in sorted(losses)))


def rate_of(simulator: Simulator) -> float | None:
    """The learning rate of a scenario; None if its optimizer has none."""
    rate = simulator.scenario.optimizer.params.get("lr")
    return float(rate) if isinstance(rate, int | float) and rate > 0 else None
