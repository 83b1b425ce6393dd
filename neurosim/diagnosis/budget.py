"""How long doctor may train: decided by the work it takes, in multiply-adds, and never by the clock.

So a diagnosis is the same on every machine.
"""

from __future__ import annotations

from neurosim.diagnosis.measured import total_steps
from neurosim.training.simulator import Simulator

# For one training, and for a whole diagnosis: a few seconds, and less than a minute, on two processors.
ONE, ALL = 1 << 35, 1 << 38
# What a step and an epoch cost however small the network is, and what each moved pixel costs.
STEP, EPOCH, PIXEL = 200_000, 4_000_000, 200
# How much slower plain NumPy is than compiled kernels.
SLOWER = {"reference": 100}
# Fewer steps show nothing.
FEWEST = 20


class Budget:
    """The work left for one diagnosis, or for its share if there are several.

    Parameters
    ----------
    shared : int
        How many diagnoses share the work of one.
    """

    def __init__(self, shared: int = 1) -> None:
        self._left = ALL // shared

    def spend(self, simulator: Simulator, steps: int) -> bool:
        """Spend what this many steps cost; False, with nothing spent, if less is left."""
        cost = steps * _step(simulator)
        if cost > self._left:
            return False
        self._left -= cost
        return True


def longest(simulator: Simulator, trainings: int = 1) -> int:
    """How many steps may be trained in each of this many trainings; 0 if that would be too few to show anything."""
    total = total_steps(simulator)
    steps = min(total, ONE // (trainings * _step(simulator)))
    return steps if steps >= min(FEWEST, total) else 0


def _step(simulator: Simulator) -> int:
    """Multiply-adds of one step, forward and backward, with its share of what an epoch costs."""
    course = simulator.course
    batch, each = course.batch(0), course.steps(0)
    if simulator.training.batch_schedule is not None:
        # As many as there are on average.
        each = -(-course.total // max(simulator.training.epochs, 1))
        batch = -(-course.rows // each)
    layers = 3 * simulator.network.multiply_adds
    moved = PIXEL * simulator.network.inputs if simulator.augments else 0
    work = batch * (layers + moved) + STEP + EPOCH // each
    return work * SLOWER.get(simulator.backend, 1)
