"""Looking at a network with other parameters than its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what looks need not load a simulator
    from neurosim.training.simulator import Simulator


@contextmanager
def restored(simulator: Simulator) -> Iterator[None]:
    """Within this, the parameters and running statistics may be changed; afterward they are as before."""
    parameters, statistics = simulator.parameters, simulator.statistics
    try:
        yield
    finally:
        simulator.set_parameters(parameters)
        if statistics:
            simulator.set_statistics(statistics)
