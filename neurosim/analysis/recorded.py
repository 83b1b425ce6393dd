"""What was recorded of the layers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from neurosim.training.recording import Recording

if TYPE_CHECKING:  # what draws these numbers need not load a simulator
    from neurosim.training.simulator import Simulator


def recording(simulator: Simulator) -> Recording | None:
    """What was recorded, without the parameters: they are large, and other facts hold what is drawn of them."""
    return simulator.recording and replace(simulator.recording, parameters={}, optimizer=[])
